from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np
import pytest

from churn_pipeline.evaluation.gates import Measured, check, time_scoring
from churn_pipeline.evaluation.regression import Regression
from churn_pipeline.reporting.formats import count_passed

METRICS = {
    "roc_auc": {"value": 0.84, "low": 0.82, "high": 0.86},
    "average_precision": {"value": 0.65, "low": 0.61, "high": 0.69},
    "log_loss": {"value": 0.42, "low": 0.40, "high": 0.44},
    "expected_calibration_error": {"value": 0.02, "low": 0.0, "high": 0.03},
}
ALL = {
    "minimum_roc_auc": 0.8,
    "minimum_average_precision": 0.6,
    "maximum_log_loss": 0.45,
    "maximum_expected_calibration_error": 0.05,
    "maximum_scoring_milliseconds": 50,
    "no_regression": True,
}


def measured(**values: float) -> Measured:
    metrics = METRICS | {name: {**METRICS[name], "value": v} for name, v in values.items()}
    return Measured(metrics, 4.0, Regression(-0.01, True, "better"))


def test_all_gates_in_a_fixed_order() -> None:
    found = check(dict(reversed(ALL.items())), measured())
    assert [gate.gate for gate in found] == list(ALL)
    assert all(gate.passed for gate in found)
    assert [gate.gate for gate in found if gate.is_local] == list(ALL)[-2:]
    assert found[0].detail == "interval 0.8200 to 0.8600"


@pytest.mark.parametrize(
    ("gate", "metric", "limit", "worse"),
    [
        ("minimum_roc_auc", "roc_auc", 0.8, 0.7999),
        ("minimum_average_precision", "average_precision", 0.6, 0.5999),
        ("maximum_log_loss", "log_loss", 0.45, 0.4501),
    ],
)
def test_a_metric_passes_up_to_its_limit(
    gate: str, metric: str, limit: float, worse: float
) -> None:
    for value, passed in ((limit, True), (worse, False), (float("nan"), False)):
        found = {g.gate: g for g in check(ALL, measured(**{metric: value}))}
        assert found.pop(gate).passed is passed, value
        assert all(other.passed for other in found.values())


@pytest.mark.parametrize(
    ("low", "high", "passed"),
    [
        (0.85, 1.2, True),
        (0.8, 1.25, True),
        (0.79, 1.1, None),  # noise may have moved it over the limit
        (0.5, 0.79, False),
        (1.1, 1.3, None),
        (1.26, 2.0, False),
        (0.1, 3.0, None),
    ],
)
def test_calibration_is_judged_beyond_noise(low: float, high: float, passed: bool | None) -> None:
    gates = {"minimum_calibration_slope": 0.8, "maximum_calibration_slope": 1.25}
    figure = {"value": (low + high) / 2, "low": low, "high": high}
    found = check(gates, Measured({"calibration_slope": figure}))
    verdicts = {gate.passed for gate in found}
    assert (False if False in verdicts else None if None in verdicts else True) is passed
    for gate in found:
        assert ("too few test customers to be sure" in gate.detail) is (gate.passed is None)


def test_a_metric_that_the_test_set_does_not_determine_is_not_judged() -> None:
    (gate,) = check({"minimum_calibration_slope": 0.8}, Measured({}))
    assert gate.passed is None
    assert gate.value is None
    assert gate.detail.startswith("not judged")


def test_it_is_said_where_the_interval_of_a_metric_leaves_the_verdict_open() -> None:
    (gate,) = check({"minimum_roc_auc": 0.83}, Measured(METRICS))
    assert gate.passed
    assert gate.detail == (
        "interval 0.8200 to 0.8600, which contains the limit: too few test customers to be sure"
    )


def test_a_slow_model_and_a_worse_one_fail() -> None:
    slow = Measured(METRICS, 50.1, Regression(0.02, False, "worse"))
    failed = [gate.gate for gate in check(ALL, slow) if not gate.passed]
    assert failed == ["maximum_scoring_milliseconds", "no_regression"]


@pytest.mark.parametrize("off", [dict.fromkeys(ALL), dict.fromkeys(ALL, False), {}])
def test_gates_that_are_off_need_no_measurement(off: dict[str, Any]) -> None:
    assert check(off, Measured({})) == []


def test_a_limit_of_zero_is_not_off() -> None:
    (gate,) = check({"maximum_log_loss": 0}, Measured(METRICS))
    assert not gate.passed


def test_a_gate_that_is_not_judged_is_not_counted() -> None:
    assert count_passed([True, None, True]) == "2 of 2 passed, 1 not judged"
    assert count_passed([False, True]) == "1 of 2 passed"
    assert count_passed([]) == "all are switched off"
    assert count_passed([None]) == "0 of 0 passed, 1 not judged"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ([0.002] * 30, 2.0),
        ([*[0.9] * 16, 0.003, *[0.004] * 13], 3.0),  # hiccups do not count
    ],
)
def test_scoring_time_is_the_fastest_of_one_customer_calls(
    seconds: list[float], expected: float
) -> None:
    calls = count()

    def readings() -> Iterator[float]:
        now = 100.0
        for duration in seconds:
            next(calls)
            yield now
            now += duration
            yield now

    clock = readings()
    assert time_scoring(len, np.ones((800, 2)), lambda: next(clock)) == pytest.approx(expected)
    assert next(calls) == 30
    assert next(clock, None) is None


def test_fewer_customers_than_are_timed() -> None:
    assert time_scoring(len, np.ones((2, 2))) > 0
