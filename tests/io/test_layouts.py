"""Rows above, below and between the customers; tests/io/test_text_reader.py has plain files."""

from __future__ import annotations

import random
from pathlib import Path

import openpyxl  # type: ignore[import-untyped]
import pytest

from churn_pipeline.contract.file_format import FileFormat
from churn_pipeline.errors import DataError
from churn_pipeline.io.raw_table import RawTable, read_raw_table
from churn_pipeline.io.readers.layout import find_header, joined_names

HEADER = ["client", "status", "months", "calls"]


def customers(n: int = 60) -> list[list[str]]:
    dice = random.Random(1)
    return [
        [f"{10**8 + i}", dice.choice(["Open", "Closed"]), f"{dice.randint(1, 60)}", f"{i % 7}"]
        for i in range(n)
    ]


BODY = [HEADER, *customers()]


def read(
    folder: Path, rows: list[list[str]], file: FileFormat | None = None, kind: str = "csv"
) -> RawTable:
    path = folder / f"customers.{kind}"
    if kind == "csv":
        path.write_text("".join(",".join(row) + "\n" for row in rows), encoding="utf-8")
    else:
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append([int(c) if c.isdigit() else c or None for c in row])
        book.save(path)
    return read_raw_table(str(path), file=file or FileFormat(), look=file is None)


KINDS = pytest.mark.parametrize("kind", ["csv", "xlsx"])


@KINDS
@pytest.mark.parametrize(
    "second",
    [
        [["number of the client", "whether it is open", "months with us (bulan)", "calls a year"]],
        [["klient", "stav", "měsíce", "hovory"]],
        [["", "", "months", ""]],
        [["no.", "text", "months", "n"], ["string", "string", "int", "int"]],
    ],
)
def test_further_rows_of_the_header_are_left_out_and_asked_about(
    tmp_path: Path, kind: str, second: list[list[str]]
) -> None:
    rows = [HEADER, *second, *customers()]
    raw = read(tmp_path, rows, kind=kind)
    assert list(raw.cells.columns) == HEADER
    assert raw.cells.to_numpy().tolist() == customers()
    assert raw.lines[0] == 2 + len(second)
    assert raw.found.header_rows == 1 + len(second)
    assert raw.remarks[0].answer == "--header-rows 1 (key file.header_rows)"
    assert read(tmp_path, rows, raw.found, kind).cells.equals(raw.cells)
    # without the key all rows stay, for the contract to refuse
    assert len(read(tmp_path, rows, FileFormat(), kind).cells) == len(second) + 60


def test_a_file_without_the_second_header_loses_no_customer(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"line 2: 100000000, .* looks like a customer"):
        read(tmp_path, BODY, FileFormat(header_rows=2))


@KINDS
@pytest.mark.parametrize(
    "above",
    [
        [["Report of 2025"], ["Region: North"], []],
        [["Report of 2025", "", "", ""], ["made by hand", "", "", ""]],
        [["# exported by a tool", "version 3", "x", "y"], ["# on a day"]],
        [["Customer", "", "", "Use"]],
    ],
)
def test_rows_above_the_header_are_skipped_and_asked_about(
    tmp_path: Path, kind: str, above: list[list[str]]
) -> None:
    raw = read(tmp_path, [*above, *BODY], kind=kind)
    assert list(raw.cells.columns) == HEADER
    assert raw.cells.to_numpy().tolist() == customers()
    assert raw.lines[0] == len(above) + 2
    assert raw.found.skip_rows == len(above)
    assert above[0][0].split(",")[0] in raw.remarks[0].text
    assert read(tmp_path, [*above, *BODY], raw.found, kind).cells.equals(raw.cells)


@KINDS
def test_a_header_of_merged_cells_is_joined(tmp_path: Path, kind: str) -> None:
    rows = [["client", "status", "Use", ""], ["", "", "months", "calls"], *customers()]
    raw = read(tmp_path, rows, kind=kind)
    assert list(raw.cells.columns) == ["client", "status", "Use months", "Use calls"]
    assert (raw.found.header_rows, len(raw.cells)) == (2, 60)
    assert read(tmp_path, rows, raw.found, kind).cells.equals(raw.cells)


def test_names_of_several_rows() -> None:
    assert joined_names([["a", "b"], ["x", "y"]]) == ["a", "b"]
    assert joined_names([["a", "a"], ["x", "y"]]) == ["a x", "a y"]
    assert joined_names([["", "q", ""], ["id", "x", "y"]]) == ["id", "q x", "q y"]


@KINDS
def test_no_header_is_asked_about(tmp_path: Path, kind: str) -> None:
    with pytest.raises(DataError, match=r"seems to have no header: .* --header-rows 0"):
        read(tmp_path, customers(), kind=kind)
    raw = read(tmp_path, customers(), FileFormat(header_rows=0), kind)
    assert list(raw.cells.columns) == ["column_1", "column_2", "column_3", "column_4"]
    assert raw.cells.to_numpy().tolist() == customers()
    assert (raw.lines[0], raw.lines[-1]) == (1, 60)


@pytest.mark.parametrize("names", [["0", "1", "2", "3"], ["client", "status", "2024", "2025"]])
def test_numbers_may_be_names(tmp_path: Path, names: list[str]) -> None:
    assert list(read(tmp_path, [names, *customers()]).cells.columns) == names


@KINDS
@pytest.mark.parametrize(
    ("below", "start"),
    [
        ([["Total", "", "1830", "180"]], "Total"),
        ([["", "", "", ""], ["Grand total", "", "1830", "180"]], "Grand total"),
        ([["Итого", "", "1830", ""]], "Итого"),
        ([["Source: CRM", "", "", ""]], "Source: CRM"),
    ],
)
def test_a_footer_is_left_out_and_asked_about(
    tmp_path: Path, kind: str, below: list[list[str]], start: str
) -> None:
    raw = read(tmp_path, [*BODY, *below], kind=kind)
    assert raw.cells.to_numpy().tolist() == customers()
    assert raw.found.footer == (start,)
    # the key costs no customer of a file without a footer
    assert len(read(tmp_path, BODY, raw.found, kind).cells) == 60
    assert read(tmp_path, [*BODY, *below], raw.found, kind).cells.equals(raw.cells)


@pytest.mark.parametrize("line", ["-- 60 rows", '"-- 1,500 rows"', "Total: 60"])
def test_a_last_line_that_counts_rows_is_no_malformed_one(tmp_path: Path, line: str) -> None:
    raw = read(tmp_path, [*BODY, [line]])
    assert (len(raw.cells), len(raw.malformed)) == (60, 0)


def test_a_repeated_header_is_set_aside(tmp_path: Path) -> None:
    for mark in ("", "\ufeff"):
        again = [f"{mark}client", *HEADER[1:]]
        raw = read(tmp_path, [*BODY, again, *customers()])
        assert raw.malformed["line"].tolist() == [62]
        assert raw.malformed["reason"].tolist() == ["repeats the header."]
        assert (len(raw.cells), raw.lines[-1]) == (120, 122)
        assert "repeating the header" in raw.remarks[-1].text


def test_columns_without_a_name(tmp_path: Path) -> None:
    rows = [[str(i), *row, ""] for i, row in enumerate(BODY)]
    rows[0][0] = rows[0][2] = ""
    raw = read(tmp_path, rows)
    assert list(raw.cells.columns) == ["column_1", "client", "column_3", "months", "calls"]
    assert "does not name column 1, 3" in raw.remarks[0].text


def test_a_second_table_below_is_set_aside(tmp_path: Path) -> None:
    rows = [*BODY, [], ["region", "sum", "", ""], ["North", "1", "", ""], ["South", "2", "", ""]]
    raw = read(tmp_path, rows, kind="xlsx")
    assert (len(raw.cells), raw.malformed["line"].tolist()) == (60, [63, 64, 65])
    assert "Is it another table?" in raw.remarks[-1].text


@pytest.mark.parametrize("place", ["rows", "both", "header"])
def test_a_separator_at_the_end_of_lines_is_no_column(tmp_path: Path, place: str) -> None:
    rows = [[*row, ""] if place != "header" else row for row in customers()]
    header = [*HEADER, ""] if place != "rows" else HEADER
    raw = read(tmp_path, [header, *rows])
    assert list(raw.cells.columns) == HEADER
    assert (raw.cells.to_numpy().tolist(), len(raw.malformed)) == (customers(), 0)
    assert raw.lines.tolist() == list(range(2, 62))


def test_names_of_rows_in_front_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="4 names in its header and 5 fields in its rows"):
        read(tmp_path, [HEADER, *([str(i), *row] for i, row in enumerate(customers()))])


def test_rows_that_do_not_fit_are_told(tmp_path: Path) -> None:
    rows = [row[:3] if i % 5 == 2 else row for i, row in enumerate(BODY)]
    raw = read(tmp_path, rows)
    assert "most often 3 fields instead of 4; first line 3." in raw.remarks[-1].text


def test_find_header_of_plain_tables() -> None:
    assert find_header([HEADER, *customers(5)]) == (0, 1)
    assert find_header([["a"], ["1"], ["2"]]) == (0, 1)
    assert find_header([[], ["a"], ["1"]]) == (1, 1)
    assert find_header([["#client", *HEADER[1:]], *customers(9)]) == (0, 1)
    assert find_header([["client", "", "months", "calls"], *customers(9)]) == (0, 1)
