from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from churn_pipeline.contract import Column
from churn_pipeline.evaluation.customer_groups import MISSING, group_customers

NUMBER = Column("x", "number", ("sensitive",), "m", nullable=True)
INTEGER = Column("x", "integer", ("sensitive",), "m")
CATEGORY = Column("x", "category", ("sensitive",), "m", values=("b", "a", "never"), nullable=True)
TEXT = Column("x", "text", ("sensitive",), "m")


def group_sizes(values: Any, column: Column) -> dict[str, int]:
    groups = group_customers(pd.Series(values), column)
    assert len(groups) == len(pd.Series(values))
    return {str(name): int(size) for name, size in groups.value_counts().items()}


def test_categories_keep_the_order_of_the_contract_and_missing_comes_last() -> None:
    values = pd.Categorical(["a", None, "b", "b"], categories=["b", "a", "never"])
    groups = group_customers(pd.Series(values), CATEGORY)
    assert list(groups.categories) == ["b", "a", MISSING]
    assert list(groups) == ["a", MISSING, "b", "b"]


def test_texts_are_sorted() -> None:
    assert list(group_customers(pd.Series(["z", "m", "z"]), TEXT).categories) == ["m", "z"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([2.0, 0.5, np.nan, 2.0], {"0.5": 1, "2": 2, MISSING: 1}),
        ([-0.0, 0.0, 1.0], {"0": 2, "1": 1}),
        ([np.nan, np.nan], {MISSING: 2}),
    ],
)
def test_few_numbers_are_kept(values: list[float], expected: dict[str, int]) -> None:
    assert group_sizes(values, NUMBER) == expected


def test_many_numbers_are_cut_at_the_quartiles() -> None:
    ages = np.random.default_rng(0).permutation(np.arange(18, 98))
    expected = {"18 to 37": 20, "38 to 57": 20, "58 to 77": 20, "78 to 97": 20}
    assert group_sizes(ages, INTEGER) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0] * 80 + list(range(1, 21)), {"0": 80, "1 to 20": 20}),
        ([99] * 80 + list(range(20)), {"0 to 19": 20, "99": 80}),
        ([*range(10), *[50] * 60, *range(90, 120)], {"0 to 50": 70, "90 to 119": 30}),
    ],
)
def test_one_frequent_number_leaves_more_than_one_band(
    values: list[int], expected: dict[str, int]
) -> None:
    found = group_sizes(values, INTEGER)
    assert found == expected or len(found) > len(expected)  # a cut inside the rest is as good
    assert sum(found.values()) == len(values)


def test_bands_hold_the_values_that_they_are_named_by() -> None:
    values = pd.Series(np.random.default_rng(1).lognormal(3, 1, 500)).round(2)
    groups = group_customers(values, NUMBER)
    assert len(groups.categories) == 4
    for name in groups.categories:
        low, high = map(float, name.split(" to "))
        part = values[groups == name]
        assert (low, high) == (part.min(), part.max())
        assert len(part) == pytest.approx(125, abs=3)
