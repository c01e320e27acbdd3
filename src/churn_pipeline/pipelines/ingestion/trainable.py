"""Whether a model can be trained on the accepted customers: asked before any work is done."""

from typing import Any

import pandas as pd

from churn_pipeline.contract import Contract
from churn_pipeline.errors import DataError
from churn_pipeline.modeling.customers import customer_numbers
from churn_pipeline.modeling.folds import check_folds
from churn_pipeline.modeling.profit import lifetime_values
from churn_pipeline.modeling.target import churned
from churn_pipeline.pipelines.features.nodes import part_customers
from churn_pipeline.scorer.decisions import Economics

_PLENTY = 10_000  # rows of the rarer outcome: any split leaves enough of them on either side


def check_trainable(
    well_formed: pd.DataFrame,
    data_quality: dict[str, Any],
    contract: Contract,
    customer_lifetime_value: float | str,
    split: dict[str, Any],
    tuning_folds: int,
    training_folds: int,
) -> pd.DataFrame:
    """Let the customers pass if later stages can use them.

    Parameters
    ----------
    well_formed : DataFrame
        The accepted customers.
    data_quality : dict
        Names the file.
    contract : Contract
    customer_lifetime_value : float or str
    split : dict
    tuning_folds, training_folds : int
        Of ``params.yaml``.

    Returns
    -------
    DataFrame
        The same customers.

    Raises
    ------
    ParameterError, DataError
        If a customer lifetime value cannot be used, there is one outcome only, or a side of the
        split or a fold would lack customers of one kind.
    """
    economics = Economics(customer_lifetime_value, 0.0, 0.0, 1.0, 1.0)
    lifetime_values(economics, well_formed, contract.id.name)
    target = churned(well_formed, contract)
    rarer = min(int(target.sum()), int(len(target) - target.sum()))
    if rarer == 0:
        name, positive = contract.target.name, contract.target.positive
        raise DataError(
            f"{name} of every accepted row of {data_quality['source']['name']} is "
            f"{'' if target[0] else 'other than '}{positive!r}; bring customers who left and "
            f"customers who stayed, or correct the positive value of {name} in the contract"
        )
    if rarer < _PLENTY:
        train, _, _ = part_customers(well_formed, contract, split)
        numbers, kinds = customer_numbers(train, contract), churned(train, contract)
        check_folds(kinds, tuning_folds, "tuning.folds", numbers)
        check_folds(kinds, training_folds, "training.folds", numbers)
    return well_formed
