from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from churn_pipeline.evaluation import curves
from churn_pipeline.evaluation.metrics import MetricSettings, compute_metrics

RNG = np.random.default_rng(0)
P = RNG.random(5000).round(3)
Y = (RNG.random(5000) < P).astype(int)
SMALL_Y, SMALL_P = [1, 0, 1, 0], [0.9, 0.6, 0.6, 0.1]


def test_area_under_the_roc_points_is_the_metric() -> None:
    points = curves.roc_curve(Y, P)
    area = np.trapezoid(points["true_positive_rate"], points["false_positive_rate"])
    assert area == pytest.approx(roc_auc_score(Y, P), abs=1e-4)
    assert points["threshold"].between(0, 1).all()


def test_precision_recall_points_by_hand() -> None:
    points = curves.precision_recall_curve(SMALL_Y, SMALL_P)
    pairs = set(zip(points["recall"], points["precision"].round(6), strict=True))
    assert pairs == {(1.0, 0.5), (1.0, 0.666667), (0.5, 1.0), (0.0, 1.0)}


def test_steps_of_the_precision_recall_points_add_up_to_the_average_precision() -> None:
    points = curves.precision_recall_curve(Y[:300], P[:300])
    total = -(np.diff(points["recall"]) * points["precision"].to_numpy()[:-1]).sum()
    assert total == pytest.approx(average_precision_score(Y[:300], P[:300]))


def test_gains_by_hand_with_ties_as_one_step() -> None:
    points = curves.gains_curve(SMALL_Y, SMALL_P)
    assert points["contacted_share"].tolist() == [0.25, 0.75, 1.0]
    assert points["recall"].tolist() == [0.5, 1.0, 1.0]
    assert points["lift"].tolist() == pytest.approx([2.0, 4 / 3, 1.0])


def test_calibration_by_hand_without_empty_bins() -> None:
    points = curves.calibration_curve([0, 1, 1], [0.1, 0.15, 1.0], 5)
    assert points["mean_churn_probability"].tolist() == pytest.approx([0.125, 1.0])
    assert points["churn_rate"].tolist() == [0.5, 1.0]
    assert points["customers"].tolist() == [2, 1]


def test_calibration_points_give_the_expected_error() -> None:
    points = curves.calibration_curve(Y, P, 10)
    gaps = (points["mean_churn_probability"] - points["churn_rate"]).abs()
    expected = compute_metrics(Y, P, P >= 0.5, MetricSettings(0.1, 10))[
        "expected_calibration_error"
    ]
    assert (gaps * points["customers"]).sum() / 5000 == pytest.approx(expected[0])


def test_confusion_has_one_line_a_customer() -> None:
    table = curves.confusion([1, 0, 1, 0], [True, True, False, False])
    assert table.to_numpy().tolist() == [
        ["churned", "churned"], ["stayed", "churned"], ["churned", "stayed"], ["stayed", "stayed"]
    ]  # fmt: skip


def test_long_curves_are_thinned_but_keep_their_ends() -> None:
    p = RNG.random(20_000)
    y = (RNG.random(20_000) < p).astype(int)
    for points, first, last in (
        (curves.roc_curve(y, p), (0, 0), (1, 1)),
        (curves.precision_recall_curve(y, p), (1, y.mean()), (0, 1)),
        (curves.gains_curve(y, p)[["contacted_share", "recall"]], None, (1, 1)),
    ):
        assert len(points) <= 1000
        ends = points.iloc[:, :2].to_numpy()
        assert tuple(ends[-1]) == pytest.approx(last)
        assert first is None or tuple(ends[0]) == pytest.approx(first)
