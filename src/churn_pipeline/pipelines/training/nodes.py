"""Nodes of the training pipeline."""

from typing import Any

import pandas as pd
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from churn_pipeline.contract import Contract
from churn_pipeline.errors import ParameterError
from churn_pipeline.modeling.candidates import build_candidate
from churn_pipeline.modeling.cross_validation import choose_champion, cross_validate
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
    """
    if not training["candidates"]:
        raise ParameterError("params.yaml: training.candidates is empty; name at least one")
    seed = training["seed"]
    candidates = {
        name: build_candidate(name, settings, contract, seed)
        for name, settings in training["candidates"].items()
    }
    return cross_validate(
        candidates,
        train[list(contract.model_inputs)],
        churned(train, contract),
        folds=training["folds"],
        repeats=training["repeats"],
        seed=seed,
    )


def select_champion(cross_validation: pd.DataFrame) -> dict[str, Any]:
    """Choose the champion, the candidate of the lowest mean cross-validated log loss."""
    return choose_champion(cross_validation)


def fit_champion(
    train: pd.DataFrame, contract: Contract, training: dict[str, Any], selection: dict[str, Any]
) -> Pipeline:
    """Fit the champion on the whole training side."""
    name = selection["champion"]
    model = build_candidate(name, training["candidates"][name], contract, training["seed"])
    with threadpool_limits(limits=1):
        return model.fit(train[list(contract.model_inputs)], churned(train, contract))
