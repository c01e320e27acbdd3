"""A metric is defined once; its gates follow from that."""

from __future__ import annotations

import pytest

from churn_pipeline.evaluation.calibration import calibration_line
from churn_pipeline.evaluation.gates import Measured, check
from churn_pipeline.evaluation.metric_definitions import METRIC_GATES, METRICS, gate_name
from churn_pipeline.evaluation.metrics import MetricSettings, compute_metrics


def test_each_metric_is_defined_and_the_gates_limit_those_of_the_probabilities() -> None:
    y, p = [0, 1], [0.2, 0.7]
    settings = MetricSettings(top_share=0.5, calibration_bins=2)
    fitted = calibration_line([0, 1, 0, 1], [0.2, 0.7, 0.4, 0.3], 0.95).keys()
    of_probabilities = compute_metrics(y, p, None, settings).keys() | fitted
    assert compute_metrics(y, p, [False, True], settings).keys() | fitted == METRICS.keys()
    assert set(METRIC_GATES.values()) == of_probabilities


def test_gates_hold_metrics_against_their_limits() -> None:
    figures = {metric: {"value": 0.5, "low": 0.4, "high": 0.6} for metric in METRICS}
    for gate, metric in METRIC_GATES.items():
        (low,) = check({gate: 0.4}, Measured(figures))
        (high,) = check({gate: 0.6}, Measured(figures))
        assert gate.endswith(metric)
        right, wrong = (low, high) if "minimum" in gate else (high, low)
        assert right.passed is True
        assert wrong.passed is (None if METRICS[metric].is_noisy else False)


def test_both_sides_of_an_ideal_are_limited() -> None:
    ideals = {metric for metric, definition in METRICS.items() if definition.ideal is not None}
    assert ideals == {"calibration_slope", "calibration_intercept"}
    for metric in ideals:
        assert METRIC_GATES[f"minimum_{metric}"] == METRIC_GATES[f"maximum_{metric}"] == metric


@pytest.mark.parametrize(
    ("gate", "name"),
    [("minimum_roc_auc", "ROC-AUC, at least"), ("maximum_log_loss", "log loss, at most")],
)
def test_a_gate_is_named_after_its_metric(gate: str, name: str) -> None:
    assert gate_name(gate) == name


def test_names_differ_and_have_a_title() -> None:
    assert len({metric.name for metric in METRICS.values()}) == len(METRICS)
    assert METRICS["average_precision"].title == "Average precision"
