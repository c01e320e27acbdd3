from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import astuple

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from churn_pipeline.statistics.bootstrap import Bootstrap, Interval


def test_a_replicate_has_as_many_customers() -> None:
    replicates = np.concatenate(list(Bootstrap(2000, 0.9, 1).samples(30)))
    assert replicates.shape == (2000, 30)
    assert (replicates.sum(axis=1) == 30).all()
    # a customer is drawn Binomial(n, 1/n) times
    shares = [(replicates == times).mean() for times in range(4)]
    assert shares == pytest.approx([stats.binom.pmf(k, 30, 1 / 30) for k in range(4)], abs=0.01)


def test_the_same_seed_gives_the_same_replicates() -> None:
    one, two, other = (
        np.concatenate(list(Bootstrap(9, 0.9, seed).samples(12))).tolist() for seed in (1, 1, 2)
    )
    assert one == two != other


@pytest.mark.parametrize(("method", "make"), [
    ("percentile", Bootstrap.percentile_interval), ("basic", Bootstrap.pivotal_interval)
])  # fmt: skip
def test_scipy_agrees(
    method: str, make: Callable[[Bootstrap, float, NDArray[np.float64]], Interval]
) -> None:
    sample = np.random.default_rng(0).gamma(1, size=80)
    expected = stats.bootstrap(
        (sample,), np.mean, n_resamples=4000, confidence_level=0.9, method=method, rng=1
    ).confidence_interval
    bootstrap = Bootstrap(4000, 0.9, 2)
    weights = np.concatenate(list(bootstrap.samples(80)))
    found = make(bootstrap, float(sample.mean()), weights @ sample / 80)
    assert found.value == sample.mean()
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.01)


def test_replicates_without_the_figure_do_not_count() -> None:
    draws = np.array([math.nan, 1.0, 2.0, 3.0, math.nan])
    assert astuple(Bootstrap(5, 0.5, 1).percentile_interval(2.0, draws)) == (2.0, 1.5, 2.5)


def test_rounded_for_json() -> None:
    assert Interval(1 / 3, -1e-9, 2.0).rounded() == {"value": 0.333333, "low": 0.0, "high": 2.0}
    assert str(Interval(0, -1e-9, 0).rounded()["low"]) == "0.0"
