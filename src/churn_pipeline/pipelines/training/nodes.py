"""Nodes of the training pipeline."""

from typing import Any

import pandas as pd
from sklearn.pipeline import Pipeline

from churn_pipeline.contract import Contract
from churn_pipeline.modeling.candidates import BASELINE, build_baseline, build_candidate
from churn_pipeline.modeling.cross_validation import (
    cross_validate,
    fit_on,
    score_folds,
)
from churn_pipeline.modeling.families import FAMILIES
from churn_pipeline.modeling.model import ChurnModel
from churn_pipeline.modeling.recalibration import choose_calibrator, describe
from churn_pipeline.modeling.selection import choose_champion
from churn_pipeline.modeling.target import churned
from churn_pipeline.splits.customers import customer_numbers
from churn_pipeline.splits.folds import check_folds
from churn_pipeline.splits.sampling import first_customers
from churn_pipeline.statistics.comparison import compare_candidates


def _build(
    tuned_settings: dict[str, Any], contract: Contract, training: dict[str, Any]
) -> dict[str, Pipeline]:
    seed = training["seed"]
    candidates = {
        name: build_candidate(name, settings, contract, seed)
        for name, settings in tuned_settings.items()
    }
    return {**candidates, BASELINE: build_baseline(contract, seed)}


def _compared(train: pd.DataFrame, contract: Contract, training: dict[str, Any]) -> pd.DataFrame:
    """Return the rows of the training set that the candidates are compared on."""
    return train.iloc[first_customers(churned(train, contract), training["max_customers"])]


def _repeats(n_customers: int, training: dict[str, Any]) -> int:
    """Return how often to repeat: of many customers, one repeat says as much as several of few."""
    most = training["max_customers"]
    allowed = training["repeats"] if most is None else most // n_customers
    return max(1, min(training["repeats"], allowed))


def cross_validate_candidates(
    train: pd.DataFrame,
    contract: Contract,
    tuned_settings: dict[str, Any],
    training: dict[str, Any],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cross-validate the tuned candidates and the baseline on the training set.

    Returns
    -------
    out_of_fold : DataFrame
        Log-odds of every row, see
        :func:`churn_pipeline.modeling.cross_validation.cross_validate`.
    cross_validation : DataFrame
        Metrics of every fit, see :func:`churn_pipeline.modeling.cross_validation.score_folds`.

    Raises
    ------
    DataError
        If a fold would lack customers of one kind.
    ParameterError
        If there is no such candidate, or it cannot be fitted with its settings.
    """
    train = _compared(train, contract, training)
    target = churned(train, contract)
    numbers = customer_numbers(train, contract)
    check_folds(target, training["folds"], "training.folds", numbers)
    out_of_fold = cross_validate(
        _build(tuned_settings, contract, training),
        train[list(contract.model_inputs)],
        target,
        folds=training["folds"],
        repeats=_repeats(len(train), training),
        seed=training["seed"],
        customer_numbers=numbers,
    )
    return out_of_fold, score_folds(out_of_fold, target)


def fit_candidates(
    train: pd.DataFrame,
    contract: Contract,
    tuned_settings: dict[str, Any],
    training: dict[str, Any],
) -> dict[str, Pipeline]:
    """Fit every candidate and the baseline on the whole training set.

    Of a very large one on its first ``max_fitted_customers``, which bounds time and memory.
    """
    train = train.iloc[first_customers(churned(train, contract), training["max_fitted_customers"])]
    inputs, target = train[list(contract.model_inputs)], churned(train, contract)
    return {
        name: fit_on(name, candidate, inputs, target)
        for name, candidate in _build(tuned_settings, contract, training).items()
    }


def choose_and_calibrate(
    cross_validation: pd.DataFrame,
    out_of_fold: pd.DataFrame,
    fitted_candidates: dict[str, Pipeline],
    train: pd.DataFrame,
    contract: Contract,
    tuned_settings: dict[str, Any],
    training: dict[str, Any],
) -> tuple[dict[str, Any], ChurnModel, dict[str, ChurnModel]]:
    """Choose the champion, and calibrate it where that helps.

    Returns
    -------
    selection : dict
        Who won and why, see :func:`churn_pipeline.modeling.selection.choose_champion`; with the
        settings of each candidate and the ``calibration`` of the champion.
    model : ChurnModel
        The champion, fitted on the whole training set.
    reference_models : dict of str to ChurnModel
        ``runner_up`` (absent if there is one candidate) and ``baseline``, to compare with.
    """
    folds, confidence = training["folds"], training["confidence"]
    comparisons = compare_candidates(cross_validation, 1 / (folds - 1), confidence, BASELINE)
    costs = {
        name: FAMILIES[name].scoring_cost(pipeline[-1])
        for name, pipeline in fitted_candidates.items()
    }
    selection = choose_champion(cross_validation, comparisons, costs)
    for name, settings in tuned_settings.items():
        selection["candidates"][name]["settings"] = settings

    champion = selection["champion"]
    by_repeat = [part for _, part in out_of_fold.groupby("repeat")]
    calibrator, facts = choose_calibrator(
        [part[champion].to_numpy() for part in by_repeat],
        churned(_compared(train, contract, training), contract),
        [
            [part["customer"].to_numpy()[part["fold"] == fold] for fold in range(1, folds + 1)]
            for part in by_repeat
        ],
        methods=training["calibrators"],
        confidence=confidence,
    )
    selection["calibration"] = {**facts, **describe(calibrator)}

    references = {"runner_up": selection["runner_up"], BASELINE: BASELINE}
    models = {
        role: ChurnModel.of(name, fitted_candidates[name], contract.model_inputs)
        for role, name in references.items()
        if name is not None
    }
    model = ChurnModel.of(champion, fitted_candidates[champion], contract.model_inputs, calibrator)
    return selection, model, models


def list_candidate_metrics(selection: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Return the cross-validated means as metrics that DVC and MLflow compare between runs.

    Returns
    -------
    dict
        ``log_loss`` and ``roc_auc`` of the ``champion``, whichever it is, and of each candidate
        and the baseline by name.
    """
    candidates = selection["candidates"]
    means = {
        name: {metric: figures[metric]["mean"] for metric in ("log_loss", "roc_auc")}
        for name, figures in candidates.items()
    }
    return {"champion": means[selection["champion"]], **means}
