"""Whether a model can be trained on the customers: asked before any long work is done."""

from typing import Any

import pandas as pd

from churn_pipeline.contract import Contract
from churn_pipeline.economics.profit import lifetime_values
from churn_pipeline.errors import DataError
from churn_pipeline.modeling.target import churned
from churn_pipeline.scorer.decisions import Economics
from churn_pipeline.splits.customers import customer_numbers
from churn_pipeline.splits.folds import check_folds


def check_customers(
    customers: pd.DataFrame, contract: Contract, customer_lifetime_value: Any
) -> pd.DataFrame:
    """Let the customers pass if all have a usable lifetime value, and not all the same outcome.

    Parameters
    ----------
    customers : DataFrame
        The accepted customers, without derived columns.
    contract : Contract
    customer_lifetime_value : float or str
        Of ``params.yaml``.

    Returns
    -------
    DataFrame
        The same customers.

    Raises
    ------
    ParameterError, DataError
        If a customer lifetime value cannot be used, or there is one outcome only.
    """
    economics = Economics(customer_lifetime_value, 0.0, 0.0, 1.0, 1.0)
    lifetime_values(economics, customers, contract.id.name)
    target = churned(customers, contract)
    if target.min() == target.max():
        name, positive = contract.target.name, contract.target.positive
        raise DataError(
            f"{name} of every accepted row is {'' if target[0] else 'other than '}{positive!r}; "
            "provide customers who left and customers who stayed, or correct the positive value of "
            f"{name} in the contract"
        )
    return customers


def check_training_side(
    train: pd.DataFrame, contract: Contract, tuning_folds: int, training_folds: int
) -> pd.DataFrame:
    """Let the training set pass if every fold gets customers of either kind.

    Parameters
    ----------
    train : DataFrame
    contract : Contract
    tuning_folds, training_folds : int
        Of ``params.yaml``.

    Returns
    -------
    DataFrame
        The same rows.

    Raises
    ------
    DataError
        If a fold would lack customers of one kind.
    """
    numbers, kinds = customer_numbers(train, contract), churned(train, contract)
    check_folds(kinds, tuning_folds, "tuning.folds", numbers)
    check_folds(kinds, training_folds, "training.folds", numbers)
    return train
