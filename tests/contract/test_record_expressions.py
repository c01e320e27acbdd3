from __future__ import annotations

import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_pipeline.contract import Contract, Expression
from churn_pipeline.contract.record_expressions import compile_for_record

NUMBERS = st.one_of(
    st.floats(),
    st.integers(-5, 5).map(float),
    st.sampled_from([0.0, -0.0, 1e308, 5e-324, math.nan, math.inf, -1.0]),
)
TEXTS = st.sampled_from(["a", "b", math.nan])


def numbers(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pair = st.tuples(inner, inner)
    return st.one_of(
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        inner.map(lambda x: f"(-{x})"),
        st.tuples(st.sampled_from(["abs", "log", "log1p", "sqrt"]), inner).map(
            lambda t: f"{t[0]}({t[1]})"
        ),
        pair.map(lambda t: f"maximum({t[0]}, {t[1]})"),
        pair.map(lambda t: f"minimum({t[0]}, {t[1]})"),
        inner.map(lambda x: f"clip({x}, -1, 2.5)"),
        st.tuples(conditions(inner), inner, inner).map(lambda t: f"where({t[0]}, {t[1]}, {t[2]})"),
    )


def conditions(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    compare = st.tuples(inner, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), inner)
    pair = st.tuples(inner, inner)
    simple = st.one_of(
        compare.map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        inner.map(lambda x: f"is_missing({x})"),
        inner.map(lambda x: f"({x} in (1, 2))"),
        inner.map(lambda x: f"({x} not in (1, 2))"),
        pair.map(lambda t: f"({t[0]} in ({t[1]}, -1))"),
        pair.map(lambda t: f"({t[0]} not in (0, {t[1]}))"),
        st.tuples(inner, inner).map(lambda t: f"(0 <= {t[0]} < {t[1]})"),
    )
    return st.one_of(
        simple,
        st.tuples(simple, simple).map(lambda t: f"({t[0]} and {t[1]})"),
        st.tuples(simple, simple).map(lambda t: f"({t[0]} or {t[1]})"),
        simple.map(lambda x: f"(not {x})"),
        st.tuples(simple, simple).map(lambda t: f"count({t[0]}, {t[1]})"),
    )


LEAVES = st.sampled_from(["x", "y", "col('a b')", "0", "1", "2.5", "-3"])
EXPRESSIONS = st.recursive(
    LEAVES, lambda inner: st.one_of(numbers(inner), conditions(inner)), max_leaves=6
)


def bits(value: float) -> bytes:
    return b"nan" if value != value else struct.pack("d", value)


@given(EXPRESSIONS, NUMBERS, NUMBERS, NUMBERS)
def test_a_record_gets_the_bits_that_a_table_gets(text: str, x: float, y: float, z: float) -> None:
    expression = Expression(text)
    values = {"x": x, "y": y, "a b": z}
    of_table = expression({name: np.array([value, 1.0, 2.0]) for name, value in values.items()})
    of_record = compile_for_record(expression)(values)
    assert np.float64(of_record) == np.ravel(of_table)[0] or bits(of_record) == bits(
        float(np.ravel(of_table)[0])
    )


@given(TEXTS, TEXTS)
@pytest.mark.parametrize(
    "text",
    ["s == 'a'", "s != 'a'", "s == t", "s != t", "s in ('a', 'b')", "s not in ('a', 'b')",
     "is_missing(s)", "where(s == 'a', 1, 2) + count(s == 'b', t == 'b')", "not (s == 'a')",
     "s == 'a' or t != 'b'", "(s == 'a') == (t == 'a')"],
)  # fmt: skip
def test_texts_compare_alike(text: str, s: str, t: str) -> None:
    expression = Expression(text)
    of_table = expression({"s": np.array([s], dtype=object), "t": np.array([t], dtype=object)})
    assert compile_for_record(expression)({"s": s, "t": t}) == np.ravel(of_table)[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1 / 0", math.nan), ("0 / 0", math.nan), ("log(0)", math.nan), ("sqrt(-1)", math.nan),
     ("minimum(1 / 0, 3)", 3.0), ("maximum(-1 / 0, 3)", 3.0), ("x * 1e308 * 10 - x", math.nan),
     ("minimum(1 / -(x == 1), 3)", math.nan)],
)  # fmt: skip
def test_what_is_not_finite_is_missing(text: str, expected: float) -> None:
    found = compile_for_record(Expression(text))({"x": 5.0})
    assert bits(found) == bits(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("x in (y, 1)", 0.0), ("x not in (y, 1)", 1.0), ("x in (0 / 0,)", 0.0), ("x in (x,)", 0.0),
     ("1 < z in (y, z)", 1.0), ("z in (y, z) and z == 2", 1.0), ("not (z not in (-2, z))", 1.0)],
)  # fmt: skip
def test_a_missing_value_is_in_no_list(text: str, expected: float) -> None:
    values = {"x": math.nan, "y": math.nan, "z": 2.0}
    expression = Expression(text)
    assert compile_for_record(expression)(values) == expected
    assert float(expression(values)) == expected


def test_the_contracts_own_expressions(contract: Contract) -> None:
    record: dict[str, float | str] = {
        name: 1.0 if column.is_numeric else column.values[0] if column.values else "id"
        for name, column in contract.columns.items()
    }
    expressions = [rule.check for rule in contract.row_rules]
    expressions += [column.expression for column in contract.derived_columns]
    for expression in expressions:
        assert bits(compile_for_record(expression)(record)) == bits(float(expression(record)))
