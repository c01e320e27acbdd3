"""Tests that tell candidates apart by a cross-validation."""

from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr, stdtrit

from churn_pipeline.statistics.clustered_tests import customer_terms

Alternative = Literal["two-sided", "greater", "less"]


@dataclass(frozen=True)
class MeanDifference:
    """A mean difference with its confidence interval and the p-value of "no difference".

    The interval is two-sided whatever the alternative.
    """

    difference: float
    low: float
    high: float
    p_value: float


def corrected_resampled_t_test(
    differences: ArrayLike,
    test_to_train: float,
    *,
    alternative: Alternative = "two-sided",
    confidence: float = 0.95,
) -> MeanDifference:
    """Test whether a mean difference over resampled folds is 0 (Nadeau and Bengio, 2003).

    The folds share most of their training customers, so their differences are not independent and
    the usual t-test finds far too much. The corrected one multiplies their variance by
    ``1/J + n_test/n_train`` instead of ``1/J``.

    Parameters
    ----------
    differences : array-like of float, (J,)
        One difference a fold, of the same two candidates on the same folds; J at least 2.
    test_to_train : float
        Customers measured over customers fitted: ``1 / (k - 1)`` for k folds.
    alternative : {"two-sided", "greater", "less"}
        What is held against "no difference": any, a positive or a negative mean.
    confidence : float
        Level of the interval.

    Returns
    -------
    MeanDifference
    """
    values = np.asarray(differences, dtype=np.float64)
    n = len(values)
    mean = float(values.mean())
    error = float(np.sqrt((1 / n + test_to_train) * values.var(ddof=1)))
    with np.errstate(divide="ignore"):  # infinite where all folds say the same
        statistic = float(np.divide(mean, error)) if mean else 0.0
    p_value = {
        "greater": stdtr(n - 1, -statistic),
        "less": stdtr(n - 1, statistic),
        "two-sided": 2 * stdtr(n - 1, -abs(statistic)),
    }[alternative]
    half_width = float(stdtrit(n - 1, (1 + confidence) / 2)) * error
    return MeanDifference(mean, mean - half_width, mean + half_width, float(p_value))


def paired_test(
    differences: ArrayLike,
    customer_numbers: NDArray[np.int64] | None = None,
    *,
    alternative: Alternative = "two-sided",
    confidence: float = 0.95,
) -> MeanDifference:
    """Test whether two candidates lose the same on average, customer by customer.

    On out-of-fold losses this is the test of a k-fold cross-validation by Bayle, Bayle, Janson and
    Mackey (2020): its error is that of a mean of independent values, as long as a fit hardly
    changes with one customer. It asks about the fits that were measured, of as many customers as
    the folds leave.

    Parameters
    ----------
    differences : array-like of float, (n,)
        One a row, n at least 2; of several repeats their mean.
    customer_numbers : ndarray of int, (n,), optional
        Whose row it is, 0 … n_customers - 1; by default each row is another customer.
    alternative : {"two-sided", "greater", "less"}
        What is held against "no difference": any, a positive or a negative mean.
    confidence : float
        Level of the interval.

    Returns
    -------
    MeanDifference
    """
    values = np.asarray(differences, dtype=np.float64)
    if customer_numbers is not None:
        values = customer_terms(values, customer_numbers)
    # each value counts by itself: nothing is to be corrected
    return corrected_resampled_t_test(values, 0.0, alternative=alternative, confidence=confidence)


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Adjust p-values for being many (Holm, 1979).

    Parameters
    ----------
    p_values : array-like of float, (m,)

    Returns
    -------
    ndarray of float, (m,)
        Rejecting those at most ``level`` keeps the chance of any false rejection below ``level``.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def holm_levels(p_values: ArrayLike, level: float) -> NDArray[np.float64]:
    """Return the level at which Holm's procedure decides each test.

    An interval of that level leaves out "no difference" exactly where the adjusted p-value is
    below ``level``, so that figure and verdict agree: level / m for the smallest of m p-values,
    level / (m - 1) for the next … up to the first that is not significant, whose level holds for
    all that follow.

    Parameters
    ----------
    p_values : array-like of float, (m,)
    level : float

    Returns
    -------
    ndarray of float, (m,)
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    steps = level / np.arange(len(p), 0, -1)
    (kept,) = np.nonzero(p[order] >= steps)
    if len(kept):
        steps[kept[0] :] = steps[kept[0]]
    levels = np.empty_like(p)
    levels[order] = steps
    return levels


def compare_candidates(
    losses: pd.DataFrame,
    confidence: float,
    reference: str | None = None,
    customer_numbers: NDArray[np.int64] | None = None,
) -> list[dict[str, Any]]:
    """Compare all pairs of candidates in log loss.

    Which of them is best and whether they beat a reference are two questions, and so two families
    of tests: Holm's correction counts the pairs with the reference apart from the others.

    Parameters
    ----------
    losses : DataFrame, (n, n_candidates)
        Out-of-fold log loss of every row by every candidate, all on the same folds.
    confidence : float
        One minus the level of significance over a family; intervals have the level at which Holm's
        procedure decides their test, see :func:`holm_levels`.
    reference : str, optional
        One of them that is there to be beaten, not to be chosen.
    customer_numbers : ndarray of int, (n,), optional
        See :func:`paired_test`.

    Returns
    -------
    list of dict
        ``candidate`` and ``other`` (the one of higher mean log loss first), ``difference`` of their
        log losses with ``low`` and ``high``, ``upper_bound`` (the one-sided bound at
        ``confidence``), ``p_value``, ``p_value_holm`` over its family, and ``significant``. The
        smallest p-values come first.
    """
    ranked = losses.mean().sort_index().sort_values(ascending=False, kind="stable").index
    pairs = list(combinations(ranked, 2))

    def test(a: str, b: str, level: float) -> MeanDifference:
        return paired_test(losses[a] - losses[b], customer_numbers, confidence=level)

    one_sided = [test(a, b, 2 * confidence - 1) for a, b in pairs]
    p_values = np.array([found.p_value for found in one_sided])
    has_reference = np.array([reference in pair for pair in pairs], dtype=np.bool_)
    adjusted, levels = np.empty_like(p_values), np.empty_like(p_values)
    for family in (has_reference, ~has_reference):
        adjusted[family] = holm(p_values[family])
        levels[family] = holm_levels(p_values[family], 1 - confidence)
    two_sided = [
        test(a, b, 1 - level) for (a, b), level in zip(pairs, levels.tolist(), strict=True)
    ]
    comparisons = [
        {
            "candidate": str(a),
            "other": str(b),
            "difference": round(found.difference, 6),
            "low": round(found.low, 6),
            "high": round(found.high, 6),
            "upper_bound": round(bound.high, 6),
            "p_value": round(found.p_value, 6),
            "p_value_holm": round(float(p), 6),
            "significant": bool(p < 1 - confidence),
        }
        for (a, b), found, bound, p in zip(pairs, two_sided, one_sided, adjusted, strict=True)
    ]
    return sorted(comparisons, key=lambda c: (c["p_value"], c["candidate"], c["other"]))
