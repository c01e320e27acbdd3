from __future__ import annotations

import datetime
import zipfile
from pathlib import Path
from typing import Any

import openpyxl  # type: ignore[import-untyped]
import pytest

from churn_pipeline.contract.file_format import FileFormat
from churn_pipeline.errors import DataError
from churn_pipeline.io.raw_table import RawTable, read_raw_table


def workbook(path: Path, **sheets: list[list[Any]]) -> str:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return str(path)


def cells(raw: RawTable) -> list[list[str]]:
    return raw.cells.to_numpy().tolist()


def error_of(source: str) -> str:
    with pytest.raises(DataError) as caught:
        read_raw_table(source)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_values_become_the_texts_that_a_csv_would_hold(tmp_path: Path) -> None:
    source = workbook(
        tmp_path / "a.xlsx",
        first=[
            [" id ", "x", "day", "at", "ok", 2026, "clock"],
            [
                "007",
                1 / 3,
                datetime.date(2026, 1, 31),
                datetime.datetime(2026, 1, 31, 10, 30),
                True,
                29.0,
                datetime.time(8, 5),
            ],
            ["é\nx", 1e22, None, None, False, 3, None],
        ],
        second=[["a"], [1]],
    )
    raw = read_raw_table(source)
    assert raw.cells.columns.tolist() == ["id", "x", "day", "at", "ok", "2026", "clock"]
    assert cells(raw) == [
        [
            "007",
            "0.3333333333333333",
            "2026-01-31",
            "2026-01-31 10:30:00",
            "True",
            "29",
            "08:05:00",
        ],
        ["é\nx", "1e+22", "", "", "False", "3", ""],
    ]
    assert raw.name == "a.xlsx"
    assert raw.lines.tolist() == [2, 3]


def test_a_sheet_may_be_named(tmp_path: Path) -> None:
    second: dict[str, list[list[Any]]] = {"Zweites Blatt": [["b"], [2]]}
    source = workbook(tmp_path / "a.xlsx", first=[["a"], [1]], **second)
    raw = read_raw_table(f"{source}::Zweites Blatt")
    assert raw.cells.to_dict("list") == {"b": ["2"]}
    assert raw.name == "a.xlsx::Zweites Blatt"
    assert "has no sheet 'third'; its sheets are first, Zweites Blatt" in error_of(
        f"{source}::third"
    )


def test_empty_rows_are_left_out_and_longer_ones_set_aside(tmp_path: Path) -> None:
    rows: list[list[Any]] = [["a", "b", None], [1, 2], [None, None], [3], [4, 5, None, 6], [7, 8]]
    raw = read_raw_table(workbook(tmp_path / "a.xlsx", first=rows))
    assert cells(raw) == [["1", "2"], ["3", ""], ["7", "8"]]
    assert raw.lines.tolist() == [2, 4, 6]
    assert raw.malformed["line"].tolist() == [5]
    assert raw.malformed["text"].tolist() == ["4\t5\t\t6"]
    assert raw.malformed["reason"].tolist() == ["4 fields instead of 2."]


def test_a_sheet_without_rows_is_an_error(tmp_path: Path) -> None:
    for rows in list[list[list[Any]]]([[], [["a", "b"]]]):
        assert "a.xlsx has no rows" in error_of(workbook(tmp_path / "a.xlsx", first=rows))


def test_what_is_no_workbook_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    whole = Path(workbook(tmp_path / "b.xlsx", first=[["a"], [1]])).read_bytes()
    with zipfile.ZipFile(tmp_path / "c.xlsx", "w") as other:
        other.writestr("x", "y")
    other_zip = (tmp_path / "c.xlsx").read_bytes()
    for content in (whole[:1000], b"\xd0\xcf\x11\xe0" + bytes(600), other_zip):
        path.write_bytes(content)
        assert "a.xlsx is not a readable Excel workbook" in error_of(str(path))
    for content, message in (
        (b"", "a.xlsx is empty"),
        (b"a,b\n1,2\n", "a.xlsx is a text file in spite of its name"),
        (b"<html><table>", "a.xlsx is an HTML page in spite of its name"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "is an old workbook (.xls), or one"),
    ):
        path.write_bytes(content)
        assert message in error_of(str(path))


DATA: list[list[Any]] = [["id", "x", "left"], *([f"C{i}", i * 7 % 50, "no"] for i in range(60))]


def looked_at(source: str, file: FileFormat | None = None) -> RawTable:
    return read_raw_table(source, file=file or FileFormat(), look=file is None)


@pytest.mark.parametrize(
    "first",
    [
        [["Confidential"], ["Bank Ltd"]],
        [["column", "meaning"], ["x", "months"], ["left", "whether left"]],
        [],
    ],
)
def test_the_sheet_of_the_table_is_found_and_asked_about(
    tmp_path: Path, first: list[list[Any]]
) -> None:
    source = workbook(tmp_path / "a.xlsx", First=first, Customers=DATA)
    raw = looked_at(source)
    assert len(raw.cells) == 60
    assert raw.found == FileFormat(sheet="Customers")
    assert f"First ({len(first)} × " in raw.remarks[0].text
    assert "Customers (61 × 3)" in raw.remarks[0].text
    assert raw.remarks[0].answer == "--sheet NAME (key file.sheet)"
    assert looked_at(source, raw.found).cells.equals(raw.cells)
    with pytest.raises(DataError, match="has no sheet 'Other'; its sheets are First, Customers"):
        looked_at(source, FileFormat(sheet="Other"))
    assert looked_at(f"{source}::Customers", FileFormat(sheet="Other")).cells.equals(raw.cells)


def test_sheets_that_may_all_be_meant_are_listed(tmp_path: Path) -> None:
    source = workbook(tmp_path / "a.xlsx", Jan=DATA, Feb=DATA[:40])
    message = error_of(source)
    assert "Jan (61 × 3), Feb (40 × 3)" in message
    assert "a.xlsx::Jan, or with --sheet" in message


def test_a_hidden_sheet_is_not_taken_unasked(tmp_path: Path) -> None:
    source = workbook(tmp_path / "a.xlsx", Note=[["x"]], Customers=DATA)
    book = openpyxl.load_workbook(source)
    book["Customers"].sheet_state = "hidden"
    book.save(source)
    assert "Customers (61 × 3, hidden)" in error_of(source)
    assert len(looked_at(f"{source}::Customers").cells) == 60


def test_formulas_without_results_are_refused(tmp_path: Path) -> None:
    rows = [*DATA[:1], *([a, f"=A{i}&1", c] for i, (a, _, c) in enumerate(DATA[1:], start=2))]
    message = error_of(workbook(tmp_path / "a.xlsx", Data=rows))
    assert "60 formulas whose results were not saved (sheet Data, column B, first in B2)" in message


def test_a_saved_result_is_read(tmp_path: Path) -> None:
    source = Path(workbook(tmp_path / "a.xlsx", Data=[["a", "b"], [1, "=1+1"], [2, '=""']]))
    with zipfile.ZipFile(source) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    text = parts[sheet].decode()
    text = text.replace("<f>1+1</f><v></v>", "<f>1+1</f><v>2</v>")
    text = text.replace("<f>1+1</f><v />", "<f>1+1</f><v>2</v>").replace('r="B3"', 'r="B3" t="str"')
    parts[sheet] = text.encode()
    with zipfile.ZipFile(source, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    assert cells(read_raw_table(str(source))) == [["1", "2"], ["2", ""]]


def test_errors_of_excel_are_empty_and_counted(tmp_path: Path) -> None:
    rows = [
        [a, "#REF!" if i == 3 else "#N/A" if i == 5 else b, c] for i, (a, b, c) in enumerate(DATA)
    ]
    raw = looked_at(workbook(tmp_path / "a.xlsx", Data=rows))
    assert raw.cells["x"].iloc[[2, 4]].tolist() == ["", ""]
    assert "2 cells contain an Excel error" in raw.remarks[0].text


def test_the_last_columns_may_have_no_name(tmp_path: Path) -> None:
    rows = [["id", "x"], *DATA[1:]]
    raw = looked_at(workbook(tmp_path / "a.xlsx", Data=rows))
    assert list(raw.cells.columns) == ["id", "x", "column_3"]
    assert len(raw.cells) == 60
