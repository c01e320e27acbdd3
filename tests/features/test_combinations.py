from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.special import expit

from churn_pipeline.contract import Contract, DerivedColumn, parse_contract
from churn_pipeline.contract.derivation import derive
from churn_pipeline.features.combination import Combination
from churn_pipeline.features.combinations import find_combinations

N = 4000
NUMBERS = ["day_charge", "evening_charge", "night_charge", "calls", "months"]


def contract(**columns: dict[str, Any]) -> Contract:
    document: dict[str, Any] = {
        "id": {"type": "text", "role": "id", "meaning": "m"},
        "left": {
            "type": "category", "role": "target", "values": ["n", "y"], "positive": "y",
            "meaning": "m",
        },
        **{name: {"type": "number", "meaning": "m", "unit": "USD"} for name in NUMBERS},
        "plan": {"type": "category", "values": ["a", "b"], "meaning": "m"},
        **columns,
    }  # fmt: skip
    return parse_contract({"name": "calls", "columns": document})


def customers(seed: int = 1) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    table = pd.DataFrame(
        {name: generator.gamma(4.0, 5.0, N).round(2) for name in NUMBERS}
        | {"plan": pd.Categorical(generator.choice(["a", "b"], N))}
    )
    return table.assign(calls=generator.poisson(6, N), months=generator.integers(1, 60, N))


def drawn(log_odds: NDArray[np.float64], seed: int = 2) -> NDArray[np.int8]:
    return (np.random.default_rng(seed).random(N) < expit(log_odds)).astype(np.int8)


def found(
    table: pd.DataFrame, churned: NDArray[np.int8], **settings: Any
) -> tuple[tuple[DerivedColumn, ...], pd.DataFrame]:
    defaults = {
        "most": 3, "max_columns": 25, "max_customers": 10_000, "confidence": 0.95, "seed": 5,
    }  # fmt: skip
    return find_combinations(table, churned, contract(), **{**defaults, **settings})


def test_a_threshold_on_a_sum_is_found() -> None:
    table = customers()
    total = table[["day_charge", "evening_charge", "night_charge"]].sum(axis=1)
    columns, rounds = found(table, drawn(np.where(total > 65, 1.5, -2.5)))
    assert columns[0].expression.columns == ("day_charge", "evening_charge", "night_charge")
    assert columns[0].name == "sum_of_day_charge_and_2_more"
    assert columns[0].unit == "USD"
    assert columns[0].meaning == "day_charge plus evening_charge plus night_charge."
    assert rounds["kept"].iloc[0]
    assert rounds["p_value"].iloc[0] < 1e-6


def test_a_threshold_on_a_ratio_is_found() -> None:
    table = customers()
    ratio = table["calls"] / table["months"]
    columns, _ = found(table, drawn(np.where(ratio > 0.3, 1.0, -2.0)))
    (values,) = (
        derive({n: table[n].to_numpy() for n in NUMBERS}, contract_with(columns[:1]))
    ).values()
    assert abs(pd.Series(values).corr(ratio, method="spearman")) > 0.999


def contract_with(columns: tuple[DerivedColumn, ...]) -> Contract:
    from dataclasses import replace

    return replace(contract(), derived_columns=columns)


def test_a_difference_is_found() -> None:
    table = customers()
    gap = table["day_charge"] - table["evening_charge"]
    columns, _ = found(table, drawn(np.where(np.abs(gap) < 4, 1.5, -2.0)))
    assert columns[0].expression.text == "day_charge - evening_charge"
    assert columns[0].name == "day_charge_minus_evening_charge"


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_found_where_trees_have_nothing_to_learn(seed: int) -> None:
    table = customers(seed)
    columns, _ = found(table, drawn(np.full(N, -1.2), seed=seed + 10))
    assert columns == ()


def test_single_columns_are_left_to_the_trees() -> None:
    table = customers()
    columns, _ = found(table, drawn(np.where(table["calls"] > 8, 1.0, -2.0)))
    assert columns == ()


def test_the_same_seed_finds_the_same() -> None:
    table = customers()
    total = table["day_charge"] + table["night_charge"]
    churned = drawn(np.where(total > 45, 1.5, -2.5))
    (one, first), (two, second) = (found(table, churned) for _ in "ab")
    assert one == two
    pd.testing.assert_frame_equal(first, second, check_exact=True)


def test_no_more_than_wanted_and_none_of_few_customers() -> None:
    table = customers()
    total = table["day_charge"] + table["night_charge"]
    churned = drawn(np.where(total > 45, 1.5, -2.5))
    assert found(table, churned, most=0)[0] == ()
    few = table.iloc[:60].reset_index(drop=True)
    assert found(few, churned[:60])[0] == ()


def test_missing_numbers_spread_to_the_combination() -> None:
    values = {"a": np.array([1.0, np.nan, 3.0]), "b": np.array([2.0, 1.0, 0.0])}
    np.testing.assert_array_equal(
        Combination("/", ("a", "b"), (1, 1)).values(values), [0.5, np.nan, np.nan]
    )
    np.testing.assert_array_equal(
        Combination("+", ("a", "b"), (1, -1)).values(values), [-1.0, np.nan, 3.0]
    )


def test_derived_columns_are_combined_by_what_they_are_made_of() -> None:
    base = parse_contract(
        {
            "name": "calls",
            "columns": {
                "id": {"type": "text", "role": "id", "meaning": "m"},
                "left": {
                    "type": "category",
                    "role": "target",
                    "values": ["n", "y"],
                    "positive": "y",
                    "meaning": "m",
                },
                "fee": {"type": "number", "meaning": "m"},
                "total sum": {"type": "number", "meaning": "m"},
            },
            "derived_columns": {"log_fee": {"expression": "log1p(fee)", "meaning": "m"}},
        }
    )
    column = Combination("/", ("total sum", "log_fee"), (1, 1)).derived_column(base)
    assert column.expression.text == "col('total sum') / (log1p(fee))"
    assert column.expression.columns == ("total sum", "fee")


def test_noise_of_customers_with_many_rows_is_no_combination() -> None:
    generator = np.random.default_rng(11)
    n, months = 350, 12
    one = pd.DataFrame({name: generator.gamma(4.0, 5.0, n).round(2) for name in NUMBERS})
    one["plan"] = pd.Categorical(generator.choice(["a", "b"], n))
    table = one.loc[np.repeat(np.arange(n), months)].reset_index(drop=True)
    churned = np.repeat(generator.random(n) < 0.3, months).astype(np.int8)
    columns, _ = find_combinations(
        table, churned, contract(), most=3, max_columns=25, max_customers=10_000,
        confidence=0.95, seed=5, customer_numbers=np.repeat(np.arange(n), months),
    )  # fmt: skip
    assert columns == ()
