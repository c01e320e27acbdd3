"""Nodes of the features pipeline."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from churn_pipeline.contract import Contract
from churn_pipeline.contract.derivation import derive
from churn_pipeline.errors import DataError
from churn_pipeline.features.combinations import find_combinations
from churn_pipeline.modeling.target import churned
from churn_pipeline.splits.customers import (
    customer_numbers,
    keys_of,
    shuffled,
    snapshots_of,
)
from churn_pipeline.splits.split_record import DatedSplit, record_split
from churn_pipeline.splits.splitting import is_test_customer
from churn_pipeline.splits.time_split import split_by_time


def derive_features(customers: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    """Add the contract's derived columns to the customers."""
    values = {name: customers[name].to_numpy() for name in contract.columns}
    return customers.assign(**derive(values, contract))


def split_rows(
    features: pd.DataFrame, contract: Contract, split: dict[str, Any]
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Split the rows into a training and a test set: by time if there are dates, else by customer.

    Parameters
    ----------
    features : DataFrame
    contract : Contract
        By time if it names a snapshot and the rows have several.
    split : dict
        The section of ``params.yaml``; ``method`` forces one of the two.

    Returns
    -------
    train, test : DataFrame
        Ordered by a hash of the customer, then by snapshot. Rows in the gap are in neither set.
    split : dict
        How they were split, see :func:`churn_pipeline.splits.split_record.record_split`.

    Raises
    ------
    DataError
        If a set would be empty or has fewer than two customers with either outcome, or if a split
        by
        time is wanted of rows that have no two snapshots.
    """
    days = snapshots_of(features, contract)
    has_dates = days is not None and len(np.unique(days)) > 1
    if split["method"] == "time" and not has_dates:
        has = "has no column with role snapshot" if days is None else "has only one snapshot date"
        raise DataError(
            f"split.method is time, but the table {has}; provide several snapshots, or set "
            "split.method to null or customer"
        )
    if not has_dates or split["method"] == "customer":
        train, test = split_customers(features, contract, split["test_share"], split["seed"])
        return train, test, record_split(train, test, None, contract, split)

    ordered = shuffled(features, contract, split["seed"])
    ordered_days = snapshots_of(ordered, contract)
    assert ordered_days is not None
    gap_days, source = _gap_days(contract, split)
    by_time = split_by_time(
        ordered_days,
        churned(ordered, contract),
        test_periods=split["test_periods"],
        gap_days=gap_days,
        period=split["period"],
    )
    sides = [
        ordered[mask].reset_index(drop=True)
        for mask in (by_time.is_train, by_time.is_test, ~by_time.is_train & ~by_time.is_test)
    ]
    remedy = (
        "change split.test_periods (the test set begins at "
        f"{by_time.first_test}) or split.gap_days (it is {gap_days})"
    )
    _check_sides(sides[0], sides[1], contract, remedy)
    dated = DatedSplit(by_time, sides[2], gap_days, source)
    return sides[0], sides[1], record_split(sides[0], sides[1], dated, contract, split)


def _gap_days(contract: Contract, split: dict[str, Any]) -> tuple[int, str]:
    if split["gap_days"] is not None:
        return split["gap_days"], "split.gap_days"
    horizon = contract.target.horizon_days
    return (0, "none") if horizon is None else (horizon, "horizon_days")


def split_customers(
    features: pd.DataFrame, contract: Contract, test_share: float, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split the customers into a training and a test set by a hash of their id.

    Both sets are ordered by that hash: whatever the order of the file, the same customers come to
    the same folds, and so to the same results.

    Raises
    ------
    DataError
        If a set has fewer than two customers with either outcome.
    """
    ordered = shuffled(features, contract, seed)
    is_test = is_test_customer(keys_of(ordered, contract), test_share, seed)
    train, test = (ordered[mask].reset_index(drop=True) for mask in (~is_test, is_test))
    _check_sides(train, test, contract, "change split.test_share")
    return train, test


def _check_sides(train: pd.DataFrame, test: pd.DataFrame, contract: Contract, remedy: str) -> None:
    for name, side in (("training", train), ("test", test)):
        is_churner = churned(side, contract) == 1
        churners, others = (
            len(set(keys_of(side[mask], contract))) for mask in (is_churner, ~is_churner)
        )
        if min(churners, others) < 2:
            raise DataError(
                f"the {name} set has {churners} churned and {others} other "
                f"customers, but at least 2 of each are needed; provide more customers or {remedy}"
            )


def combine_columns(
    training_side: pd.DataFrame, contract: Contract, combinations: dict[str, Any]
) -> tuple[Contract, pd.DataFrame]:
    """Find combinations of columns on the training set.

    Returns
    -------
    model_contract : Contract
        The contract with the combinations as further derived columns.
    combinations : DataFrame
        What was tried, see :func:`churn_pipeline.features.combinations.find_combinations`.
    """
    found, rounds = find_combinations(
        training_side,
        churned(training_side, contract),
        contract,
        **combinations,
        customer_numbers=customer_numbers(training_side, contract),
    )
    columns = (*contract.derived_columns, *found)
    return replace(contract, derived_columns=columns), rounds


def add_combinations(customers: pd.DataFrame, model_contract: Contract) -> pd.DataFrame:
    """Add the derived columns that the table does not have yet."""
    missing = [c for c in model_contract.derived_columns if c.name not in customers]
    return derive_features(customers, replace(model_contract, derived_columns=tuple(missing)))
