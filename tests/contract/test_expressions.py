from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_pipeline.contract import Contract, Expression
from churn_pipeline.contract.operators import FUNCTIONS
from tests.sizes import examples

NAN = float("nan")


def value(text: str, **columns: Any) -> float:
    return float(Expression(text)(columns))


# Table and record


EXPRESSIONS = [
    "log1p(x) + sqrt(abs(y)) / 3",
    "x / y - y * -x",
    "clip(x, -1, 1) + maximum(x, y) - minimum(x, 2)",
    "where(is_missing(x), y, log(x))",
    "where(x > 0, c, 'b') == 'b'",
    "count(x > y, c == 'a', is_missing(c), not x < 1)",
    "c in ('a', 'b') and x not in (1, 2)",
    "c != 'a' or -1 < x <= y",
    "c == d",
    "c != d",
]
numbers = st.one_of(st.just(NAN), st.floats(), st.integers(-5, 5).map(float))
texts = st.sampled_from(["a", "b", "", "nan"])
rows = st.tuples(numbers, numbers, st.one_of(st.just(NAN), texts), st.one_of(st.none(), texts))


@pytest.mark.parametrize("text", EXPRESSIONS)
@settings(max_examples=examples(60), deadline=None)
@given(st.lists(rows, min_size=1, max_size=9))
def test_table_and_record_give_the_same_bits(text: str, table: list[tuple[Any, ...]]) -> None:
    expression = Expression(text)
    columns = dict(zip("xycd", map(list, zip(*table, strict=True)), strict=True))
    whole = expression(columns)
    records = [expression(dict(zip("xycd", row, strict=True))) for row in table]
    assert whole.dtype == np.float64
    assert whole.tobytes() == np.array(records).tobytes()


def test_arrays_of_a_table_give_the_same_bits_as_its_records() -> None:
    expression = Expression("log(x) * sqrt(x) / log1p(y)")
    generator = np.random.default_rng(1)
    x, y = generator.lognormal(size=(2, 1003))
    records = [expression({"x": a, "y": b}) for a, b in zip(x, y, strict=True)]
    strided = np.column_stack([x, y])
    assert expression({"x": x, "y": y}).tobytes() == np.array(records).tobytes()
    views = {"x": strided[:, 0], "y": strided[:, 1]}
    assert expression(views).tobytes() == np.array(records).tobytes()


# Operators and functions


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x + 2 * y - 1", 10.0),
        ("x / y", 0.75),
        ("-x", -3.0),
        ("(x + y) * 2", 14.0),
        ("x == 3", 1.0),
        ("x != 3", 0.0),
        ("x < y", 1.0),
        ("x <= 3", 1.0),
        ("x > y", 0.0),
        ("x >= 3", 1.0),
        ("1 < x < y", 1.0),
        ("1 < x < 2", 0.0),
        ("5 > y > x >= 3", 1.0),
        ("x in (1, 3)", 1.0),
        ("x in [1, 2]", 0.0),
        ("x not in (1, 2)", 1.0),
        ("x == 3 and y == 3", 0.0),
        ("x == 3 or y == 3", 1.0),
        ("not x == 3", 0.0),
        ("c == 'a'", 1.0),
        ("c in ('b', 'c')", 0.0),
        ("c not in ('b', 'c')", 1.0),
        ("abs(-x)", 3.0),
        ("clip(x, 4, 5)", 4.0),
        ("clip(x, 1, 2)", 2.0),
        ("count(x == 3, y == 3, c == 'a')", 2.0),
        ("is_missing(x)", 0.0),
        ("log(x)", math.log(3)),
        ("log1p(x)", math.log1p(3)),
        ("maximum(x, y)", 4.0),
        ("minimum(x, y)", 3.0),
        ("sqrt(y)", 2.0),
        ("where(x > y, 10, 20)", 20.0),
        ("True", 1.0),
        ("col('x') + col('y')", 7.0),
    ],
)
def test_value(text: str, expected: float) -> None:
    assert value(text, x=3, y=4.0, c="a") == pytest.approx(expected, rel=1e-15)


def test_every_function_is_tried() -> None:
    tried = {
        "abs", "clip", "count", "is_missing", "log", "log1p", "maximum", "minimum", "sqrt", "where"
    }  # fmt: skip
    assert set(FUNCTIONS) == tried


def test_col_reaches_any_column_name() -> None:
    expression = Expression("col('monthly fee (€)') > 2 and col('if') == 'x'")
    assert expression.columns == ("monthly fee (€)", "if")
    assert float(expression({"monthly fee (€)": 3, "if": "x"})) == 1


def test_columns_come_once_in_order_of_first_use() -> None:
    assert Expression("b + where(a > b, col('c d'), a)").columns == ("b", "a", "c d")


def test_lines_of_an_expression_are_joined() -> None:
    assert value("x +\n   1", x=1) == 2


def test_equal_texts_are_equal_expressions() -> None:
    assert Expression("x + 1") == Expression(" x + 1 ")
    assert Expression("x + 1") != Expression("x + 2")
    assert len({Expression("x"), Expression("x"), Expression("y")}) == 2


# Missing values


@pytest.mark.parametrize("missing", [None, NAN, np.nan])
@pytest.mark.parametrize("text", ["x + 1", "x * 0", "log(x)", "maximum(x, 1)", "clip(x, 0, 1)"])
def test_missing_numbers_spread(text: str, missing: float | None) -> None:
    assert math.isnan(value(text, x=missing))
    table: dict[str, Any] = {"x": [missing, 1.0]}
    assert np.isnan(Expression(text)(table)).tolist() == [True, False]


@pytest.mark.parametrize("missing", [None, NAN])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x == 1", 0), ("x != 1", 1), ("x < 1", 0), ("x >= 1", 0), ("x in (1, 2)", 0),
        ("x not in (1, 2)", 1), ("c == 'a'", 0), ("c != 'a'", 1), ("c in ('a', 'nan')", 0),
        ("c not in ('a',)", 1), ("is_missing(x)", 1), ("is_missing(c)", 1), ("c == d", 0),
        ("x == x", 0), ("count(x > 1, is_missing(c))", 1), ("where(x > 1, 5, 6)", 6),
        ("not x > 1", 1), ("is_missing(where(x > 1, 'a', c))", 1),
    ],
)  # fmt: skip
def test_missing_values_in_conditions(text: str, expected: float, missing: float | None) -> None:
    record: dict[str, Any] = {"x": missing, "c": missing, "d": missing}
    expression = Expression(text)
    assert float(expression(record)) == expected
    table: dict[str, Any] = {
        "x": [missing, 9.0],
        "c": ["z", missing][::-1],
        "d": [missing, missing],
    }
    assert expression(table)[0] == expected


def test_results_that_are_not_finite_are_missing() -> None:
    for text in ("x / 0", "log(0 * x)", "sqrt(-x)", "log1p(-2 * x)"):
        assert math.isnan(value(text, x=1.0)), text


def test_a_missing_result_does_not_hold() -> None:
    assert Expression("x").holds({"x": [NAN, 0.0, 2.0, -1.0]}).tolist() == [
        False, False, True, True,
    ]  # fmt: skip


# Refusals


@pytest.mark.parametrize(
    "text",
    [
        "x.__class__", "x.real", "lambda: 1", "[x for x in y]", "x[0]", "x ** 2", "x % 2", "~x",
        "x if y else z", "f'{x}'", "None", "b'a'", "1j", "(1, 2)", "{1: 2}", "abs(x=1)",
        "count(*x)", "x.y(1)", "x @ y", "x // 2", "x << 1", "x & y", "...",
    ],
)  # fmt: skip
def test_anything_else_of_python_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match="is not allowed in an expression; use columns"):
        Expression(text)


@pytest.mark.parametrize("text", ["__import__('os')", "open('x')", "eval('1')", "col(x)", "x(1)"])
def test_unknown_functions_are_refused_with_the_valid_ones(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a function; valid functions: abs, .* where"):
        Expression(text)


@pytest.mark.parametrize("text", ["abs()", "abs(x, y)", "where(x, y)", "count()", "clip(x)"])
def test_wrong_number_of_arguments_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"takes (\d|at least 1) argument\(s\), not \d"):
        Expression(text)


@pytest.mark.parametrize(
    "text", ["", "x +", "x = 1", "x := 1", "import os", "x; y", "x\0", "(" * 999]
)
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an expression"):
        Expression(text)


@pytest.mark.parametrize("text", ["-" * 5000 + "1", "1+" * 20_000 + "1", "1+" * 900 + "1"])
def test_deep_nesting_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        Expression(text)


@pytest.mark.parametrize("text", ["x in y", "x in 'abc'", "x not in (1)", "x in ()"])
def test_in_needs_values_in_parentheses(text: str) -> None:
    with pytest.raises(ValueError, match="'in' needs"):
        Expression(text)


def test_is_points_to_the_alternatives() -> None:
    with pytest.raises(ValueError, match=r"use ==, != or is_missing\(x\)"):
        Expression("x is y")


@pytest.mark.parametrize("text", ["c", "c + 1", "c < 'b'", "x < c", "-c", "where(x > 1, c, 1)"])
def test_texts_where_numbers_are_needed_are_an_error(text: str) -> None:
    with pytest.raises(TypeError):
        Expression(text)({"c": "5", "x": 1.0})


@settings(max_examples=examples(300), deadline=None)
@given(st.text(alphabet="xy01 '()+-*/<>=!,.andornotinwhere[]_\\", max_size=25))
def test_any_text_is_an_expression_or_a_value_error(text: str) -> None:
    try:
        expression = Expression(text)
    except ValueError:
        return
    assert isinstance(expression.columns, tuple)


# What an expression compares


def test_comparisons_name_column_and_literal() -> None:
    text = "a == 'x' or 'y' != b or count(c in ('p', 2)) > 1 or col('d e') == 3"
    assert set(Expression(text).comparisons()) == {
        ("a", "x"), ("b", "y"), ("c", "p"), ("c", 2), ("d e", 3)
    }  # fmt: skip


def test_project_expressions_read_only_columns_of_the_contract(contract: Contract) -> None:
    expressions = [rule.check for rule in contract.row_rules]
    expressions += [column.expression for column in contract.derived_columns]
    assert expressions
    for expression in expressions:
        assert set(expression.columns) <= set(contract.columns)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(a == 1) + (b == 1)", 2.0),
        ("(a == 1) - (b == 1)", 0.0),
        ("-(a == 1)", -1.0),
        ("(a == 1) * 3 / (b == 1)", 3.0),
        ("(a == 1) + (b == 1) == 2", 1.0),
    ],
)
def test_conditions_are_numbers_in_arithmetic(text: str, expected: float) -> None:
    assert float(Expression(text)({"a": 1.0, "b": 1.0})) == expected


def test_dates_are_days() -> None:
    expression = Expression("day - date('2026-01-31')")
    days = np.array(["2026-02-01", "NaT", "2026-01-30T12:00"], dtype="datetime64[us]")
    assert expression({"day": days})[[0, 2]].tolist() == [1.0, -0.5]
    assert np.isnan(expression({"day": days})[1])
    assert expression({"day": 0.0}) == -20484.0
    assert expression.columns == ("day",)
    assert Expression("day >= date('2026-02-01')").holds({"day": days}).tolist() == [1, 0, 0]


def test_a_column_may_be_called_date() -> None:
    expression = Expression("date - date('1970-01-03')")
    assert expression.columns == ("date",)
    assert expression({"date": 5.0}) == 3.0
