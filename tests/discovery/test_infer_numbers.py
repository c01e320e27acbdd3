from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_pipeline.checking.cell_numbers import read_numbers as read_by_contract
from churn_pipeline.contract import Column
from churn_pipeline.discovery.levels import count_levels
from churn_pipeline.discovery.numbers import read_numbers
from tests.discovery.tables import N, infer, keys, questions, raw, rejected

VALUES = np.round(np.random.default_rng(5).gamma(2, 900, N), 2)


def spelled(value: float, decimal: str, thousands: str) -> str:
    text = f"{value:,.2f}".replace(",", "\0").replace(".", decimal)
    return text.replace("\0", thousands)


@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize("thousands", ["", ",", ".", " ", "'", "\u00a0", "\u202f", "’"])
@pytest.mark.parametrize("affix", ["{}", "$ {}", "{} €", "{}%", "USD {}", "{} GB"])
def test_the_style_of_a_column_is_found(decimal: str, thousands: str, affix: str) -> None:
    if decimal == thousands:
        return
    texts = [affix.format(spelled(value, decimal, thousands)) for value in VALUES]
    levels = count_levels(raw({"x": texts}).cells["x"])
    numbers = read_numbers(levels)
    assert numbers is not None
    wanted = dict(zip(texts, VALUES, strict=True))
    np.testing.assert_allclose(numbers.values, [wanted[text] for text in levels.texts])
    style = numbers.style
    column = Column("x", "number", ("feature",), "m", decimal=style.decimal,
                    thousands=style.thousands, strip=style.strip)  # fmt: skip
    found, is_bad = read_by_contract(levels.texts, column)
    assert not is_bad.any()
    np.testing.assert_array_equal(found, numbers.values)


@pytest.mark.parametrize("affix", ["{}", "₹{}", "₹ {}.50"])
def test_groups_of_two_digits_are_numbers(affix: str) -> None:
    values = [7, 850, 12_345, 1_234_567, 987_654_321, 123_456]
    texts = ["7", "850", "12,345", "12,34,567", "98,76,54,321", "1,23,456"]
    levels = count_levels(raw({"x": [affix.format(text) for text in texts]}).cells["x"])
    numbers = read_numbers(levels)
    assert numbers is not None
    assert (numbers.style.decimal, numbers.style.thousands) == (".", ",")
    assert not numbers.style.is_ambiguous
    wanted = {affix.format(t): v + 0.5 * ("." in affix) for t, v in zip(texts, values, strict=True)}
    assert numbers.values.tolist() == [wanted[text] for text in levels.texts]
    column = Column("x", "number", ("feature",), "m", thousands=",", strip=numbers.style.strip)
    np.testing.assert_array_equal(read_by_contract(levels.texts, column)[0], numbers.values)


@given(st.lists(st.integers(-(10**9), 10**9) | st.floats(-1e9, 1e9, width=32), min_size=1))
def test_plain_numbers_are_read_exactly(values: list[float]) -> None:
    levels = count_levels(raw({"x": [repr(value) for value in values]}).cells["x"])
    numbers = read_numbers(levels)
    assert numbers is not None
    if numbers.style.thousands is None:
        assert [float(text) for text in levels.texts] == numbers.values.tolist()
    else:  # 1.234 beside whole numbers below 1000
        assert numbers.style.is_ambiguous


def test_three_digits_after_a_comma_are_thousands_with_a_question() -> None:
    texts = [f"{1000 + 7 * (i % 300):,}" for i in range(N)]
    inference = infer({"usage": texts, "amount": [i % 90 for i in range(N)]})
    found = inference.document["columns"]["usage"]
    assert found["type"] == "integer"
    assert found["thousands"] == ","
    assert questions(inference, "usage")
    # the fractions of another column answer it
    assert not questions(infer({"usage": texts}), "usage")


def test_another_column_decides_the_ambiguous_one() -> None:
    ambiguous = [f"{1000 + 7 * (i % 300):,}".replace(",", ".") for i in range(N)]
    clear = [f"{v:.1f}".replace(".", ",") for v in np.linspace(0, 90, N)]
    inference = infer({"a": ambiguous, "b": clear, "amount": clear})
    found = inference.document["columns"]
    assert found["a"]["thousands"] == "."
    assert found["a"]["maximum"] >= 1000 + 7 * 299
    assert found["b"]["decimal"] == ","
    assert not questions(inference, " a ")


def test_a_fraction_of_three_digits_stays_one() -> None:
    found = keys({"weight": [f"{v:.3f}" for v in np.linspace(1, 9, N)]}, "weight")
    assert found["type"] == "number"
    assert "thousands" not in found
    assert found["maximum"] < 100


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        ([f"{i:05d}" for i in range(N)], "text"),  # leading zeros are labels
        ([str(10**17 + i) for i in range(N)], "text"),  # no float keeps these
        ([f"{i}.0" for i in range(N)], "integer"),
        ([f"{i / 8}" for i in range(N)], "number"),
        ([f"+{i}" for i in range(N)], "integer"),
        ([f"{i}e-2" for i in range(1, N + 1)], "number"),
    ],
)
def test_types(texts: list[str], kind: str) -> None:
    texts = [texts[i] for i in np.random.default_rng(0).integers(0, N, N)]
    assert keys({"x": texts}, "x")["type"] == kind


def test_mixed_currencies_are_no_numbers() -> None:
    texts = [f"{'$' if i % 2 else '€'}{i % 40}" for i in range(N)]
    assert keys({"price": texts}, "price")["type"] != "number"


@pytest.mark.parametrize(
    ("stray", "missing"), [("none", True), ("Unknown", True), ("ask later", True)]
)
def test_texts_among_numbers_are_missing(stray: str, missing: bool) -> None:
    texts = [stray if i % 10 == 0 else f"{i}.5" for i in range(N)]
    table: dict[str, Any] = {"x": texts}
    inference = infer(table)
    assert (stray in inference.document["missing_values"]) is missing
    assert inference.document["columns"]["x"]["nullable"]


def test_a_stray_text_that_is_a_value_elsewhere_breaks_the_column() -> None:
    table = {
        "x": ["gold" if i % 10 == 0 else f"{i}.5" for i in range(N)],
        "tier": [("gold", "silver")[i % 2] for i in range(N)],
    }
    inference = infer(table)
    assert inference.document["missing_values"] == [""]
    assert inference.document["columns"]["x"]["role"] == "ignored"
    assert questions(inference, "x has 'gold' among its numbers")


def test_few_numbers_with_a_top_level_are_a_category() -> None:
    found = keys({"x": [("0", "1", "2", "3+")[i % 4] for i in range(N)]}, "x")
    assert found["values"] == ["0", "1", "2", "3+"]


@pytest.mark.parametrize(
    ("low", "high", "least", "most"),
    [(1, 72, 0, 110), (-5, 5, -10, 10), (2010, 2020, 2005, 2025), (-30, -10, -40, 0)],
)
def test_ranges_have_room_and_keep_zero(low: int, high: int, least: int, most: int) -> None:
    found = keys({"x": [low + i % (high - low + 1) for i in range(N)]}, "x")
    assert (found["minimum"], found["maximum"]) == (least, most)


def test_percentages_end_at_100() -> None:
    found = keys({"discount_pct": [i % 61 for i in range(N)]}, "discount_pct")
    assert (found["unit"], found["minimum"], found["maximum"]) == ("%", 0, 100)


@pytest.mark.parametrize("sentinel", [-1, -999, 9999])
def test_a_sentinel_is_a_question(sentinel: int) -> None:
    table = {"visits": [sentinel if i % 20 == 0 else i % 37 for i in range(N)]}
    inference = infer(table)
    assert questions(inference, f"{sentinel} in visits")
    assert rejected(raw({**table, "customer_id": range(N), "amount": [1.5] * N,
                         "churn": ["no"] * N}), inference).empty  # fmt: skip
