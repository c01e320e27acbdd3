from __future__ import annotations

import datetime
import hashlib
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kedro.io import DatasetError

from churn_pipeline.contract.file_format import FileFormat
from churn_pipeline.errors import DataError
from churn_pipeline.io.raw_table import RawTable, RawTableDataset, read_raw_table
from tests.sizes import examples


def read(path: Path) -> RawTable:
    return RawTableDataset(filepath=str(path)).load()


def read_csv(folder: Path, content: bytes | str) -> RawTable:
    path = folder / "customers.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read(path)


def read_parquet(folder: Path, **columns: Any) -> RawTable:
    path = folder / "customers.parquet"
    pyarrow.parquet.write_table(pa.table(columns), path)
    return read(path)


def data_error(path: Path) -> str:
    with pytest.raises(DatasetError) as caught:
        read(path)
    assert isinstance(caught.value.__cause__, DataError)
    message = str(caught.value.__cause__)
    assert "\n" not in message
    return message


def cells(raw: RawTable) -> list[list[str]]:
    return raw.cells.to_numpy().tolist()


# CSV: cells and lines


def test_cells_stay_as_they_stand_in_the_file(tmp_path: Path) -> None:
    raw = read_csv(tmp_path, 'a,b,c\n 1 ,007,"x,""y"""\nNA,,1e5\n')
    assert raw.cells.columns.tolist() == ["a", "b", "c"]
    assert cells(raw) == [[" 1 ", "007", 'x,"y"'], ["NA", "", "1e5"]]
    assert raw.name == "customers.csv"
    assert raw.sha256 == hashlib.sha256((tmp_path / "customers.csv").read_bytes()).hexdigest()


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_lines_count_blank_lines_and_quoted_newlines(
    tmp_path: Path, newline: str, mark: str
) -> None:
    lines = ["a,b", "1,2", "", '"3', 'x",4', "", "", "5", "6,7,8", '"9', 'y"', "10,11", ""]
    raw = read_csv(tmp_path, mark + newline.join(lines))
    assert raw.cells.columns.tolist() == ["a", "b"]
    assert cells(raw) == [["1", "2"], [f"3{newline}x", "4"], ["10", "11"]]
    assert raw.lines.tolist() == [2, 4, 12]
    assert raw.spans.tolist() == [1, 2, 1]
    assert raw.malformed["line"].tolist() == [8, 9, 10]
    assert raw.malformed["span"].tolist() == [1, 1, 2]
    assert raw.malformed["fields"].tolist() == [1, 3, 1]
    assert raw.malformed["text"].tolist() == ["5", "6,7,8", f'"9{newline}y"']


def test_header_may_span_lines_and_is_trimmed(tmp_path: Path) -> None:
    raw = read_csv(tmp_path, ' a ,"b\nc"\n1,2\n')
    assert raw.cells.columns.tolist() == ["a", "b\nc"]
    assert raw.lines.tolist() == [3]


def test_last_line_needs_no_newline(tmp_path: Path) -> None:
    assert cells(read_csv(tmp_path, "a,b\n1,2")) == [["1", "2"]]


def test_a_line_of_mere_commas_is_a_row_but_an_empty_line_is_not(tmp_path: Path) -> None:
    raw = read_csv(tmp_path, b"a,b\n\n,\n\n1,2\n")
    assert raw.lines.tolist() == [3, 5]
    assert raw.malformed.empty


def test_empty_line_of_a_single_column_is_no_customer(tmp_path: Path) -> None:
    raw = read_csv(tmp_path, "a\n1\n\n2\n")
    assert cells(raw) == [["1"], ["2"]]
    assert raw.lines.tolist() == [2, 4]


def test_lines_are_right_beyond_the_first_block_of_the_reader(tmp_path: Path) -> None:
    lines = ["a,b", *(f"{i},{'x' * 90}" for i in range(30_000))]
    for line in (5, 15_000, 29_999):
        lines[line - 1] = "bad"
    lines[20_000] = '"q\nq",2'
    raw = read_csv(tmp_path, "\n".join(lines))
    assert raw.malformed["line"].tolist() == [5, 15_000, 30_000]
    assert raw.lines[raw.spans > 1].tolist() == [20_001]
    assert raw.lines[-1] == 30_002


def test_an_unclosed_quote_swallows_lines_and_is_charged_for_them(tmp_path: Path) -> None:
    raw = read_csv(tmp_path, "a,b\n1,2\n" + '"3,4\n' + "5,6\n" * 50)
    assert cells(raw) == [["1", "2"]]
    assert raw.malformed["line"].tolist() == [3]
    assert raw.malformed["span"].item() == pytest.approx(51, abs=1)


cell = st.text(st.characters(codec="utf-8"), max_size=6)


@settings(max_examples=examples(40), deadline=None)
@given(st.lists(st.tuples(cell, cell), min_size=1, max_size=6))
def test_any_quoted_text_survives(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    def quoted(text: str) -> str:
        return '"' + text.replace('"', '""') + '"'

    body = "".join(f"{quoted(a)},{quoted(b)},x\n" for a, b in rows)
    raw = read_csv(tmp_path_factory.mktemp("any"), "a,b,c\n" + body)
    assert cells(raw) == [[a, b, "x"] for a, b in rows]
    spans = [1 + (a + b).count("\n") for a, b in rows]
    assert raw.spans.tolist() == spans
    assert raw.lines.tolist() == [2 + sum(spans[:i]) for i in range(len(rows))]


@settings(max_examples=examples(80), deadline=None)
@given(
    st.one_of(
        st.binary(max_size=80),
        st.text(st.sampled_from('a,"\n\r é\0'), max_size=60).map(str.encode),
        st.text(max_size=40).map(lambda text: ("a,b\n" + text).encode()),
    )
)
def test_any_bytes_are_a_table_or_a_data_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("any") / "customers.csv"
    path.write_bytes(content)
    try:
        raw = read(path)
    except DatasetError as error:
        if not isinstance(error.__cause__, DataError):
            raise
        return
    assert len(raw.cells) == len(raw.lines) == len(raw.spans) > 0
    assert raw.cells.notna().all(axis=None)


# Files that cannot be used


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "customers.csv is empty; a customer table is needed"),
        (b"\n", "customers.csv has no rows"),
        (b"a,b\n", "customers.csv has no rows"),
        (b"a,b", "it has no rows"),
        (b"a,b\n\n\n", "customers.csv has no rows"),
        (b"a,b\n1\n2\n", "no row of as many fields as its header (2, on line 1)"),
        (bytes(range(256)) * 9, "is not a text file (it contains control"),
        (b"a,b,a\n1,2,3\n", "has the column 'a' twice; rename one of them"),
        (b"a,b, a\n1,2,3\n", "has the column 'a' twice; rename one of them"),
        (
            b"a,b\n" + b"1,2\n" * 200_000 + b'"' + b"1,2\n" * 600_000,
            "is there a quote that is never closed?",
        ),
    ],
)
def test_unusable_csv_is_one_sentence(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "customers.csv"
    path.write_bytes(content)
    error = data_error(path)
    assert message in error
    assert error.startswith("customers.csv")


def test_wrong_encoding_late_in_a_large_file_is_located(tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    path.write_bytes(b"a,b\n" + b"1,2\n" * 600_000 + b"\x81,2\n")
    with pytest.raises(DataError, match=r"is not CP1252 text \(line 600002, byte 0x81\)"):
        read_raw_table(str(path), file=FileFormat(encoding="cp1252"))


def test_blank_lines_above_the_header_are_skipped(tmp_path: Path) -> None:
    raw = read_csv(tmp_path, b"\n\na,b\n1,2\n")
    assert (cells(raw), raw.lines.tolist()) == ([["1", "2"]], [4])


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b"PAR1" + bytes(99)])
def test_what_is_no_parquet_file_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "customers.parquet"
    path.write_bytes(content)
    assert "customers.parquet is not a Parquet file" in data_error(path)


def test_unknown_ending_names_the_valid_ones(tmp_path: Path) -> None:
    path = tmp_path / "customers.doc"
    path.write_bytes(b"a")
    error = data_error(path)
    assert "has the ending '.doc'; ingestion.source takes .csv, .tsv, .txt, .parquet" in error


def test_absent_file_names_the_parameter(tmp_path: Path) -> None:
    assert "does not exist; set ingestion.source" in data_error(tmp_path / "customers.csv")


def test_errors_name_the_parameter_that_the_path_is_from(tmp_path: Path) -> None:
    for name, problem in [("customers.csv", "does not exist"), ("customers.doc", "the ending")]:
        with pytest.raises(DatasetError) as caught:
            RawTableDataset(filepath=str(tmp_path / name), setting="scoring.source").load()
        message = str(caught.value.__cause__)
        assert problem in message
        assert "scoring.source" in message
        assert "ingestion.source" not in message


def test_ending_may_be_upper_case(tmp_path: Path) -> None:
    path = tmp_path / "CUSTOMERS.CSV"
    path.write_bytes(b"a,b\n1,2\n")
    assert cells(read(path)) == [["1", "2"]]


def test_the_file_is_never_written(tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    path.write_bytes(b"a,b\n1,2\n")
    dataset: Any = RawTableDataset(filepath=str(path))
    with pytest.raises(DatasetError, match="the pipeline never writes to it"):
        dataset.save("x")
    assert dataset.exists()
    assert path.read_bytes() == b"a,b\n1,2\n"


# Parquet


def test_parquet_values_become_the_texts_a_csv_would_hold(tmp_path: Path) -> None:
    raw = read_parquet(
        tmp_path,
        integer=pa.array([1, None, 2**60 + 1]),
        small=pa.array([1, None, 0], pa.uint8()),
        number=pa.array([29.85, None, float("nan")]),
        decimal=pa.array([Decimal("29.85"), None, Decimal("1.10")]),
        flag=pa.array([True, None, False]),
        text=pa.array(["x", None, ""]),
        category=pa.array(["x", None, "y"]).dictionary_encode(),
        codes=pa.array([1, None, 0]).dictionary_encode(),
        nothing=pa.array([None, None, None]),
    )
    assert raw.cells.to_dict("list") == {
        "integer": ["1", "", "1152921504606846977"],
        "small": ["1", "", "0"],
        "number": ["29.85", "", ""],
        "decimal": ["29.85", "", "1.10"],
        "flag": ["True", "", "False"],
        "text": ["x", "", ""],
        "category": ["x", "", "y"],
        "codes": ["1", "", "0"],
        "nothing": ["", "", ""],
    }
    assert raw.lines.tolist() == [1, 2, 3]
    assert raw.spans.tolist() == [1, 1, 1]
    assert raw.malformed.empty


def test_unusual_parquet_types_are_read_as_some_text(tmp_path: Path) -> None:
    raw = read_parquet(
        tmp_path,
        lists=pa.array([[1, 2], None]),
        structs=pa.array([{"a": 1}, None]),
        bytes=pa.array([b"x", None]),
        times=pa.array([pd.Timestamp("2020-01-01"), None]),
        large=pa.array(["x", None], pa.large_string()),
    )
    assert cells(raw)[1] == [""] * 5
    assert all(cells(raw)[0])


def test_numbers_of_parquet_keep_every_digit(tmp_path: Path) -> None:
    numbers = [0.1, 1 / 3, 1e22, 5e-324, -0.0, 123456.789]
    raw = read_parquet(tmp_path, x=pa.array(numbers))
    assert [float(text) for text in raw.cells["x"]] == numbers


@pytest.mark.parametrize("names", [["a", "a"], ["a", " a"]])
def test_parquet_column_given_twice_is_an_error(tmp_path: Path, names: list[str]) -> None:
    path = tmp_path / "customers.parquet"
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=names)
    pyarrow.parquet.write_table(table, path)
    assert "has the column 'a' twice" in data_error(path)


def test_parquet_without_rows_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "customers.parquet"
    pyarrow.parquet.write_table(pa.table({"a": pa.array([], pa.int64())}), path)
    assert "customers.parquet has no rows" in data_error(path)


def test_typed_columns_of_parquet_are_spelled_as_python_does(tmp_path: Path) -> None:
    days = [datetime.date(1, 1, 1), datetime.date(9999, 12, 31), None]
    raw = read_parquet(
        tmp_path,
        truth=pa.array([True, None, False]),
        day=pa.array(days),
        single=pa.array([0.1, 1e-7, None], pa.float32()),
        double=pa.array([0.1, float("nan"), 1e300]),
    )
    assert raw.cells["truth"].tolist() == ["True", "", "False"]
    assert raw.cells["day"].tolist() == [str(day) if day else "" for day in days]
    assert raw.cells["single"].tolist()[:2] == [repr(float(np.float32(x))) for x in (0.1, 1e-7)]
    assert raw.cells["double"].tolist() == ["0.1", "", "1e+300"]
