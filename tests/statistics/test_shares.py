from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from churn_pipeline.statistics.shares import share_interval


@pytest.mark.parametrize(("hits", "n"), [(0, 5), (1, 14), (7, 14), (300, 1400), (5, 5)])
def test_the_interval_is_that_of_scipy(hits: int, n: int) -> None:
    counted = np.arange(n) < hits
    found = share_interval(counted, 0.95)
    expected = binomtest(hits, n).proportion_ci(0.95, method="wilson")
    assert found.value == hits / n
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_copies_of_rows_add_nothing() -> None:
    counted = np.random.default_rng(0).random(200) < 0.3
    once = share_interval(counted, 0.95, np.arange(200))
    copies = share_interval(np.repeat(counted, 4), 0.95, np.repeat(np.arange(200), 4))
    assert copies.low == pytest.approx(once.low, rel=2e-3)
    assert once.low == pytest.approx(share_interval(counted, 0.95).low, abs=1e-3)


def test_no_rows_say_nothing() -> None:
    found = share_interval(np.zeros(0, dtype=bool), 0.95)
    assert (found.low, found.high) == (0.0, 1.0)


def test_customers_who_happen_to_be_alike_are_not_certain() -> None:
    counted = np.tile(np.arange(6) == 0, 60)
    found = share_interval(counted, 0.95, np.repeat(np.arange(60), 6))
    rows = share_interval(counted, 0.95)
    assert found.low <= rows.low
    assert found.high >= rows.high


def test_few_customers_make_no_shorter_interval_than_their_rows() -> None:
    generator = np.random.default_rng(0)
    for _ in range(50):
        counted = generator.random(36) < 0.3
        found = share_interval(counted, 0.95, np.repeat(np.arange(12), 3))
        rows = share_interval(counted, 0.95)
        assert found.high - found.low >= rows.high - rows.low - 1e-12
