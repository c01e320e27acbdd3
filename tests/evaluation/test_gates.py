from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.special import logit
from scipy.stats import ttest_rel
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from churn_pipeline.evaluation.champion import LostChampion
from churn_pipeline.evaluation.gates import (
    Measured,
    Regression,
    check,
    compare_with_champion,
    log_losses,
    time_scoring,
)
from churn_pipeline.modeling.model import ChurnModel
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


# customers whose churn depends on `risk` and not on `noise`


@pytest.fixture(scope="module")
def sides() -> tuple[pd.DataFrame, pd.DataFrame]:
    generator = np.random.default_rng(1)
    table = pd.DataFrame({name: generator.normal(size=1600) for name in ("risk", "noise")})
    probability = 1 / (1 + np.exp(1 - 1.5 * table["risk"]))
    table["churned"] = (generator.random(1600) < probability).astype("int8")
    return table[:800], table[800:]


def fit(train: pd.DataFrame, *inputs: str) -> ChurnModel:
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    pipeline.fit(train[list(inputs)], train["churned"])
    return ChurnModel.of("logistic_regression", pipeline, inputs)


def compare(
    new: ChurnModel,
    champion: ChurnModel | LostChampion | None,
    test: pd.DataFrame,
    confidence: float = 0.95,
    margin: float = 0.0,
) -> Regression:
    churned: NDArray[np.int8] = test["churned"].to_numpy()
    return compare_with_champion(
        churned, new.churn_probability(test), champion, test, confidence, margin
    )


Sides = tuple[pd.DataFrame, pd.DataFrame]


def test_a_regression_is_found_and_an_improvement_is_none(sides: Sides) -> None:
    good, poor = fit(sides[0], "risk"), fit(sides[0], "noise")
    worse, better = compare(poor, good, sides[1]), compare(good, poor, sides[1])
    assert not worse.passed
    assert better.passed
    assert worse.difference == pytest.approx(-(better.difference or 0))
    losses = [log_loss(sides[1]["churned"], m.churn_probability(sides[1])) for m in (poor, good)]
    assert worse.difference == pytest.approx(losses[0] - losses[1])
    assert "margin 0: worse beyond noise" in worse.detail


def test_an_identical_champion_passes(sides: Sides) -> None:
    model = fit(sides[0], "risk")
    found = compare(model, model, sides[1])
    assert (found.difference, found.passed) == (0.0, True)
    assert "+0.0000 to +0.0000, margin 0: not worse by more than the margin" in found.detail


def test_an_equal_model_passes_about_as_often_as_promised() -> None:
    generator = np.random.default_rng(2)
    p = generator.beta(1, 2, size=(400, 500))
    churned = (generator.random(p.shape) < p).astype("int8")
    customers = pd.DataFrame({"x": range(500)})
    noise = [p + generator.uniform(-1, 1, p.shape) * 0.5 * p * (1 - p) for _ in range(2)]
    champion = fit(pd.DataFrame({"x": [0, 1], "churned": [0, 1]}), "x")
    failed = 0
    for row, new, old in zip(churned, *noise, strict=True):
        known: Any = lambda _, old=old: logit(old)  # noqa: E731
        current = replace(champion, calibrator=known)
        failed += not compare_with_champion(row, new, current, customers, 0.95).passed
    assert 8 <= failed <= 35  # 20 of 400 expected; 1 in 1,000 for chance to leave this range


def test_either_end_decides_as_a_one_sided_paired_t_test(sides: Sides) -> None:
    train, test = sides
    old, new = fit(train[:100], "risk", "noise"), fit(train[100:150], "risk", "noise")
    y = test["churned"].to_numpy()
    losses = [log_losses(y, m.churn_probability(test)) for m in (new, old)]
    oracle = ttest_rel(*losses, alternative="greater").pvalue
    assert compare(new, old, test, confidence=1 - oracle * 0.99).passed
    assert not compare(new, old, test, confidence=1 - oracle * 1.01).passed


def test_a_significant_difference_within_the_margin_passes(sides: Sides) -> None:
    train, test = sides
    old = fit(train, "risk")
    spread: Any = lambda scores: scores + 0.01 * np.sign(scores)  # noqa: E731
    shifted = replace(old, calibrator=spread)
    for new, champion in ((shifted, old), (old, shifted)):
        found = compare(new, champion, test, margin=0.002)
        assert found.passed
        assert "margin 0.002: not worse by more than the margin" in found.detail
    worse = max(
        (compare(a, b, test) for a, b in ((shifted, old), (old, shifted))),
        key=lambda found: found.difference or 0,
    )
    assert 0 < (worse.difference or 0) < 0.002


def test_a_small_test_side_says_that_it_cannot_tell(sides: Sides) -> None:
    train, test = sides
    new, old = fit(train[:100], "risk", "noise"), fit(train[100:200], "risk", "noise")
    found = compare(new, old, test[:40], margin=0.002)
    assert found.passed
    assert "too few test customers" in found.detail


def test_a_loss_that_may_exceed_the_margin_fails_though_its_estimate_does_not(
    sides: Sides,
) -> None:
    good, poor = fit(sides[0], "risk"), fit(sides[0], "noise")
    exact = compare(poor, good, sides[1]).difference
    assert exact is not None
    assert not compare(poor, good, sides[1], margin=exact * 1.001).passed
    assert compare(poor, good, sides[1], margin=exact * 2).passed


def test_a_gate_that_is_not_judged_is_not_counted() -> None:
    assert count_passed([True, None, True]) == "2 of 2 passed, 1 not judged"
    assert count_passed([False, True]) == "1 of 2 passed"
    assert count_passed([]) == "all are switched off"
    assert count_passed([None]) == "0 of 0 passed, 1 not judged"


def test_the_first_model_has_no_champion_to_beat(sides: Sides) -> None:
    found = compare(fit(sides[0], "risk"), None, sides[1])
    assert found == Regression(None, None, "there is no champion yet")


def test_a_lost_champion_fails_with_the_remedy(sides: Sides) -> None:
    found = compare(fit(sides[0], "risk"), LostChampion("version 3: gone"), sides[1])
    assert (found.difference, found.passed) == (None, False)
    assert "cannot be loaded (version 3: gone)" in found.detail
    assert "kedro model rollback" in found.detail


class Raising(LogisticRegression):
    def decision_function(self, X: Any) -> Any:  # noqa: N803
        raise ValueError("columns are\nwrong")


def test_a_champion_that_cannot_score_fails_with_the_remedy(sides: Sides) -> None:
    train, test = sides
    new = fit(train, "risk")
    renamed = compare(new, fit(train, "noise"), test.drop(columns="noise"))
    assert not renamed.passed
    assert "(it needs noise)" in renamed.detail
    raising = make_pipeline(Raising()).fit(train[["risk"]], train["churned"])
    broken = compare(new, ChurnModel.of("logistic_regression", raising, ("risk",)), test)
    assert (broken.difference, broken.passed) == (None, False)
    assert "(columns are)" in broken.detail
    assert "set gates.no_regression to false" in broken.detail


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ([0.002] * 30, 2.0),
        ([*[0.9] * 16, 0.003, *[0.004] * 13], 3.0),  # hiccups do not count
    ],
)
def test_scoring_time_is_the_fastest_of_one_customer_calls(
    sides: Sides, seconds: list[float], expected: float
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
    assert time_scoring(len, sides[1].to_numpy(), lambda: next(clock)) == pytest.approx(expected)
    assert next(calls) == 30
    assert next(clock, None) is None


def test_fewer_customers_than_are_timed(sides: Sides) -> None:
    assert time_scoring(len, sides[1].to_numpy()[:2]) > 0
