"""Nodes of the packaging pipeline."""

from typing import Any

import pandas as pd

from churn_pipeline.packaging.description import describe
from churn_pipeline.packaging.rules import with_decisions
from churn_pipeline.packaging.verdict import passed_gates
from churn_pipeline.scorer import Bundle
from churn_pipeline.scorer.bundle import to_json


def package_model(
    scorer: Bundle,
    gates: dict[str, Any],
    acceptance: dict[str, Any],
    selection: dict[str, Any],
    metrics: dict[str, Any],
    economics: dict[str, Any],
    data_quality: dict[str, Any],
    reference: dict[str, Any],
    test_predictions: pd.DataFrame,
    rules: dict[str, Any],
) -> Bundle:
    """Add to the scorer what it decides, what the model is and what it was trained on.

    Parameters
    ----------
    scorer : Bundle
    gates : dict
        See :func:`churn_pipeline.pipelines.evaluation.gates.check_gates`.
    acceptance : dict
        Not read, since an earlier model may have left it; a run comes here once the acceptance
        has let it pass.
    selection, metrics, economics, data_quality : dict
        The reports of these names.
    reference : dict
        See :func:`churn_pipeline.packaging.reference.reference_statistics`.
    test_predictions : DataFrame
        Is counted.
    rules : dict
        The parameters ``economics``.

    Returns
    -------
    Bundle
        With ``decisions.json``, ``description.json`` (see
        :func:`churn_pipeline.packaging.description.describe`) and ``reference.json``.

    Raises
    ------
    GateError
        If the model failed a gate, or the gates are of another model.
    """
    description = describe(
        scorer,
        gates_passed=passed_gates(gates, scorer, selection["champion"]),
        selection=selection,
        metrics=metrics,
        economics=economics,
        data_quality=data_quality,
        train_customers=reference["customers"],
        test_customers=len(test_predictions),
    )
    return with_decisions(scorer, rules).with_files(
        {"description.json": to_json(description), "reference.json": to_json(reference)}
    )
