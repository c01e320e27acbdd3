from __future__ import annotations

import datetime
import zipfile
from pathlib import Path
from typing import Any

import openpyxl  # type: ignore[import-untyped]
import pytest

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
        assert "a.xlsx is not an Excel workbook that can be read" in error_of(str(path))
    for content, message in (
        (b"", "a.xlsx is empty"),
        (b"a,b\n1,2\n", "a.xlsx is a text file whatever its name says"),
        (b"<html><table>", "a.xlsx is an HTML page whatever its name says"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "is an old workbook (.xls), or one"),
    ):
        path.write_bytes(content)
        assert message in error_of(str(path))
