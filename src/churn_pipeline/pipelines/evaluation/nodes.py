"""Nodes of the evaluation pipeline: the one place that scores the test set."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from churn_pipeline.contract import Contract
from churn_pipeline.evaluation import curves
from churn_pipeline.evaluation.metrics import MetricSettings, bootstrap_metrics
from churn_pipeline.modeling.candidates import BASELINE
from churn_pipeline.modeling.model import ChurnModel
from churn_pipeline.modeling.target import churned
from churn_pipeline.reporting import figures
from churn_pipeline.scorer import Bundle, Model
from churn_pipeline.splits.customers import (
    NUMBER,
    customer_numbers,
    key_columns,
    numbers_of,
)
from churn_pipeline.statistics.bootstrap import Bootstrap
from churn_pipeline.statistics.delong import delong_test

_REFERENCES = ("runner_up", "baseline")


def score_test_customers(
    scorer: Bundle,
    reference_models: dict[str, ChurnModel],
    test: pd.DataFrame,
    contract: Contract,
) -> pd.DataFrame:
    """Score the test set by what will be shipped.

    Returns
    -------
    DataFrame
        One line a row: the id column and the snapshot if the contract names one, ``churned`` (0 or
        1), ``churn_probability``, ``runner_up_probability`` (absent if there is one candidate
        only), ``baseline_probability``, and ``customer_number`` where a customer has several rows.
    """
    champion = Model(scorer)
    scores = {
        f"{role}_probability": reference_models[role].churn_probability(test)
        for role in _REFERENCES
        if role in reference_models
    }
    predictions = pd.DataFrame(
        {
            **key_columns(test, contract),
            "churned": churned(test, contract),
            "churn_probability": champion.churn_probability(champion.rows(test)),
            **scores,
        }
    )
    numbers = customer_numbers(test, contract)
    return predictions if numbers is None else predictions.assign(**{NUMBER: numbers})


def measure(scores: pd.DataFrame, evaluation: dict[str, Any]) -> dict[str, Any]:
    """Compute the test metrics of the probabilities, each with a seeded bootstrap interval.

    Returns
    -------
    dict
        Metric → ``value``, ``low``, ``high``, rounded to six decimals.
    """
    intervals = bootstrap_metrics(
        scores["churned"],
        scores["churn_probability"],
        None,
        MetricSettings(
            top_share=evaluation["top_share"], calibration_bins=evaluation["calibration_bins"]
        ),
        Bootstrap.of(evaluation, numbers_of(scores)),
    )
    return {name: interval.rounded() for name, interval in intervals.items()}


def compare_on_test(
    scores: pd.DataFrame, selection: dict[str, Any], evaluation: dict[str, Any]
) -> dict[str, Any]:
    """Compare the champion's ROC-AUC with the runner-up's and the baseline's by DeLong's test.

    Returns
    -------
    dict
        ``runner_up`` (absent if there is one candidate only) and ``baseline`` → ``candidate``, its
        ``roc_auc``, ``difference`` (the champion's minus that) with ``low`` and ``high``, and
        ``p_value``; rounded to six decimals.
    """
    names = {"runner_up": selection["runner_up"], BASELINE: BASELINE}
    comparisons = {}
    for role in _REFERENCES:
        if f"{role}_probability" not in scores:
            continue
        test = delong_test(
            scores["churned"],
            scores["churn_probability"],
            scores[f"{role}_probability"],
            evaluation["confidence"],
            numbers_of(scores),
        )
        comparisons[role] = {
            "candidate": names[role],
            "roc_auc": round(test.second, 6),
            "difference": round(test.difference, 6),
            "low": round(test.low, 6),
            "high": round(test.high, 6),
            "p_value": round(test.p_value, 6),
        }
    return comparisons


def trace_curves(
    scores: pd.DataFrame, evaluation: dict[str, Any]
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Compute the points of the ROC, precision-recall, calibration and gains curves."""
    y, p = scores["churned"], scores["churn_probability"]
    return (
        curves.roc_curve(y, p),
        curves.precision_recall_curve(y, p),
        curves.calibration_curve(y, p, evaluation["calibration_bins"]),
        curves.gains_curve(y, p),
    )


def draw_figures(
    roc_curve: pd.DataFrame,
    precision_recall_curve: pd.DataFrame,
    calibration_curve: pd.DataFrame,
    scores: pd.DataFrame,
    metrics: dict[str, Any],
) -> tuple[Figure, Figure, Figure]:
    """Draw the curves as pictures."""
    churn_rate = float(scores["churned"].mean())
    return (
        figures.roc(roc_curve, metrics["roc_auc"]),
        figures.precision_recall(precision_recall_curve, metrics["average_precision"], churn_rate),
        figures.calibration(calibration_curve, metrics["expected_calibration_error"]),
    )
