"""The area under a ROC curve: its interval, and the test that tells two of them apart."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit, ndtr, ndtri, stdtrit
from scipy.stats import rankdata

from churn_pipeline.statistics.bootstrap import Interval

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
    error = _standard_error(
        positives_1 - positives_2, negatives_1 - negatives_2, positive, customer_numbers
    )
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


def auc_interval(
    target: ArrayLike,
    score: ArrayLike,
    confidence: float,
    customer_numbers: NDArray[np.int64] | None = None,
) -> Interval:
    """Return the area under the ROC curve with an interval that is symmetric in its log-odds.

    The variance is that of :func:`delong_test`. In log-odds (Pepe, 2003, section 5.2) the interval
    stays within 0 and 1; the quantile is that of Student's t with the degrees of freedom of Brunner
    and Munzel (2000), so that it holds its level where there are few churners.
    Where no customer is ranked wrong, there is no variance: the lower end is then that of a share
    of 1 among the customers of the rarer kind (Wilson, 1927). One customer of a kind says nothing.

    Parameters
    ----------
    target : array-like of 0 and 1, (n,)
        At least one customer of either kind.
    score : array-like of float, (n,)
    confidence : float
    customer_numbers : ndarray of int, (n,), optional
        Whose row it is, 0 … n_customers - 1; by default each row is another customer.
    """
    positive = np.asarray(target, dtype=np.bool_)
    above, below = _placements(np.asarray(score, dtype=np.float64), positive)
    area = float(above.mean())
    numbers = np.arange(len(positive)) if customer_numbers is None else customer_numbers
    kinds = ((above, numbers[positive]), (below, numbers[~positive]))
    fewest = min(len(np.unique(rows)) for _, rows in kinds)
    if fewest < 2:
        return Interval(area, 0.0, 1.0)
    if 0 < area < 1:
        error = _standard_error(above, below, positive, customer_numbers) / (area * (1 - area))
        reach = float(stdtrit(_degrees_of_freedom(kinds), (1 + confidence) / 2)) * error
        low, high = expit(logit(area) + np.array([-reach, reach]))
        return Interval(area, float(low), float(high))
    z = float(ndtri((1 + confidence) / 2))
    reach = z**2 / (fewest + z**2)
    return Interval(area, 1 - reach, 1.0) if area == 1 else Interval(area, 0.0, reach)


def _degrees_of_freedom(kinds: Sequence[tuple[Floats, NDArray[np.int64]]]) -> float:
    """Return those of Welch and Satterthwaite for the parts of positives and of negatives."""
    parts, freedoms = [], []
    for values, numbers in kinds:
        of_customers = np.unique(numbers, return_inverse=True)[1]
        sums = np.bincount(of_customers, weights=values - values.mean()) / len(values)
        freedoms.append(len(sums) - 1)
        parts.append(float(sums @ sums) * len(sums) / freedoms[-1])
    if not any(parts):  # all scores are equal
        return float(np.inf)
    return sum(parts) ** 2 / sum(p**2 / f for p, f in zip(parts, freedoms, strict=True))


def _standard_error(
    above: Floats,
    below: Floats,
    positive: NDArray[np.bool_],
    customer_numbers: NDArray[np.int64] | None,
) -> float:
    """Return that of an area, or of a difference of two, from its parts by customer."""
    if customer_numbers is None:
        variance = float(np.var(above, ddof=1) / len(above) + np.var(below, ddof=1) / len(below))
    else:
        variance = _clustered_variance(above, below, positive, customer_numbers)
    return float(np.sqrt(variance))


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
