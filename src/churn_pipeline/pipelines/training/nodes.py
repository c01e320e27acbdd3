"""Nodes of the training pipeline."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from churn_pipeline.contract import Contract
from churn_pipeline.errors import DataError
from churn_pipeline.modeling.candidates import build_candidate
from churn_pipeline.modeling.cross_validation import cross_validate
from churn_pipeline.modeling.target import churned


def cross_validate_candidates(
    train: pd.DataFrame, contract: Contract, training: dict[str, Any]
) -> pd.DataFrame:
    """Cross-validate every candidate of ``training.candidates`` on the training side.

    Returns
    -------
    DataFrame
        One line a candidate and fold, see
        :func:`churn_pipeline.modeling.cross_validation.cross_validate`.

    Raises
    ------
    DataError
        If a fold would lack customers of one kind.
    ParameterError
        If there is no such candidate, or it cannot be fitted with its settings.
    """
    seed = training["seed"]
    candidates = {
        name: build_candidate(name, settings, contract, seed)
        for name, settings in training["candidates"].items()
    }
    target = churned(train, contract)
    smallest = int(np.bincount(target, minlength=2).min())
    if smallest < training["folds"]:
        raise DataError(
            f"the training side has only {smallest} customers of the rarer kind, fewer than "
            f"training.folds ({training['folds']}); bring more customers or lower training.folds"
        )
    return cross_validate(
        candidates,
        train[list(contract.model_inputs)],
        target,
        folds=training["folds"],
        repeats=training["repeats"],
        seed=seed,
    )


def fit_champion(
    train: pd.DataFrame, contract: Contract, training: dict[str, Any], selection: dict[str, Any]
) -> Pipeline:
    """Fit the champion on the whole training side."""
    name = selection["champion"]
    model = build_candidate(name, training["candidates"][name], contract, training["seed"])
    with threadpool_limits(limits=1):
        return model.fit(train[list(contract.model_inputs)], churned(train, contract))
