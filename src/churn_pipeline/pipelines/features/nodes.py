"""Nodes of the features pipeline."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from churn_pipeline.contract import Contract
from churn_pipeline.contract.derivation import derive
from churn_pipeline.errors import DataError
from churn_pipeline.features.splitting import hash_to_unit_interval, is_test_customer
from churn_pipeline.modeling.combinations import find_combinations
from churn_pipeline.modeling.target import churned


def derive_features(customers: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    """Add the contract's derived columns to the customers."""
    values = {name: customers[name].to_numpy() for name in contract.columns}
    return customers.assign(**derive(values, contract))


def split_customers(
    features: pd.DataFrame, contract: Contract, test_share: float, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Part the customers into a training and a test side by a hash of their id.

    Both sides are ordered by that hash: whatever the order of the file, the same customers come to
    the same folds, and so to the same results.

    Raises
    ------
    DataError
        If a side has not at least two customers of either kind.
    """
    key = contract.id.name
    ordered = features.iloc[np.argsort(hash_to_unit_interval(features[key], seed), kind="stable")]
    is_test = is_test_customer(ordered[key], test_share, seed)
    sides = tuple(ordered[mask].reset_index(drop=True) for mask in (~is_test, is_test))
    for name, side in zip(("training", "test"), sides, strict=True):
        churners = int(churned(side, contract).sum())
        if min(churners, len(side) - churners) < 2:
            raise DataError(
                f"the {name} side has {churners} churned and {len(side) - churners} other "
                "customers, at least 2 of each are needed; bring more customers or change "
                "split.test_share"
            )
    return sides[0], sides[1]


def combine_columns(
    training_side: pd.DataFrame, contract: Contract, combinations: dict[str, Any]
) -> tuple[Contract, pd.DataFrame]:
    """Find combinations of columns on the training side.

    Returns
    -------
    model_contract : Contract
        The contract with the combinations as further derived columns.
    combinations : DataFrame
        What was tried, see :func:`churn_pipeline.modeling.combinations.find_combinations`.
    """
    found, rounds = find_combinations(
        training_side, churned(training_side, contract), contract, **combinations
    )
    columns = (*contract.derived_columns, *found)
    return replace(contract, derived_columns=columns), rounds


def add_combinations(customers: pd.DataFrame, model_contract: Contract) -> pd.DataFrame:
    """Add the derived columns that the table does not have yet."""
    missing = [c for c in model_contract.derived_columns if c.name not in customers]
    return derive_features(customers, replace(model_contract, derived_columns=tuple(missing)))
