"""Nodes of the features pipeline."""

import pandas as pd

from churn_pipeline.contract import Contract
from churn_pipeline.errors import DataError
from churn_pipeline.features.derivation import derive
from churn_pipeline.features.splitting import is_test_customer
from churn_pipeline.modeling.target import churned


def derive_features(customers: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    """Add the contract's derived columns to the customers."""
    values = {name: customers[name].to_numpy() for name in contract.columns}
    return customers.assign(**derive(values, contract))


def split_customers(
    features: pd.DataFrame, contract: Contract, test_share: float, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Part the customers into a training and a test side by a hash of their id.

    Raises
    ------
    DataError
        If a side has not at least two customers of either kind.
    """
    is_test = is_test_customer(features[contract.id.name], test_share, seed)
    sides = tuple(features[mask].reset_index(drop=True) for mask in (~is_test, is_test))
    for name, side in zip(("training", "test"), sides, strict=True):
        churners = int(churned(side, contract).sum())
        if min(churners, len(side) - churners) < 2:
            raise DataError(
                f"the {name} side has {churners} churned and {len(side) - churners} other "
                "customers, at least 2 of each are needed; bring more customers or change "
                "split.test_share"
            )
    return sides[0], sides[1]
