"""The test that tells two ROC curves of the same customers apart."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class AucDifference:
    """Two areas under the ROC curve and their difference.

    Attributes
    ----------
    first, second : float
        The areas.
    difference : float
        First minus second.
    low, high : float
        Confidence interval of the difference.
    p_value : float
        Of "no difference", two-sided.
    """

    first: float
    second: float
    difference: float
    low: float
    high: float
    p_value: float


def delong_test(
    target: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    confidence: float,
    customer_numbers: NDArray[np.int64] | None = None,
) -> AucDifference:
    """Compare two scores of the same customers by DeLong's test.

    The variance is that of DeLong, DeLong and Clarke-Pearson (1988); it takes into account that
    both scores see the same customers. It is computed from midranks (Sun and Xu, 2014). Where a
    customer has several rows, which are not independent, it is that of Obuchowski (1997).

    Parameters
    ----------
    target : array-like of 0 and 1, (n,)
        At least two customers of either kind.
    first, second : array-like of float, (n,)
        Scores; equal ones within a score count as half in the right order.
    confidence : float
        Level of the interval.
    customer_numbers : ndarray of int, (n,), optional
        Whose row it is, 0 … n_customers - 1; by default each row is another customer.

    Returns
    -------
    AucDifference
        Its p-value is 1 for scores that rank alike.
    """
    positive = np.asarray(target, dtype=np.bool_)
    placements = [
        _placements(np.asarray(score, dtype=np.float64), positive) for score in (first, second)
    ]
    (positives_1, negatives_1), (positives_2, negatives_2) = placements
    difference = float(positives_1.mean() - positives_2.mean())
    above, below = positives_1 - positives_2, negatives_1 - negatives_2
    if customer_numbers is None:
        variance = float(np.var(above, ddof=1) / len(above) + np.var(below, ddof=1) / len(below))
    else:
        variance = _clustered_variance(above, below, positive, customer_numbers)
    error = float(np.sqrt(variance))
    if error == 0:  # no customer says otherwise
        p_value = 0.0 if difference else 1.0
    else:
        p_value = float(2 * ndtr(-abs(difference) / error))
    half_width = float(ndtri((1 + confidence) / 2)) * error
    return AucDifference(
        first=float(positives_1.mean()),
        second=float(positives_2.mean()),
        difference=difference,
        low=difference - half_width,
        high=difference + half_width,
        p_value=p_value,
    )


def _placements(score: Floats, positive: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return the share of negatives below each positive, and of positives above each negative."""
    ranks = rankdata(score)
    n_positive, n_negative = positive.sum(), (~positive).sum()
    below = (ranks[positive] - rankdata(score[positive])) / n_negative
    above = 1 - (ranks[~positive] - rankdata(score[~positive])) / n_positive
    return below, above


def _clustered_variance(
    above: Floats, below: Floats, positive: NDArray[np.bool_], numbers: NDArray[np.int64]
) -> float:
    """Return the variance of a difference of areas, from its parts by positive and by negative."""
    n_customers = int(numbers.max()) + 1
    sums, factors = [], []
    for part, rows in ((above, numbers[positive]), (below, numbers[~positive])):
        total = np.bincount(rows, weights=part - part.mean(), minlength=n_customers)
        sums.append(total / len(part))
        customers_with = len(np.unique(rows))
        factors.append(customers_with / (customers_with - 1))
    both = n_customers / (n_customers - 1)
    variance = (
        factors[0] * (sums[0] @ sums[0])
        + factors[1] * (sums[1] @ sums[1])
        + 2 * both * (sums[0] @ sums[1])
    )
    return max(float(variance), 0.0)
