"""Nodes of the packaging pipeline."""

from typing import Any

import pandas as pd

from churn_pipeline.contract import Contract
from churn_pipeline.packaging.description import describe
from churn_pipeline.packaging.reference import reference_statistics
from churn_pipeline.scorer import Bundle
from churn_pipeline.scorer.bundle import to_json


def package_model(
    scorer: Bundle,
    acceptance: dict[str, Any],
    selection: dict[str, Any],
    metrics: dict[str, Any],
    economics: dict[str, Any],
    data_quality: dict[str, Any],
    train: pd.DataFrame,
    test_predictions: pd.DataFrame,
    contract: Contract,
) -> Bundle:
    """Add to the scorer what the model is and what it was trained on.

    Parameters
    ----------
    scorer : Bundle
    acceptance : dict
        What the gates said; there is none of a model that failed one.
    selection, metrics, economics, data_quality : dict
        The reports of these names.
    train, test_predictions : DataFrame
    contract : Contract

    Returns
    -------
    Bundle
        With ``description.json`` (see :func:`churn_pipeline.packaging.description.describe`) and
        ``reference.json`` (see
        :func:`churn_pipeline.packaging.reference.reference_statistics`).
    """
    description = describe(
        scorer,
        acceptance=acceptance,
        selection=selection,
        metrics=metrics,
        economics=economics,
        data_quality=data_quality,
        train_customers=len(train),
        test_customers=len(test_predictions),
    )
    reference = reference_statistics(train, test_predictions, contract)
    return scorer.with_files(
        {"description.json": to_json(description), "reference.json": to_json(reference)}
    )
