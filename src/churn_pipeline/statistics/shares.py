"""Intervals of shares that hold where few rows, or none or all of them, are counted."""

from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from churn_pipeline.statistics.bootstrap import Interval
from churn_pipeline.statistics.clustered_tests import customer_terms

Floats = NDArray[np.float64]


def share_interval(
    counted: NDArray[np.bool_],
    confidence: float,
    customer_numbers: NDArray[np.int64] | None = None,
) -> Interval:
    """Return the share of rows that count, with its score interval (Wilson, 1927).

    Where a customer has several rows, they count as so many independent ones as have the same
    variance (Korn and Graubard, 1998).

    Parameters
    ----------
    counted : ndarray of bool, (n,)
    confidence : float
    customer_numbers : ndarray of int, (n,), optional
        Whose row it is; by default each row is another customer.

    Returns
    -------
    Interval
        Of no rows the share is 0, and its interval 0 to 1.
    """
    n = float(len(counted))
    if n == 0:
        return Interval(0.0, 0.0, 1.0)
    share = float(counted.mean())
    if customer_numbers is not None:
        numbers = np.unique(customer_numbers, return_inverse=True)[1]
        n = _effective(customer_terms(counted.astype(np.float64), numbers), share, n, confidence)
    low, high = score_limits(share, n, confidence)
    return Interval(share, min(float(low), share), max(float(high), share))


def score_limits(
    share: ArrayLike, n: float | NDArray[np.int64], confidence: float
) -> tuple[Floats, Floats]:
    """Return the limits of the score interval of observed shares (Wilson, 1927).

    Parameters
    ----------
    share : array-like of float
    n : float or ndarray of int
        Independent rows that each is of.
    confidence : float
    """
    p = np.asarray(share, dtype=np.float64)
    z2 = NormalDist().inv_cdf((1 + confidence) / 2) ** 2
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = np.sqrt(z2 * (p * (1 - p) / n + z2 / (4 * n**2))) / (1 + z2 / n)
    return np.maximum(0.0, centre - half), np.minimum(1.0, centre + half)


def _effective(terms: NDArray[np.float64], share: float, rows: float, confidence: float) -> float:
    """Return how many independent rows say as much as these customers, at most as many as they are.

    The quantiles of Student's t make up for a variance that few customers estimate badly.
    """
    from scipy.special import stdtrit  # takes long to load

    customers = len(terms)
    if customers < 2:
        return 1.0
    variance = float(terms.var(ddof=1)) / customers
    if variance <= 0 or share in (0.0, 1.0):
        return float(customers)
    tail = (1 + confidence) / 2
    correction = float(stdtrit(rows - 1, tail) / stdtrit(customers - 1, tail)) ** 2
    return min(rows, share * (1 - share) / variance * correction)
