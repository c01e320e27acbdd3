"""Nodes of the export pipeline."""

from typing import Any

import pandas as pd

from churn_pipeline.contract import Contract
from churn_pipeline.modeling.model import ChurnModel
from churn_pipeline.packaging.assembly import assemble, check_parity
from churn_pipeline.scorer import Bundle, Model


def export_scorer(
    model: ChurnModel,
    features: pd.DataFrame,
    train: pd.DataFrame,
    contract: Contract,
) -> tuple[Bundle, dict[str, Any]]:
    """Turn the champion into a scorer without pickles, and prove that it gives the same scores.

    It holds no rules of decisions: the packaging adds them, so that another cost or tier needs no
    new export.

    Returns
    -------
    scorer : Bundle
    parity : dict
        ``candidate``, ``customers`` compared (100,000 at most), whether each differs by at most
        ``tolerance`` in probability. How much it is below that depends on the machine.

    Raises
    ------
    BundleError
        If the model cannot be converted, or a customer gets another probability.
    """
    scorer = assemble(model, contract, train)
    facts = check_parity(model, Model(scorer), features, contract)
    return scorer, {"candidate": model.candidate, **facts}
