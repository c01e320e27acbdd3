"""Nodes of the publishing pipeline."""

import hashlib
import json

import pandas as pd

from churn_pipeline.contract import Contract
from churn_pipeline.contract.document import contract_document
from churn_pipeline.errors import ParameterError
from churn_pipeline.io.dates import dated

_DIGITS = 12


def version_features(
    features: pd.DataFrame, contract: Contract, sink: str | None, date: str | None
) -> pd.DataFrame:
    """Add what the sink tells runs apart by: the definition of the features, and their day.

    Parameters
    ----------
    features : DataFrame
    contract : Contract
        Defines the features.
    sink : str or None
        Where they go.
    date : str or None
        The day that they are of; None for each row's snapshot.

    Returns
    -------
    DataFrame
        The features with ``contract_version`` (the first digits of a hash of the contract) and
        ``feature_date``.

    Raises
    ------
    ParameterError
        If there is no sink, or neither date nor snapshot.
    """
    if sink is None:
        raise ParameterError(
            "publishing.sink is null, so there is nothing to do; set it to the table that gets the "
            "features, such as postgresql://HOST/DATABASE::TABLE"
        )
    table = dated(features, contract, "feature_date", date, "publishing.date")
    return table.assign(contract_version=contract_version(contract))


def contract_version(contract: Contract) -> str:
    """Return a text that is the same for equal contracts, and another one for others."""
    document = json.dumps(contract_document(contract), ensure_ascii=False)
    return hashlib.sha256(document.encode()).hexdigest()[:_DIGITS]
