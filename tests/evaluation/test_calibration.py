from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from churn_pipeline.evaluation.calibration import calibration_error_interval
from churn_pipeline.evaluation.metrics import MetricSettings, bootstrap_metrics, compute_metrics
from churn_pipeline.statistics.bootstrap import Bootstrap

SETTINGS = MetricSettings(top_share=0.1, calibration_bins=10)


@pytest.mark.parametrize("bins", [1, 7, 10, 15])
def test_the_error_is_that_of_the_points_of_scikit_learn(bins: int) -> None:
    # Naeini, Cooper and Hauskrecht (2015): gaps weighted by the share of customers in the bin
    generator = np.random.default_rng(bins)
    p = generator.beta(0.6, 3.0, size=400)
    churned = generator.random(400) < p**1.5
    rate, mean = calibration_curve(churned, p, n_bins=bins, strategy="uniform")
    counts, _ = np.histogram(p, bins=bins, range=(0, 1))
    expected = np.average(np.abs(rate - mean), weights=counts[counts > 0])
    found = compute_metrics(churned, p, p >= 0.3, MetricSettings(0.1, bins))
    assert found["expected_calibration_error"][0] == pytest.approx(expected)


@pytest.mark.parametrize("bend", [0.0, 0.08, -0.15])
def test_the_interval_covers_the_true_error(bend: float) -> None:
    generator = np.random.default_rng(5)
    covered, rounds, n = 0, 150, 1400
    p = generator.beta(0.8, 2.0, size=n)
    rate = np.clip(p + bend * 4 * p * (1 - p), 0, 1)
    true_error = compute_metrics(rate, p, p >= 0.3, SETTINGS)["expected_calibration_error"][0]
    for seed in range(rounds):
        churned = generator.random(n) < rate
        low, high = calibration_error_interval(churned, p, 10, Bootstrap(200, 0.95, seed))
        covered += low <= true_error <= high
    assert covered / rounds >= 0.88


def test_every_interval_holds_its_value_even_for_few_customers() -> None:
    generator = np.random.default_rng(0)
    for seed in range(20):
        p = generator.beta(1, 3, size=180)
        churned = generator.random(180) < p
        intervals = bootstrap_metrics(churned, p, p >= 0.3, SETTINGS, Bootstrap(300, 0.95, seed))
        for name, interval in intervals.items():
            assert interval.low <= interval.value <= interval.high, (seed, name)


def test_probabilities_that_are_far_off_exclude_perfect_calibration() -> None:
    generator = np.random.default_rng(1)
    p = generator.random(2000)
    churned = generator.random(2000) < p**3
    low, _ = calibration_error_interval(churned, p, 10, Bootstrap(200, 0.95, 1))
    assert low > 0.05
