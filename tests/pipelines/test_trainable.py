"""What later stages cannot use is refused before tuning, over the whole table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from churn_pipeline.contract import Contract
from churn_pipeline.errors import ChurnPipelineError, DataError, ParameterError
from churn_pipeline.pipelines.features.nodes import split_rows
from churn_pipeline.pipelines.features.trainable import check_customers, check_training_side
from tests.panels import SPLIT, month_ends, panel, panel_contract, without_snapshot

CONTRACT = without_snapshot(panel_contract())


def accounts() -> pd.DataFrame:
    return panel(200, ["2025-01-31"]).assign(usage=1.0)


def check(table: pd.DataFrame, contract: Contract = CONTRACT, **changes: Any) -> pd.DataFrame:
    parameters: dict[str, Any] = {
        "customer_lifetime_value": 200,
        "split": SPLIT,
        "tuning_folds": 5,
        "training_folds": 5,
    } | changes
    customers = check_customers(table, contract, parameters["customer_lifetime_value"])
    train, _, _ = split_rows(customers, contract, parameters["split"])
    folds = parameters["tuning_folds"], parameters["training_folds"]
    assert check_training_side(train, contract, *folds) is train
    return customers


def test_usable_customers_pass_unchanged() -> None:
    table = accounts()
    assert check(table) is table
    assert check(table, customer_lifetime_value="usage") is table
    months = panel(200, month_ends(6))
    assert check(months, panel_contract()) is months


@pytest.mark.parametrize("row", [0, 57, 199])
@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_a_bad_lifetime_value_is_found_wherever_it_is(row: int, value: float) -> None:
    table = accounts()
    table.loc[row, "usage"] = value
    with pytest.raises(DataError, match=f"usage of customer account {row} is .*1 customer"):
        check(table, customer_lifetime_value="usage")


@pytest.mark.parametrize("column", ["plan", "value"])
def test_no_column_of_lifetime_values(column: str) -> None:
    with pytest.raises(ParameterError, match=r"give a number or one of \['usage'\]"):
        check(accounts(), customer_lifetime_value=column)


@pytest.mark.parametrize(
    ("change", "changes", "message"),
    [
        (lambda t: t.assign(gone="n"), {}, "gone of every accepted row is other than 'y'"),
        (lambda t: t.assign(gone="y"), {}, "gone of every accepted row is 'y'"),
        (lambda t: t[t["gone"] == "n"].head(50), {}, "provide customers who left"),
        (lambda t: few(t, 3), {}, "set has .* churned"),
        (lambda t: few(t, 15), {"tuning_folds": 20}, r"tuning\.folds \(20\)"),
        (lambda t: few(t, 15), {"training_folds": 20}, r"training\.folds \(20\)"),
        (lambda t: t, {"split": SPLIT | {"method": "time"}}, "split.method is time, but"),
    ],
)
def test_too_little_to_train_on(
    change: Callable[[pd.DataFrame], pd.DataFrame], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ChurnPipelineError, match=message):
        check(change(accounts()).reset_index(drop=True), **changes)


def few(table: pd.DataFrame, churners: int) -> pd.DataFrame:
    left = table[table["gone"] == "y"]
    return pd.concat([table[table["gone"] == "n"], left.head(churners)])
