from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from churn_pipeline.statistics.delong import delong_test

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
