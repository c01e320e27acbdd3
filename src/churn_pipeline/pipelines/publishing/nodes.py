"""Nodes of the publishing pipeline."""

import hashlib
import json

import pandas as pd

from churn_pipeline.contract import Contract
from churn_pipeline.contract.document import contract_document
from churn_pipeline.errors import DataError, ParameterError
from churn_pipeline.io.dates import dated

_DIGITS = 12


def version_features(
    features: pd.DataFrame, model_contract: Contract, sink: str | None, date: str | None
) -> pd.DataFrame:
    """Take what the model reads, and add what the sink tells runs apart by.

    Neither the target nor ignored columns, such as names and addresses of customers, are published.

    Parameters
    ----------
    features : DataFrame
    model_contract : Contract
        Defines the features, combinations included.
    sink : str or None
        Where they go.
    date : str or None
        The day that they are of; None for each row's snapshot.

    Returns
    -------
    DataFrame
        The key, the features and the derived columns, with ``contract_version`` (the first digits
        of a hash of the contract) and ``feature_date``.

    Raises
    ------
    ParameterError
        If there is no sink, or neither date nor snapshot.
    DataError
        If a feature has the name of an added column.
    """
    if sink is None:
        raise ParameterError(
            "publishing.sink is null, so there is nothing to do; set it to the table to write the "
            "features to, such as postgresql://HOST/DATABASE::TABLE"
        )
    names = [*model_contract.key, *(column.name for column in model_contract.features)]
    names += [column.name for column in model_contract.derived_columns]
    if "contract_version" in names:
        raise DataError(
            "the table has a column 'contract_version', which publishing adds; rename it"
        )
    table = dated(features[names], model_contract, "feature_date", date, "publishing.date")
    return table.assign(contract_version=contract_version(model_contract))


def contract_version(contract: Contract) -> str:
    """Return a text that is the same for equal contracts, and another one for others."""
    document = json.dumps(contract_document(contract), ensure_ascii=False)
    return hashlib.sha256(document.encode()).hexdigest()[:_DIGITS]
