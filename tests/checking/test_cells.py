from __future__ import annotations

import math

import pandas as pd
import pytest

from churn_pipeline.checking.cells import cast_columns, read_cells
from churn_pipeline.contract import Column, Contract, parse_contract


def contract_of(kind: str, *, nullable: bool = False, missing: tuple[str, ...] = ("",)) -> Contract:
    values = ("b", "a") if kind == "category" else ()
    column = Column("x", kind, ("feature",), "m", values=values, nullable=nullable)  # type: ignore[arg-type]
    return Contract("c", "", missing, {"x": column})


def read(kind: str, cell: str) -> tuple[object, list[str]]:
    table, unreadable = read_cells(pd.DataFrame({"x": [cell]}, dtype="str"), contract_of(kind))
    return table["x"].item(), unreadable["rule"].tolist()


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("1", 1.0), ("-1.5", -1.5), ("+2", 2.0), (" 3\t", 3.0), (".5", 0.5), ("5.", 5.0),
        ("1e3", 1000.0), ("2.5E-1", 0.25), ("0.1", 0.1), ("007", 7.0), ("1e-999", 0.0),
        ("5e-324", 5e-324), ("(12.50)", -12.5), ("12.50-", -12.5), ("12.50 -", -12.5),
        ("\u221212.50", -12.5), ("\u201312.50", -12.5), ("- 3", -3.0), ("(3)", -3.0), ("٣", 3.0),
        ("\uff11\uff12\uff0e\uff15", 12.5), ("\u200e7", 7.0), ("1e-3", 0.001), ("1e400", math.inf),
    ],
)  # fmt: skip
def test_number_is_read(cell: str, number: float) -> None:
    assert read("number", cell) == (number, [])


@pytest.mark.parametrize(
    "cell",
    ["x", "1,5", "1 000", "0x10", "1_000", "inf", "-Infinity", "nan", "1e", "--1", ".",
     "(1", "(-1)", "1-2", "-1-", "½", "1²", "1\0", "$5", "True"],
)  # fmt: skip
def test_what_is_no_number_is_named(cell: str) -> None:
    number, rules = read("number", cell)
    assert math.isnan(number)  # type: ignore[arg-type]
    assert rules == ["not_a_number"]


@pytest.mark.parametrize(("cell", "number"), [("4", 4), ("4.0", 4), ("4e1", 40), ("-0", 0)])
def test_integer_is_read(cell: str, number: int) -> None:
    assert read("integer", cell) == (number, [])


@pytest.mark.parametrize("cell", ["4.5", "1e-1", "9007199254740993", "x", "inf"])
def test_what_is_no_integer_is_named(cell: str) -> None:
    assert read("integer", cell)[1] == ["not_an_integer"]


@pytest.mark.parametrize("kind", ["number", "integer", "category", "text"])
@pytest.mark.parametrize("cell", ["", "  ", "NA", " NA "])
def test_spellings_of_missing_are_missing_and_readable(kind: str, cell: str) -> None:
    cells = pd.DataFrame({"x": [cell]}, dtype="str")
    table, unreadable = read_cells(cells, contract_of(kind, missing=("", "NA")))
    assert table["x"].isna().all()
    assert unreadable.empty


def test_texts_are_trimmed() -> None:
    assert read("text", " a b\n") == ("a b", [])


@pytest.mark.parametrize(
    ("kind", "nullable", "values", "dtype"),
    [
        ("integer", False, [1.0, 2.0], "int64"),
        ("integer", True, [1.0, math.nan], "float64"),
        ("number", True, [1.5, math.nan], "float64"),
        ("text", True, ["a", None], "str"),
    ],
)
def test_final_types(kind: str, nullable: bool, values: list[object], dtype: str) -> None:
    table = cast_columns(pd.DataFrame({"x": values}), contract_of(kind, nullable=nullable))
    assert table["x"].dtype == dtype


def test_categories_come_in_the_order_of_the_contract() -> None:
    table = cast_columns(pd.DataFrame({"x": ["a", "b"]}), contract_of("category"))
    assert table["x"].cat.categories.tolist() == ["b", "a"]


def column_of(**keys: object) -> Contract:
    column = {"meaning": "m", **keys}
    others = {
        "key": {"type": "text", "role": "id", "meaning": "m"},
        "left": {"type": "category", "role": "target", "values": ["n", "y"], "positive": "y",
                 "meaning": "m"},
        "fee": {"type": "number", "meaning": "m"},
    }  # fmt: skip
    columns = parse_contract({"name": "c", "columns": {**others, "x": column}}).columns
    return Contract("c", "", ("",), {"x": columns["x"]})


def read_as(cells: list[str], **keys: object) -> tuple[list[object], list[int]]:
    table, unreadable = read_cells(pd.DataFrame({"x": cells}, dtype="str"), column_of(**keys))
    return table["x"].tolist(), unreadable["row"].tolist()


@pytest.mark.parametrize(
    ("keys", "cell", "number"),
    [
        ({"decimal": ","}, "1,5", 1.5), ({"decimal": ","}, "-,5e2", -50.0),
        ({"decimal": ","}, "7", 7.0), ({"thousands": ","}, "1,234.5", 1234.5),
        ({"thousands": ","}, "12,34,567", 1234567.0), ({"thousands": ","}, "1234.5", 1234.5),
        ({"thousands": ",", "strip": ["$"]}, "-$1,234,567", -1234567.0),
        ({"thousands": ".", "decimal": ","}, "1.234.567,89", 1234567.89),
        ({"thousands": ".", "decimal": ","}, "1.234", 1234.0),
        ({"thousands": " "}, "1\u202f234\u00a0567", 1234567.0),
        ({"thousands": "'"}, "1\u2019234.5", 1234.5),
        ({"strip": ["$"]}, "$ 5", 5.0), ({"strip": ["$"]}, "$-5", -5.0),
        ({"strip": ["%"]}, "12.5 %", 12.5), ({"strip": ["EUR", "€"]}, "5\u00a0EUR", 5.0),
        ({"strip": ["("]}, "(5", 5.0), ({"strip": ["$", "USD"]}, "$5 USD", 5.0),
    ],
)  # fmt: skip
def test_number_is_read_as_files_spell_it(
    keys: dict[str, object], cell: str, number: float
) -> None:
    assert read_as([cell], type="number", **keys) == ([number], [])


@pytest.mark.parametrize(
    ("keys", "cell"),
    [
        ({"decimal": ","}, "1.5"), ({"decimal": ","}, "1,5,5"), ({"thousands": ","}, "1,5"),
        ({"thousands": ","}, "1,234.5,6"), ({"thousands": ","}, "1,,234"),
        ({"thousands": ",", }, ",123"), ({"thousands": ".", "decimal": ","}, "1.5"),
        ({"thousands": ".", "decimal": ","}, "1,234.5"), ({"strip": ["$"]}, "€5"),
        ({"strip": ["$"]}, "$"), ({"strip": ["$"]}, "1$2"), ({}, "1,5"), ({}, "$5"),
    ],
)  # fmt: skip
def test_number_is_not_guessed(keys: dict[str, object], cell: str) -> None:
    assert read_as([cell], type="number", **keys)[1] == [0]


@pytest.mark.parametrize(
    ("keys", "cell", "number"),
    [
        ({"strip": ["$"]}, "-$12", -12.0), ({"strip": ["$"]}, "$-12", -12.0),
        ({"strip": ["$"]}, "$(12)", -12.0), ({"strip": ["$"]}, "($ 12)", -12.0),
        ({"strip": ["€"]}, "12-\u00a0€", -12.0), ({"strip": ["USD"]}, "USD -12", -12.0),
        ({"strip": ["%"]}, "12 %", 12.0), ({"negative": ["DR"], "strip": ["CR"]}, "12.5 CR", 12.5),
        ({"negative": ["DR"], "strip": ["CR"]}, "12.5DR", -12.5),
        ({"negative": ["CR"], "strip": ["$"], "thousands": ","}, "$1,234 CR", -1234.0),
        ({"thousands": " ", "decimal": ","}, "(1\u202f234,5)", -1234.5),
        ({"thousands": "'"}, "1\u2019234-", -1234.0),
    ],
)  # fmt: skip
def test_signs_are_read_wherever_they_stand(
    keys: dict[str, object], cell: str, number: float
) -> None:
    assert read_as([cell], type="number", **keys) == ([number], [])


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("100000.0", "100000"), ("100000", "100000"), ("1.00E+05", "100000"), ("7.00", "7"),
        ("1.2345e+17", "123450000000000000"), ("12E5", "12E5"), ("1.5", "1.5"), ("00.0", "00"),
        ("1.25E+01", "1.25E+01"), ("C-1.0", "C-1.0"),
    ],
)  # fmt: skip
def test_ids_that_a_program_made_floats_are_whole(cell: str, text: str) -> None:
    id_column = Column("x", "text", ("id",), "m")
    contract = Contract("c", "", ("",), {"x": id_column})
    table, _ = read_cells(pd.DataFrame({"x": [cell]}, dtype="str"), contract)
    assert table["x"].tolist() == [text]


def test_codes_that_a_program_made_floats_are_the_same_values() -> None:
    column = Column("x", "category", ("feature",), "m", values=("1", "2", "3.0"))
    contract = Contract("c", "", ("",), {"x": column})
    cells = pd.DataFrame({"x": ["1.0", "2", "3.0", "4.0"]}, dtype="str")
    table, _ = read_cells(cells, contract)
    assert table["x"].tolist() == ["1", "2", "3.0", "4.0"]


@pytest.mark.parametrize(
    ("formats", "cell", "day"),
    [
        ([], "2026-01-31", "2026-01-31"), ([], "2026-01-31 10:30", "2026-01-31"),
        ([], "2026-01-31T10:30:15.25", "2026-01-31"),
        ([], "2026-01-31T01:00:00+02:00", "2026-01-31"), ([], "0001-01-01", "0001-01-01"),
        ([], "2026-01-31T00:00:00+09:00", "2026-01-31"),
        ([], "2026-01-31T22:30-05:00", "2026-01-31"),
        ([], "2026-01-31 23:59:59.123456 UTC", "2026-01-31"),
        ([], "2026-01-31 23:59:59 -0300", "2026-01-31"),
        (["%d/%m/%Y"], "01/02/2026", "2026-02-01"), (["%m/%d/%Y"], "01/02/2026", "2026-01-02"),
        (["%m/%d/%Y", "%d/%m/%Y"], "31/01/2026", "2026-01-31"),
        (["%d %b %y"], "5 Jan 26", "2026-01-05"), (["%d/%m/%Y"], "2026-02-01", "2026-02-01"),
        (["%d.%m.%Y %H:%M"], "01.02.2026 23:59", "2026-02-01"),
        (["%Y-%d-%m"], "2026-01-02", "2026-02-01"),
    ],
)  # fmt: skip
def test_date_is_read(formats: list[str], cell: str, day: str) -> None:
    assert read_as([f" {cell} "], type="date", formats=formats) == ([pd.Timestamp(day)], [])
    table, _ = read_cells(pd.DataFrame({"x": [cell]}, dtype="str"), column_of(type="date"))
    assert table["x"].dtype == "datetime64[us]"


@pytest.mark.parametrize(
    ("formats", "cell"),
    [([], "31/01/2026"), ([], "2026-02-30"), ([], "2026-01"), ([], "20260131"), ([], "46053"),
     ([], "0"), (["%d/%m/%Y"], "01/31/2026"), (["%d/%m/%Y"], "31/01/26"),
     (["%Y-%d-%m"], "2026-01-31"), ([], "today"), ([], "NaT"), ([], "2026-01-31x")],
)  # fmt: skip
def test_what_is_no_date_is_named(formats: list[str], cell: str) -> None:
    found, bad = read_as([cell], type="date", formats=formats)
    assert bad == [0]
    assert pd.isna(found[0])  # type: ignore[call-overload]


def test_spellings_and_new_values_of_a_category() -> None:
    keys = {"type": "category", "values": ["No", "Yes"], "spellings": {"Yes": ["TRUE", "1", "y"]}}
    cells = ["Yes", " TRUE ", "1", "y", "Y", "No", "perhaps", "", "TRUE"]
    closed, _ = read_as(cells, **keys)
    assert closed[:7] == ["Yes", "Yes", "Yes", "Yes", "Y", "No", "perhaps"]
    opened, unreadable = read_as(cells, **keys, open=True)
    assert [value == value for value in opened] == [True] * 4 + [False, True, False, False, True]
    assert unreadable == []
