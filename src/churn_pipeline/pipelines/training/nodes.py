"""Nodes of the training pipeline."""

from typing import Any

import pandas as pd
from sklearn.pipeline import Pipeline

from churn_pipeline.contract import Contract
from churn_pipeline.modeling.candidates import BASELINE, build_baseline, build_candidate
from churn_pipeline.modeling.cross_validation import (
    cross_validate,
    fit_on,
    out_of_fold_losses,
    score_folds,
)
from churn_pipeline.modeling.growth import grow
from churn_pipeline.modeling.model import ChurnModel
from churn_pipeline.modeling.recalibration import Calibrator, choose_calibrator, describe
from churn_pipeline.modeling.selection import choose_champion
from churn_pipeline.modeling.target import churned
from churn_pipeline.splits.customers import customer_numbers
from churn_pipeline.splits.folds import check_folds
from churn_pipeline.splits.sampling import first_customers
from churn_pipeline.statistics.comparison import compare_candidates

_FEWEST_FOLDS = 3
_MUCH_LARGER = 1.5  # than what was tuned on: fewer more bear no more trees


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


def _resampling(n_rows: int, training: dict[str, Any]) -> tuple[int, int]:
    """Return folds and repeats: the more rows, the fewer fits say as much.

    Repeats go first, then folds down to three, until all fits of a candidate together see no more
    than ``max_fitted_rows``.
    """
    most = training["max_fitted_rows"]
    for folds, repeats in [
        *((training["folds"], repeats) for repeats in range(training["repeats"], 0, -1)),
        *((folds, 1) for folds in range(training["folds"] - 1, _FEWEST_FOLDS, -1)),
    ]:
        if most is None or n_rows * (folds - 1) * repeats <= most:
            return folds, repeats
    return min(_FEWEST_FOLDS, training["folds"]), 1


def grow_candidates(
    train: pd.DataFrame,
    contract: Contract,
    tuned_settings: dict[str, Any],
    candidates: dict[str, Any],
    training: dict[str, Any],
    tuned_on: int | None,
) -> dict[str, Any]:
    """Give boosted candidates the trees that the customers of the comparison bear.

    Parameters
    ----------
    candidates : dict
        The section of ``params.yaml``.
    tuned_on : int or None
        ``tuning.max_customers``: where hardly more are compared, what was tuned stays.

    Returns
    -------
    dict
        Candidate → setting → value.
    """
    n_tuned = len(train.iloc[first_customers(churned(train, contract), tuned_on)])
    train = _compared(train, contract, training)
    if len(train) < _MUCH_LARGER * n_tuned:
        return tuned_settings
    return grow(
        tuned_settings,
        candidates,
        contract,
        train[list(contract.model_inputs)],
        churned(train, contract),
        most=training["max_trees"],
        seed=training["seed"],
        customer_numbers=customer_numbers(train, contract),
    )


def cross_validate_candidates(
    train: pd.DataFrame,
    contract: Contract,
    settings: dict[str, Any],
    training: dict[str, Any],
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, float]]:
    """Cross-validate the candidates and the baseline on the training set.

    Parameters
    ----------
    settings : dict
        Candidate → setting → value.

    Returns
    -------
    out_of_fold : DataFrame
        Log-odds of every row, see
        :class:`churn_pipeline.modeling.cross_validation.CrossValidated`.
    cross_validation : DataFrame
        Metrics of every fit, see :func:`churn_pipeline.modeling.cross_validation.score_folds`.
    scoring_costs : dict of str to float
        Operations that it takes to score one customer, by candidate.

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
    folds, repeats = _resampling(len(train), training)
    check_folds(target, folds, "training.folds", numbers)
    out_of_fold, scoring_costs = cross_validate(
        _build(settings, contract, training),
        train[list(contract.model_inputs)],
        target,
        folds=folds,
        repeats=repeats,
        seed=training["seed"],
        customer_numbers=numbers,
    )
    return out_of_fold, score_folds(out_of_fold, target), scoring_costs


def choose_and_calibrate(
    cross_validation: pd.DataFrame,
    out_of_fold: pd.DataFrame,
    scoring_costs: dict[str, float],
    train: pd.DataFrame,
    contract: Contract,
    settings: dict[str, Any],
    training: dict[str, Any],
) -> tuple[dict[str, Any], ChurnModel, dict[str, ChurnModel]]:
    """Choose the champion, calibrate it where that helps, and fit it on the whole training set.

    Of a very large one on its first ``max_fitted_customers``, which bounds time and memory.

    Returns
    -------
    selection : dict
        Who won and why, see :func:`churn_pipeline.modeling.selection.choose_champion`; with the
        settings of each candidate, the ``resampling`` (folds and repeats) and the ``calibration``
        of the champion.
    model : ChurnModel
        The calibrated champion.
    reference_models : dict of str to ChurnModel
        ``runner_up`` (absent if there is one candidate), calibrated as well, and ``baseline``.
    """
    compared = _compared(train, contract, training)
    target = churned(compared, contract)
    losses = out_of_fold_losses(out_of_fold, target)
    numbers = customer_numbers(compared, contract)
    selection = choose_champion(
        cross_validation,
        losses,
        compare_candidates(losses, training["confidence"], BASELINE, numbers),
        scoring_costs,
        margin=training["margin"],
        cost_ratio=training["cost_ratio"],
    )
    for name, values in settings.items():
        selection["candidates"][name]["settings"] = values

    by_repeat = [part for _, part in out_of_fold.groupby("repeat")]
    folds = [[rows["customer"].to_numpy() for _, rows in p.groupby("fold")] for p in by_repeat]
    selection["resampling"] = {"folds": len(folds[0]), "repeats": len(folds)}
    calibrators: dict[str, Calibrator | None] = {BASELINE: None}
    for role in ("runner_up", "champion"):
        if (name := selection[role]) is not None:
            calibrators[name], facts = choose_calibrator(
                [part[name].to_numpy() for part in by_repeat],
                target,
                folds,
                methods=training["calibrators"],
                confidence=training["confidence"],
                customer_numbers=numbers,
            )
    selection["calibration"] = {**facts, **describe(calibrators[selection["champion"]])}

    train = train.iloc[first_customers(churned(train, contract), training["max_fitted_customers"])]
    inputs, target = train[list(contract.model_inputs)], churned(train, contract)
    built = _build(settings, contract, training)

    def fit(name: str) -> ChurnModel:
        fitted = fit_on(name, built[name], inputs, target)
        return ChurnModel.of(name, fitted, contract.model_inputs, calibrators[name])

    references = {"runner_up": selection["runner_up"], BASELINE: BASELINE}
    models = {role: fit(name) for role, name in references.items() if name is not None}
    return selection, fit(selection["champion"]), models


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
