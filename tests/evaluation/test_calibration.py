from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression

from churn_pipeline.evaluation.calibration import calibration_error_interval, calibration_line
from churn_pipeline.evaluation.metrics import MetricSettings, bootstrap_metrics, compute_metrics
from churn_pipeline.statistics.bootstrap import Bootstrap
from tests.sizes import size

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


@pytest.mark.parametrize("bend", size([0.08], [0.0, 0.08, -0.15]))
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


def test_slope_and_intercept_are_those_of_a_logistic_regression() -> None:
    generator = np.random.default_rng(2)
    p = generator.beta(1, 3, size=900)
    churned = (generator.random(900) < expit(0.7 * logit(p) + 0.4)).astype(int)
    line = calibration_line(churned, p, 0.95)
    oracle = LogisticRegression(C=np.inf, tol=1e-10).fit(logit(p)[:, None], churned)
    assert line["calibration_slope"].value == pytest.approx(oracle.coef_[0, 0], rel=1e-4)
    shift = line["calibration_intercept"].value
    assert expit(logit(p) + shift).mean() == pytest.approx(churned.mean())  # of slope 1


@pytest.mark.parametrize(("rate", "n"), [(0.27, 300), (0.27, 1400), (0.02, 1400)])
@pytest.mark.parametrize(("slope", "shift"), [(1.0, 0.0), (0.6, 0.0), (1.0, 0.7)])
def test_their_intervals_cover_the_truth(rate: float, n: int, slope: float, shift: float) -> None:
    generator = np.random.default_rng(3)
    rounds, covered = 200, {"calibration_slope": 0, "calibration_intercept": 0}
    for _ in range(rounds):
        log_odds = logit(rate) + generator.normal(size=n)
        churned = generator.random(n) < expit(slope * log_odds + shift)
        line = calibration_line(churned, expit(log_odds), 0.95)
        truth = {"calibration_slope": slope}
        if slope == 1:
            truth["calibration_intercept"] = shift
        for name, true in truth.items():
            covered[name] += line[name].low <= true <= line[name].high
    assert covered["calibration_slope"] / rounds > 0.9
    assert slope != 1 or covered["calibration_intercept"] / rounds > 0.9


def test_probabilities_twice_as_high_are_found_where_churn_is_rare() -> None:
    # an expected calibration error of .01 passes any limit that a good model passes too
    generator = np.random.default_rng(4)
    p = np.full(20_000, 0.01) * generator.lognormal(sigma=0.5, size=20_000)
    churned = generator.random(20_000) < p
    assert calibration_line(churned, 2 * p, 0.95)["calibration_intercept"].high < -0.4
    assert abs(calibration_line(churned, p, 0.95)["calibration_intercept"].value) < 0.2


def test_rows_of_a_customer_do_not_make_the_intervals_shorter() -> None:
    generator = np.random.default_rng(5)
    p = generator.beta(1, 3, size=400)
    churned = generator.random(400) < p
    once = calibration_line(churned, p, 0.95)
    numbers = np.repeat(np.arange(400), 3)
    copies = calibration_line(np.repeat(churned, 3), np.repeat(p, 3), 0.95, numbers)
    for name, interval in once.items():
        assert copies[name].low == pytest.approx(interval.low, rel=1e-6)


@pytest.mark.parametrize(
    ("churned", "p", "found"),
    [
        ([0, 0, 0], [0.1, 0.2, 0.3], set()),
        ([0, 1, 0], [0.2, 0.2, 0.2], {"calibration_intercept"}),
        ([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9], {"calibration_intercept"}),
    ],
)
def test_what_the_customers_do_not_determine_is_left_out(
    churned: list[int], p: list[float], found: set[str]
) -> None:
    assert calibration_line(churned, p, 0.95).keys() == found


@pytest.mark.parametrize("centre", [0.02, 0.2, 0.9, 0.98])
@pytest.mark.parametrize("rate", [0.05, 0.27, 0.9])
def test_probabilities_that_are_far_off_are_measured_too(centre: float, rate: float) -> None:
    generator = np.random.default_rng(6)
    log_odds = logit(centre) + 0.5 * generator.normal(size=2000)
    churned = generator.random(2000) < expit(log_odds + logit(rate) - logit(centre))
    line = calibration_line(churned, expit(log_odds), 0.95)
    assert line["calibration_slope"].value == pytest.approx(1, abs=0.6)
    shift = line["calibration_intercept"].value
    assert expit(log_odds + shift).mean() == pytest.approx(churned.mean(), abs=1e-6)
