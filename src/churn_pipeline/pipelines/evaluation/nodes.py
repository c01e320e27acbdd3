"""Nodes of the evaluation pipeline: the one place that reads the test side."""

from dataclasses import asdict
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from sklearn.pipeline import Pipeline

from churn_pipeline.contract import Contract
from churn_pipeline.modeling import curves
from churn_pipeline.modeling.metrics import Interval, MetricSettings, bootstrap_metrics
from churn_pipeline.modeling.target import churned
from churn_pipeline.reporting import figures


def score_test_customers(model: Pipeline, test: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    """Score the test side.

    Returns
    -------
    DataFrame
        The id column, ``churned`` (0 or 1) and ``churn_probability``; one line a customer.
    """
    return pd.DataFrame(
        {
            contract.id.name: test[contract.id.name],
            "churned": churned(test, contract),
            "churn_probability": model.predict_proba(test[list(contract.model_inputs)])[
                :, 1
            ].astype("float64"),
        }
    )


def measure(predictions: pd.DataFrame, evaluation: dict[str, Any]) -> dict[str, Any]:
    """Compute the test metrics, each with a seeded bootstrap interval.

    Returns
    -------
    dict
        Metric → ``value``, ``low``, ``high``, rounded to six decimals.
    """
    intervals = bootstrap_metrics(
        predictions["churned"],
        predictions["churn_probability"],
        MetricSettings(
            threshold=evaluation["threshold"],
            top_share=evaluation["top_share"],
            calibration_bins=evaluation["calibration_bins"],
        ),
        replicates=evaluation["replicates"],
        confidence=evaluation["confidence"],
        seed=evaluation["seed"],
    )
    return {name: _rounded(interval) for name, interval in intervals.items()}


def _rounded(interval: Interval) -> dict[str, float]:
    return {key: round(value, 6) for key, value in asdict(interval).items()}


def trace_curves(
    predictions: pd.DataFrame, evaluation: dict[str, Any]
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Compute the points of the ROC, precision-recall, calibration and gains curves, and the
    actual and predicted class of each customer."""
    y, p = predictions["churned"], predictions["churn_probability"]
    return (
        curves.roc_curve(y, p),
        curves.precision_recall_curve(y, p),
        curves.calibration_curve(y, p, evaluation["calibration_bins"]),
        curves.gains_curve(y, p),
        curves.confusion(y, p, evaluation["threshold"]),
    )


def draw_figures(
    roc_curve: pd.DataFrame,
    precision_recall_curve: pd.DataFrame,
    calibration_curve: pd.DataFrame,
    gains_curve: pd.DataFrame,
    confusion: pd.DataFrame,
    metrics: dict[str, Any],
) -> tuple[Figure, Figure, Figure, Figure, Figure]:
    """Draw the curves as pictures."""
    churn_rate = float((confusion["actual"] == "churned").mean())
    return (
        figures.roc(roc_curve, metrics["roc_auc"]),
        figures.precision_recall(precision_recall_curve, metrics["average_precision"], churn_rate),
        figures.calibration(calibration_curve, metrics["expected_calibration_error"]),
        figures.gains(gains_curve),
        figures.confusion(confusion),
    )
