"""Nodes of the evaluation pipeline: the one place that reads the test side."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from churn_pipeline.contract import Contract
from churn_pipeline.modeling import curves
from churn_pipeline.modeling.candidates import BASELINE
from churn_pipeline.modeling.customers import (
    NUMBER,
    customer_numbers,
    key_columns,
    numbers_of,
)
from churn_pipeline.modeling.delong import delong_test
from churn_pipeline.modeling.metrics import MetricSettings, bootstrap_metrics
from churn_pipeline.modeling.model import ChurnModel
from churn_pipeline.modeling.profit import add_decisions
from churn_pipeline.modeling.target import churned
from churn_pipeline.reporting import figures
from churn_pipeline.scorer import Bundle, Scorer
from churn_pipeline.scorer.decisions import Economics, assign_tier, tiers

_REFERENCES = ("runner_up", "baseline")


def score_test_customers(
    scorer: Bundle,
    reference_models: dict[str, ChurnModel],
    test: pd.DataFrame,
    contract: Contract,
    economics: dict[str, Any],
) -> pd.DataFrame:
    """Score the test side by what will be shipped, and decide whom to contact.

    Returns
    -------
    DataFrame
        One line a row: the id column and the snapshot if the contract names one, ``churned`` (0 or
        1), ``churn_probability``, ``runner_up_probability`` (absent if there is one candidate
        only), ``baseline_probability``, what
        :func:`churn_pipeline.modeling.profit.add_decisions` adds, ``tier``, and
        ``customer_number`` where a customer has several rows.

    Raises
    ------
    ParameterError, DataError
        If ``economics.customer_lifetime_value`` names a column that does not hold such values.
    """
    champion = Scorer(scorer)
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
    # a derived column is no amount of money
    own = test.drop(columns=[column.name for column in contract.derived_columns])
    decided = add_decisions(predictions, own, Economics.of(economics), contract.id.name)
    tier = assign_tier(decided["churn_probability"], tiers(economics["tiers"]))
    numbers = customer_numbers(test, contract)
    return decided.assign(
        tier=pd.array(tier, dtype="str"), **({} if numbers is None else {NUMBER: numbers})
    )


def measure(
    predictions: pd.DataFrame, economics: dict[str, Any], evaluation: dict[str, Any]
) -> dict[str, Any]:
    """Compute the test metrics, each with a seeded bootstrap interval; the profits join them.

    Returns
    -------
    dict
        Metric → ``value``, ``low``, ``high``, rounded to six decimals.
    """
    intervals = bootstrap_metrics(
        predictions["churned"],
        predictions["churn_probability"],
        predictions["contacted"],
        MetricSettings(
            top_share=evaluation["top_share"], calibration_bins=evaluation["calibration_bins"]
        ),
        replicates=evaluation["replicates"],
        confidence=evaluation["confidence"],
        seed=evaluation["seed"],
        customer_numbers=numbers_of(predictions),
    )
    return {name: interval.rounded() for name, interval in intervals.items()} | {
        "empc": economics["empc"],
        "empc_fraction": economics["empc_fraction"],
        "profit_per_customer": economics["policies"]["model"]["profit_per_customer"],
    }


def compare_on_test(
    predictions: pd.DataFrame, selection: dict[str, Any], evaluation: dict[str, Any]
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
        if f"{role}_probability" not in predictions:
            continue
        test = delong_test(
            predictions["churned"],
            predictions["churn_probability"],
            predictions[f"{role}_probability"],
            evaluation["confidence"],
            numbers_of(predictions),
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
        curves.confusion(y, predictions["contacted"]),
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
    precision, recall = metrics["precision"]["value"], metrics["recall"]["value"]
    decision = (recall * churn_rate / precision, recall) if precision else None
    return (
        figures.roc(roc_curve, metrics["roc_auc"]),
        figures.precision_recall(precision_recall_curve, metrics["average_precision"], churn_rate),
        figures.calibration(calibration_curve, metrics["expected_calibration_error"]),
        figures.gains(gains_curve, decision),
        figures.confusion(confusion),
    )
