from __future__ import annotations

import math

import pandas as pd
import pytest

from churn_pipeline.contract import Column, Contract
from churn_pipeline.contract.cells import cast_columns, read_cells


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
        ("5e-324", 5e-324),
    ],
)  # fmt: skip
def test_number_is_read(cell: str, number: float) -> None:
    assert read("number", cell) == (number, [])


@pytest.mark.parametrize(
    "cell",
    ["x", "1,5", "1 000", "0x10", "1_000", "inf", "-Infinity", "nan", "1e400", "1e", "--1", ".",
     "٣", "1\0", "$5", "True"],
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
