from __future__ import annotations

import math
from dataclasses import astuple, replace
from typing import Any

import numpy as np
import pytest
from empulse.metrics import empc_score
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.stats import beta

from churn_pipeline.economics.maximum_profit import (
    MaximumProfit,
    bootstrap_maximum_profit,
    expected_maximum_profit,
)
from churn_pipeline.scorer.decisions import Economics
from churn_pipeline.statistics.bootstrap import Bootstrap

DEFAULT = Economics(200, 10, 1, 6, 14)
CAMPAIGNS = [
    DEFAULT,
    Economics(200, 10, 1, 2, 30),
    Economics(60, 25, 4, 1, 1),
    Economics(120, 0, 15, 6, 14),
    Economics(500, 40, 0, 0.7, 2.5),
]
Floats = NDArray[np.float64]


def problem(seed: int, n: int = 120) -> tuple[Floats, Floats]:
    """Who churned, and probabilities that know something of it, with ties for odd seeds."""
    generator = np.random.default_rng(seed)
    y = np.r_[0, 1, generator.random(n - 2) < 0.1 + 0.05 * (seed % 8)].astype(float)
    p = 1 / (1 + np.exp(-generator.normal(1.2 * y - 1.2, 1)))
    return y, (p.round(1) if seed % 2 else p)


def perfect_maximum_profit(y: Any, values: Any, economics: Economics) -> MaximumProfit:
    """What somebody earns who knows who churns."""
    return expected_maximum_profit(y, y, values, economics)


def individual_values(seed: int, n: int) -> Floats:
    """Customer lifetime values, some below the cost of the incentive."""
    return np.random.default_rng(1000 + seed).gamma(1.2, 120, n).round(2)


def by_quadrature(y: Floats, p: Floats, values: Floats, economics: Economics) -> tuple[Any, Any]:
    """Profit and share of the best cut, found anew for every gamma, integrated numerically."""
    d, f = economics.incentive_cost, economics.contact_cost
    rank = economics.expected_profit(p, values)
    cuts = [rank >= level for level in np.unique(rank)] + [np.zeros(len(y), dtype=bool)]
    kept = np.array([(cut * y * (values - d)).mean() for cut in cuts])
    spent = np.array([(cut * (f + d * (1 - y))).mean() for cut in cuts])
    shares = np.array([cut.mean() for cut in cuts])
    gamma = beta(economics.acceptance_alpha, economics.acceptance_beta)
    quantiles = (np.arange(20_000) + 0.5) / 20_000
    profits = np.outer(gamma.ppf(quantiles), kept) - spent
    best = profits.argmax(axis=1)
    return profits.max(axis=1).mean(), shares[best].mean()


@pytest.mark.parametrize("economics", CAMPAIGNS)
@pytest.mark.parametrize("seed", range(8))
def test_empulse_agrees(seed: int, economics: Economics) -> None:
    y, p = problem(seed)
    arguments = {
        "clv": economics.customer_lifetime_value,
        "incentive_cost": economics.incentive_cost,
        "contact_cost": economics.contact_cost,
        "alpha": economics.acceptance_alpha,
        "beta": economics.acceptance_beta,
    }
    found = expected_maximum_profit(y, p, float(economics.customer_lifetime_value), economics)
    assert found.profit == pytest.approx(empc_score(y, p, **arguments), rel=1e-6, abs=1e-9)
    share = empc_score.optimal_rate(y, p, **arguments)
    assert found.share == pytest.approx(share, rel=1e-6, abs=1e-9)


def test_the_defaults_are_those_of_empulse() -> None:
    y, p = problem(3)
    found = expected_maximum_profit(y, p, 200, DEFAULT)
    assert found.profit == pytest.approx(empc_score(y, p))


@pytest.mark.parametrize("economics", CAMPAIGNS)
@pytest.mark.parametrize("seed", range(3))
def test_quadrature_agrees_for_individual_values(seed: int, economics: Economics) -> None:
    y, p = problem(seed)
    values = individual_values(seed, len(y))
    found = expected_maximum_profit(y, p, values, economics)
    profit, share = by_quadrature(y, p, values, economics)
    assert found.profit == pytest.approx(profit, rel=1e-3, abs=1e-3)
    assert found.share == pytest.approx(share, abs=2e-3)


@pytest.mark.parametrize("economics", CAMPAIGNS)
def test_equal_individual_values_are_one_value(economics: Economics) -> None:
    value = float(economics.customer_lifetime_value)
    for seed in range(4):
        y, p = problem(seed)
        one = expected_maximum_profit(y, p, value, economics)
        many = expected_maximum_profit(
            y, p, np.full(len(y), value), replace(economics, customer_lifetime_value="value")
        )
        assert astuple(many) == pytest.approx(astuple(one), rel=1e-12)


def test_perfect_predictions_at_half_churners_are_worth_28() -> None:
    found = perfect_maximum_profit([0, 1] * 50, 200, DEFAULT)
    assert found.profit == pytest.approx(28.0, abs=1e-6)
    assert found.share == pytest.approx(0.5, abs=1e-6)


def test_perfect_predictions_by_integration() -> None:
    economics = Economics(60, 25, 4, 1, 1)
    expected, _ = quad(lambda gamma: max(0.0, gamma * (60 - 25) - 4), 0, 1, points=[4 / 35])
    found = perfect_maximum_profit([0, 1, 0, 0], 60, economics)
    assert found.profit == pytest.approx(expected / 4)
    assert found.share == pytest.approx((1 - 4 / 35) / 4)


def test_nobody_earns_more_than_perfect_predictions() -> None:
    for seed in range(10):
        y, p = problem(seed)
        for values in (np.full(len(y), 200.0), individual_values(seed, len(y))):
            some = expected_maximum_profit(y, p, values, DEFAULT).profit
            assert 0 <= some < perfect_maximum_profit(y, values, DEFAULT).profit


def test_what_costs_more_than_it_saves_earns_nothing() -> None:
    found = expected_maximum_profit([0, 1, 1], [0.2, 0.7, 0.9], 5, DEFAULT)
    assert astuple(found) == (0, 0)


def test_scores_without_information_leave_everyone_or_no_one() -> None:
    y = np.repeat([1.0, 0.0], [30, 70])
    gamma = beta(6, 14)
    expected, _ = quad(
        lambda g: max(0.0, 0.3 * (190 * g - 1) - 0.7 * 11) * gamma.pdf(g), 0, 1, limit=200
    )
    found = expected_maximum_profit(y, np.full(100, 0.3), 200, DEFAULT)
    assert found.profit == pytest.approx(expected, rel=1e-6)


def test_order_of_customers_does_not_matter() -> None:
    y, p = problem(5)
    values = individual_values(5, len(y))
    order = np.random.default_rng(0).permutation(len(y))
    one = expected_maximum_profit(y, p, values, DEFAULT)
    two = expected_maximum_profit(y[order], p[order], values[order], DEFAULT)
    assert astuple(two) == pytest.approx(astuple(one), rel=1e-12)


# Bootstrap


def test_replicates_are_customers_drawn_with_replacement() -> None:
    y, p = problem(7, n=40)
    values = individual_values(7, 40)
    settings: dict[str, Any] = {"replicates": 30, "confidence": 0.9, "seed": 4}
    found = bootstrap_maximum_profit(y, p, values, DEFAULT, Bootstrap(**settings))
    generator = np.random.default_rng(4)
    profits, fractions = [], []
    for rows in generator.integers(0, 40, size=(30, 40)):
        profit = expected_maximum_profit(y[rows], p[rows], values[rows], DEFAULT).profit
        profits.append(profit)
        fractions.append(profit / perfect_maximum_profit(y[rows], values[rows], DEFAULT).profit)
    for interval, draws in zip(found, (profits, fractions), strict=True):
        below, above = np.quantile(draws, [0.05, 0.95])
        reflected = (2 * interval.value - above, 2 * interval.value - below)
        assert (interval.low, interval.high) == pytest.approx(reflected, rel=1e-9)


def test_the_fraction_of_perfect_predictions_is_1() -> None:
    y, _ = problem(2)
    for values in (200.0, individual_values(2, len(y))):
        _, fraction = bootstrap_maximum_profit(y, y, values, DEFAULT, Bootstrap(20, 0.95, 1))
        assert astuple(fraction) == pytest.approx((1, 1, 1))


def test_where_nothing_can_be_earned_nothing_is_missed() -> None:
    profit, fraction = bootstrap_maximum_profit(
        [0, 0, 0], [0.1, 0.5, 0.9], 200, DEFAULT, Bootstrap(20, 0.95, 1)
    )
    assert astuple(profit) == (0, 0, 0)
    assert astuple(fraction) == (1, 1, 1)


def test_coverage_of_the_intervals_is_roughly_their_level() -> None:
    def sample(seed: int, n: int) -> tuple[Floats, Floats]:
        generator = np.random.default_rng(seed)
        p = generator.beta(1, 2, n)
        return (generator.random(n) < p).astype(float), p

    _, p = sample(999, 200_000)
    profit = expected_maximum_profit(p, p, 200, DEFAULT).profit  # churn rates in place of churners
    truth = (profit, profit / (56 / 3))
    hits, rounds = [0, 0], 100
    for seed in range(rounds):
        y, p = sample(seed, 300)
        intervals = bootstrap_maximum_profit(y, p, 200, DEFAULT, Bootstrap(100, 0.95, seed))
        for i, interval in enumerate(intervals):
            assert math.isfinite(interval.value)
            hits[i] += interval.low <= truth[i] <= interval.high
    assert min(hits) >= 0.86 * rounds  # with percentile intervals, the fraction's cover 0.83
