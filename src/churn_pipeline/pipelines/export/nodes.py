"""Nodes of the export pipeline."""

from typing import Any

import pandas as pd

from churn_pipeline.contract import Contract
from churn_pipeline.modeling.model import ChurnModel
from churn_pipeline.packaging.assembly import assemble, check_parity
from churn_pipeline.scorer import Bundle, Scorer


def export_scorer(
    model: ChurnModel,
    features: pd.DataFrame,
    train: pd.DataFrame,
    contract: Contract,
    economics: dict[str, Any],
) -> tuple[Bundle, dict[str, Any]]:
    """Turn the champion into a scorer without pickles, and prove that it gives the same scores.

    Returns
    -------
    scorer : Bundle
    parity : dict
        ``candidate``, ``customers`` compared (all there are), whether each differs by at most
        ``tolerance`` in probability. How much it is below that depends on the machine.

    Raises
    ------
    BundleError
        If the model cannot be converted, or a customer gets another probability.
    """
    scorer = assemble(model, contract, economics, train)
    facts = check_parity(model, Scorer(scorer), features, contract)
    return scorer, {"candidate": model.candidate, **facts}
