from __future__ import annotations

import math
from dataclasses import astuple
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as oracle

from churn_pipeline.evaluation.calibration import calibration_bin
from churn_pipeline.evaluation.metrics import (
    MetricSettings,
    bootstrap_metrics,
    compute_metrics,
)
from churn_pipeline.statistics import bootstrap as bootstrap_module
from churn_pipeline.statistics.bootstrap import Bootstrap, Interval
from tests.sizes import examples, size

SETTINGS = MetricSettings(top_share=0.25, calibration_bins=10)
BY_HAND = {"expected_calibration_error", "recall_at_top", "lift_at_top"}
"""What scikit-learn does not have; the tests below do."""
probabilities = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0]) | st.floats(0, 1)


@st.composite
def scored(draw: st.DrawFn) -> tuple[list[int], list[float], list[int]]:
    size = draw(st.integers(2, 25))
    y = draw(st.lists(st.integers(0, 1), min_size=size, max_size=size))
    y[:2] = [0, 1]
    p = draw(st.lists(probabilities, min_size=size, max_size=size))
    w = draw(st.lists(st.integers(0, 4), min_size=size, max_size=size))
    w[:2] = [1, 1]
    return y, p, w


def values(
    y: Any, p: Any, weights: Any = None, contacted: Any = None, **settings: Any
) -> dict[str, float]:
    chosen = MetricSettings(**{"top_share": 0.25, "calibration_bins": 10, **settings})
    decided = np.asarray(p) >= 0.5 if contacted is None else contacted
    found = compute_metrics(y, p, decided, chosen, None if weights is None else [weights])
    return {name: float(value[0]) for name, value in found.items()}


@settings(max_examples=examples(80), deadline=None)
@given(scored(), st.integers(0, 2**25 - 1))
def test_scikit_learn_agrees(data: tuple[Any, Any, Any], decisions: int) -> None:
    y, p, w = data
    decided = np.array([decisions >> i & 1 for i in range(len(y))], dtype=bool)
    clipped = np.clip(p, 1e-15, 1 - 1e-15)
    expected = {
        "roc_auc": oracle.roc_auc_score(y, p, sample_weight=w),
        "average_precision": oracle.average_precision_score(y, p, sample_weight=w),
        "log_loss": oracle.log_loss(y, clipped, sample_weight=w),
        "brier_score": oracle.brier_score_loss(y, p, sample_weight=w),
        "accuracy": oracle.accuracy_score(y, decided, sample_weight=w),
        "precision": oracle.precision_score(y, decided, sample_weight=w, zero_division=0),
        "recall": oracle.recall_score(y, decided, sample_weight=w),
        "f1": oracle.f1_score(y, decided, sample_weight=w),
    }
    found = values(y, p, w, contacted=decided)
    assert found.keys() - expected.keys() == BY_HAND, "a new metric needs an oracle above"
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-6, abs=1e-9), name


@settings(max_examples=examples(60), deadline=None)
@given(scored())
def test_integer_weights_are_repeated_customers(data: tuple[Any, Any, Any]) -> None:
    y, p, w = data
    repeated = values(np.repeat(y, w), np.repeat(p, w))
    assert values(y, p, w) == pytest.approx(repeated, rel=1e-9, abs=1e-12)


@settings(max_examples=examples(60), deadline=None)
@given(scored(), st.randoms(use_true_random=False))
def test_order_of_customers_does_not_matter(data: tuple[Any, Any, Any], random: Any) -> None:
    y, p, _ = data
    order = list(range(len(y)))
    random.shuffle(order)
    shuffled = values(np.asarray(y)[order], np.asarray(p)[order])
    assert shuffled == pytest.approx(values(y, p), rel=1e-9, abs=1e-12)


def test_rows_of_weights_are_computed_independently() -> None:
    y, p = [0, 1, 1, 0, 1], [0.1, 0.4, 0.8, 0.6, 0.9]
    rows = np.random.default_rng(0).integers(0, 5, size=(7, 5)) + 1
    contacted = [False, True, True, True, False]
    together = compute_metrics(y, p, contacted, SETTINGS, rows)
    for i, row in enumerate(rows):
        alone = compute_metrics(y, p, contacted, SETTINGS, [row])
        for name, value in alone.items():
            assert together[name][i] == pytest.approx(value[0], rel=1e-12), name


def test_expected_calibration_error_by_hand() -> None:
    # bin 0.0-0.5: predicted 0.2, churned 1/2; bin 0.5-1.0: predicted 0.9, churned 1/2
    found = values([0, 1, 1, 0], [0.1, 0.3, 0.8, 1.0], calibration_bins=2)
    assert found["expected_calibration_error"] == pytest.approx((0.3 + 0.4) / 2)
    found = values([0, 1, 1], [0.2, 0.4, 0.9], weights=[2, 1, 3], calibration_bins=1)
    assert found["expected_calibration_error"] == pytest.approx(abs((0.8 + 2.7) - 4) / 6)


def test_recall_and_lift_in_the_top_by_hand() -> None:
    y = [1, 0, 1, 0, 0, 1, 0, 0]
    p = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2]
    for share, recall in ((0.125, 1 / 3), (0.25, 1 / 3), (0.375, 2 / 3), (1.0, 1.0)):
        found = values(y, p, top_share=share)
        assert found["recall_at_top"] == pytest.approx(recall)
        assert found["lift_at_top"] == pytest.approx(recall / share)


def test_ties_in_the_top_count_as_broken_at_random() -> None:
    # the top two are one sure customer and one of four that tie, one of whom churned
    found = values([1, 1, 0, 0, 0, 0, 0, 0], [0.9, *[0.5] * 4, 0.1, 0.1, 0.1], top_share=0.25)
    assert found["recall_at_top"] == pytest.approx((1 + 1 / 4) / 2)


def test_one_class_gives_missing_ranking_metrics_without_warning(
    recwarn: pytest.WarningsRecorder,
) -> None:
    for y in ([0, 0], [1, 1]):
        found = values(y, [0.2, 0.7])
        assert math.isnan(found["roc_auc"])
        assert math.isfinite(found["log_loss"])
        assert math.isfinite(found["brier_score"])
    assert math.isnan(values([0, 0], [0.2, 0.7])["average_precision"])
    assert not recwarn.list


def test_certain_and_wrong_is_finite() -> None:
    assert values([0, 1], [1.0, 0.0])["log_loss"] == pytest.approx(-math.log(1e-15), rel=1e-3)


def test_decisions_need_not_follow_the_ranking() -> None:
    found = values([1, 0, 1, 0], [0.9, 0.8, 0.2, 0.1], contacted=[False, True, True, False])
    assert found["precision"] == found["recall"] == found["f1"] == found["accuracy"] == 0.5
    assert found["roc_auc"] == 0.75


def test_contacting_no_one_has_no_precision() -> None:
    found = values([1, 0], [0.9, 0.8], contacted=[False, False])
    assert (found["precision"], found["recall"], found["f1"], found["accuracy"]) == (0, 0, 0, 0.5)


def test_calibration_bins_are_of_equal_width() -> None:
    p = np.array([0.0, 0.049, 0.05, 0.5, 0.999, 1.0])
    assert calibration_bin(p, 20).tolist() == [0, 0, 1, 10, 19, 19]


# Bootstrap


def sample(seed: int, size: int = 300) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    p = generator.beta(1, 2, size)
    return (generator.random(size) < p).astype(int), p


def bootstrap(seed: int = 1, **arguments: Any) -> dict[str, Interval]:
    y, p = sample(0)
    settings = {"replicates": 60, "confidence": 0.95, "seed": seed, **arguments}
    return bootstrap_metrics(y, p, p >= 0.5, SETTINGS, Bootstrap(**settings))


def test_bootstrap_repeats_with_its_seed() -> None:
    assert bootstrap(1) == bootstrap(1)
    assert bootstrap(1)["log_loss"].low != bootstrap(2)["log_loss"].low


def test_intervals_cover_the_point_estimate() -> None:
    y, p = sample(0)
    point = values(y, p)
    for name, interval in bootstrap().items():
        if name in point:
            assert interval.value == pytest.approx(point[name])
        if name != "expected_calibration_error":  # resampling inflates an absolute difference
            assert interval.low < interval.value < interval.high, name


def test_higher_confidence_gives_wider_intervals() -> None:
    narrow, wide = bootstrap(confidence=0.5), bootstrap(confidence=0.99)
    for name in narrow:
        assert wide[name].low <= narrow[name].low < narrow[name].high <= wide[name].high, name
    assert wide["roc_auc"].low < narrow["roc_auc"].low


@pytest.mark.parametrize("rows", [1, 7, 60, 1000])
def test_chunks_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    expected = bootstrap()
    monkeypatch.setattr(bootstrap_module, "_CELLS_A_CHUNK", 300 * rows)
    for name, interval in bootstrap().items():
        assert astuple(interval) == pytest.approx(astuple(expected[name]), rel=1e-12), name


def test_bootstrap_resamples_customers_with_replacement() -> None:
    interval = bootstrap_metrics(
        [0, 1] * 200, [0.5] * 400, [True] * 400, SETTINGS, Bootstrap(400, 0.95, 1)
    )["brier_score"]
    assert interval.low == interval.high == interval.value == 0.25
    y = np.repeat([0, 1], 200)
    interval = bootstrap_metrics(
        y, y * 1.0, [True] * 400, MetricSettings(0.1, 1), Bootstrap(400, 0.95, 1)
    )["precision"]
    noise = 1.96 * math.sqrt(0.25 / 400)
    assert interval.low == pytest.approx(0.5 - noise, abs=0.01)
    assert interval.high == pytest.approx(0.5 + noise, abs=0.01)


def test_scipy_bootstraps_the_same_intervals() -> None:
    y, p = sample(0)
    found = bootstrap(replicates=2000)
    for name, figure in (
        ("brier_score", lambda y, p: np.mean((y - p) ** 2)),
        ("roc_auc", oracle.roc_auc_score),
        ("average_precision", oracle.average_precision_score),
        ("precision", lambda y, p: y[p >= 0.5].mean()),
    ):
        expected = stats.bootstrap(
            (y, p), figure, paired=True, vectorized=False, n_resamples=500, method="percentile",
            rng=3,
        ).confidence_interval  # fmt: skip
        width = expected.high - expected.low
        assert found[name].low == pytest.approx(expected.low, abs=0.15 * width), name
        assert found[name].high == pytest.approx(expected.high, abs=0.15 * width), name


def test_coverage_of_the_intervals_is_roughly_their_level() -> None:
    y, p = sample(99, size=400_000)
    truth = values(y, p)
    hits = {"roc_auc": 0, "log_loss": 0, "brier_score": 0}
    samples = size(80, 200)
    for seed in range(samples):
        y, p = sample(seed, size=250)
        found = bootstrap_metrics(y, p, p >= 0.5, SETTINGS, Bootstrap(150, 0.95, seed))
        for name in hits:
            hits[name] += found[name].low <= truth[name] <= found[name].high
    for name, count in hits.items():
        assert 0.88 <= count / samples <= 0.995, name
