from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import logit
from scipy.stats import norm, t, ttest_ind
from sklearn.metrics import roc_auc_score

from churn_pipeline.statistics.delong import auc_interval, delong_test

Floats = NDArray[np.float64]


def problem(seed: int, n: int = 60, levels: int = 12) -> tuple[Floats, Floats, Floats]:
    """Two correlated scores with many ties."""
    generator = np.random.default_rng(seed)
    y = np.r_[1, 1, 0, 0, generator.random(n - 4) < 0.4].astype(float)
    base = generator.normal(size=n) + 0.8 * y
    first = np.round((base + generator.normal(0, 0.6, n)) * levels / 6)
    second = np.round((base + generator.normal(0, 0.9, n)) * levels / 6)
    return y, first, second


def wins(y: Floats, score: Floats) -> Floats:
    """Whether each positive ranks above each negative, (n_positives, n_negatives)."""
    x, z = score[y == 1][:, None], score[y == 0][None, :]
    return np.where(x > z, 1.0, np.where(x == z, 0.5, 0.0))


def delong_by_definition(y: Floats, first: Floats, second: Floats) -> tuple[float, float]:
    """Difference and its variance as DeLong, DeLong and Clarke-Pearson (1988) write them."""
    areas, v10, v01 = [], [], []
    for score in (first, second):
        psi = wins(y, score)
        areas.append(psi.mean())
        v10.append(psi.mean(axis=1))
        v01.append(psi.mean(axis=0))
    s = np.cov(np.array(v10)) / len(v10[0]) + np.cov(np.array(v01)) / len(v01[0])
    contrast = np.array([1, -1])
    return areas[0] - areas[1], float(contrast @ s @ contrast)


@pytest.mark.parametrize("seed", range(12))
def test_the_definition_agrees(seed: int) -> None:
    y, first, second = problem(seed, levels=2 + 3 * seed)
    difference, variance = delong_by_definition(y, first, second)
    found = delong_test(y, first, second, 0.9)
    assert found.first == pytest.approx(roc_auc_score(y, first))
    assert found.second == pytest.approx(roc_auc_score(y, second))
    assert found.difference == pytest.approx(difference, abs=1e-12)
    margin = 1.6448536 * math.sqrt(variance)
    assert (found.high - found.low) / 2 == pytest.approx(margin, rel=1e-6)
    assert (found.high + found.low) / 2 == pytest.approx(difference, abs=1e-12)
    assert found.p_value == pytest.approx(2 * norm.sf(abs(difference) / math.sqrt(variance)))


def test_the_variance_is_roughly_that_of_the_bootstrap() -> None:
    y, first, second = problem(1, n=300, levels=40)
    generator = np.random.default_rng(5)
    weights = [np.bincount(generator.integers(0, 300, 300), minlength=300) for _ in range(600)]
    draws = []
    for w in np.array(weights, dtype=float):
        x, z = w[y == 1], w[y == 0]
        areas = [x @ wins(y, score) @ z / (x.sum() * z.sum()) for score in (first, second)]
        draws.append(areas[0] - areas[1])
    found = delong_test(y, first, second, 0.95)
    error = (found.high - found.low) / 2 / 1.959964
    assert error == pytest.approx(np.std(draws), rel=0.1)


def test_equally_good_scores_are_told_apart_at_the_level() -> None:
    generator = np.random.default_rng(2)
    rounds, wrong, covered = 500, 0, 0
    for _ in range(rounds):
        y = np.repeat([0.0, 1.0], [90, 60])
        base = generator.normal(size=150) + y
        found = delong_test(
            y, base + generator.normal(size=150), base + generator.normal(size=150), 0.95
        )
        wrong += found.p_value < 0.05
        covered += found.low <= 0 <= found.high
    assert 0.03 < wrong / rounds < 0.075
    assert covered == rounds - wrong


def test_scores_that_rank_alike_do_not_differ() -> None:
    y, first, _ = problem(3)
    for second in (first, np.exp(first / 5), first * 7 - 3):
        found = delong_test(y, first, second, 0.95)
        assert (found.difference, found.low, found.high, found.p_value) == (0, 0, 0, 1)


def test_swapping_the_scores_mirrors_the_result() -> None:
    y, first, second = problem(4)
    one, two = delong_test(y, first, second, 0.95), delong_test(y, second, first, 0.95)
    assert (one.first, one.second) == (two.second, two.first)
    assert one.difference == -two.difference
    assert (one.low, one.high) == (-two.high, -two.low)
    assert one.p_value == two.p_value


def test_a_score_against_its_reverse_is_certain() -> None:
    found = delong_test([0, 0, 1, 1], [1, 2, 3, 4], [4, 3, 2, 1], 0.95)
    assert (found.first, found.second, found.p_value) == (1, 0, 0)
    assert found.low == found.high == 1


def test_more_customers_narrow_the_interval() -> None:
    y, first, second = problem(6)
    once = delong_test(y, first, second, 0.95)
    often = delong_test(np.tile(y, 9), np.tile(first, 9), np.tile(second, 9), 0.95)
    assert often.difference == pytest.approx(once.difference)
    assert (often.high - often.low) / (once.high - once.low) == pytest.approx(1 / 3, rel=0.03)


def test_the_interval_of_an_area_is_that_of_the_definition_in_log_odds() -> None:
    y, score, _ = problem(3)
    psi = wins(y, score)
    parts = [psi.mean(axis=axis).var(ddof=1) / psi.shape[1 - axis] for axis in (0, 1)]
    area = psi.mean()
    found = auc_interval(y, score, 0.9)
    welch = ttest_ind(psi.mean(axis=1), psi.mean(axis=0), equal_var=False)
    half = t.ppf(0.95, welch.df) * math.sqrt(sum(parts)) / (area * (1 - area))
    assert found.value == pytest.approx(roc_auc_score(y, score))
    assert logit(found.low) == pytest.approx(logit(area) - half)
    assert logit(found.high) == pytest.approx(logit(area) + half)


@pytest.mark.parametrize(("n", "churners"), [(300, 5), (1400, 7), (1400, 70)])
def test_the_interval_of_an_area_holds_where_churners_are_few(n: int, churners: int) -> None:
    generator = np.random.default_rng(0)
    shift, rounds = 1.4, 300
    truth = norm.cdf(shift / math.sqrt(2))
    y = (np.arange(n) < churners).astype(float)
    covered = 0
    for _ in range(rounds):
        found = auc_interval(y, generator.normal(size=n) + shift * y, 0.95)
        covered += found.low <= truth <= found.high
    assert covered / rounds > 0.9


def test_an_area_without_a_wrong_pair_is_not_certain() -> None:
    y = np.r_[np.ones(4), np.zeros(50)]
    best, worst = auc_interval(y, y, 0.95), auc_interval(y, -y, 0.95)
    assert (best.value, best.high) == (1.0, 1.0)
    assert 0.4 < best.low < 0.6
    assert worst.low == 0.0
    assert worst.high == pytest.approx(1 - best.low)


def test_equal_scores_rank_nobody() -> None:
    found = auc_interval([0, 1, 0, 1], np.ones(4), 0.95)
    assert (found.low, found.value, found.high) == (0.5, 0.5, 0.5)


def test_copies_of_rows_add_nothing_to_the_interval_of_an_area() -> None:
    y, score, _ = problem(5, n=200)
    once = auc_interval(y, score, 0.95, np.arange(200))
    copies = auc_interval(np.repeat(y, 3), np.repeat(score, 3), 0.95, np.repeat(np.arange(200), 3))
    assert copies.low == pytest.approx(once.low, abs=1e-3)


def test_one_customer_of_a_kind_says_nothing() -> None:
    y, score = np.r_[np.ones(5), np.zeros(40)], np.r_[np.full(5, 0.4), np.linspace(0, 1, 40)]
    found = auc_interval(y, score, 0.95, np.r_[np.zeros(5, int), np.arange(1, 41)])
    assert (found.low, found.high) == (0.0, 1.0)
    assert auc_interval(np.r_[1, np.zeros(9)], np.arange(10.0), 0.95).high == 1.0


def test_few_customers_with_many_rows_are_few() -> None:
    generator = np.random.default_rng(1)
    y = (np.arange(300) < 6).astype(float)
    covered, truth, rounds = 0, norm.cdf(1.4 / math.sqrt(2)), 200
    for _ in range(rounds):
        score = np.repeat(generator.normal(size=300) + 1.4 * y, 4)
        found = auc_interval(np.repeat(y, 4), score, 0.95, np.repeat(np.arange(300), 4))
        covered += found.low <= truth <= found.high
    assert covered / rounds > 0.9
