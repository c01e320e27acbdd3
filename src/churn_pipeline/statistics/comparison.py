"""Tests that tell candidates apart by a repeated cross-validation."""

from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr, stdtrit

Alternative = Literal["two-sided", "greater", "less"]


@dataclass(frozen=True)
class CorrectedTTest:
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
) -> CorrectedTTest:
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
    CorrectedTTest
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
    return CorrectedTTest(mean, mean - half_width, mean + half_width, float(p_value))


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
    cross_validation: pd.DataFrame,
    test_to_train: float,
    confidence: float,
    reference: str | None = None,
) -> list[dict[str, Any]]:
    """Compare all pairs of candidates in log loss.

    Which of them is best and whether they beat a reference are two questions, and so two families
    of tests: Holm's correction counts the pairs with the reference apart from the others.

    Parameters
    ----------
    cross_validation : DataFrame
        ``candidate``, ``repeat``, ``fold``, ``log_loss``: the same folds for all candidates.
    test_to_train : float
        See :func:`corrected_resampled_t_test`.
    confidence : float
        One minus the level of significance over a family; intervals have the level at which Holm's
        procedure decides their test, see :func:`holm_levels`.
    reference : str, optional
        One of them that is there to be beaten, not to be chosen.

    Returns
    -------
    list of dict
        ``candidate`` and ``other`` (the one of higher mean log loss first), ``difference`` of their
        log losses with ``low`` and ``high``, ``p_value``, ``p_value_holm`` over its family, and
        ``significant``. The smallest p-values come first.
    """
    losses = cross_validation.pivot(
        index=["repeat", "fold"], columns="candidate", values="log_loss"
    )
    ranked = losses.mean().sort_index().sort_values(ascending=False, kind="stable").index
    pairs = list(combinations(ranked, 2))
    p_values = np.array(
        [corrected_resampled_t_test(losses[a] - losses[b], test_to_train).p_value for a, b in pairs]
    )
    has_reference = np.array([reference in pair for pair in pairs], dtype=np.bool_)
    adjusted, levels = np.empty_like(p_values), np.empty_like(p_values)
    for family in (has_reference, ~has_reference):
        adjusted[family] = holm(p_values[family])
        levels[family] = holm_levels(p_values[family], 1 - confidence)
    tests = [
        corrected_resampled_t_test(losses[a] - losses[b], test_to_train, confidence=1 - level)
        for (a, b), level in zip(pairs, levels.tolist(), strict=True)
    ]
    comparisons = [
        {
            "candidate": str(a),
            "other": str(b),
            "difference": round(test.difference, 6),
            "low": round(test.low, 6),
            "high": round(test.high, 6),
            "p_value": round(test.p_value, 6),
            "p_value_holm": round(float(p), 6),
            "significant": bool(p < 1 - confidence),
        }
        for (a, b), test, p in zip(pairs, tests, adjusted, strict=True)
    ]
    return sorted(comparisons, key=lambda c: (c["p_value"], c["candidate"], c["other"]))
