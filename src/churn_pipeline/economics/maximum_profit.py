"""The expected maximum profit for churn, EMPC (Verbraken, Verbeke and Baesens, 2013)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression
from scipy.special import betaincc

from churn_pipeline.scorer.decisions import Economics
from churn_pipeline.statistics.bootstrap import Bootstrap, Interval

Floats = NDArray[np.float64]

_NARROWEST = 1e-9  # a step that costs nothing still needs a width


@dataclass(frozen=True)
class MaximumProfit:
    """What a ranking can earn.

    Attributes
    ----------
    profit : float
        Expected maximum profit per customer, contacted or not.
    share : float
        Expected share of the customers to contact for it.
    """

    profit: float
    share: float


def expected_maximum_profit(
    target: ArrayLike,
    churn_probability: ArrayLike,
    lifetime_values: ArrayLike,
    economics: Economics,
) -> MaximumProfit:
    """Compute the profit of the best cut of a ranking for each acceptance gamma, expected over it.

    The customers are ranked by expected profit, which is by churn probability if all have the same
    lifetime value. Contacting the first k of them earns ``gamma * A_k - B_k``, where ``A_k`` adds
    up ``CLV - d`` over those who churned, and ``B_k`` adds up ``f`` for them and ``d + f`` for the
    others. The cuts that are best for some gamma are the corners of the concave hull of the points
    ``(B_k, A_k)``; with one lifetime value that is the ROC convex hull. From one corner to the next
    it pays to go on where gamma exceeds ``b / a``, the ratio of what that adds to B and to A, so
    that the result is the sum of ``E[max(0, gamma * a - b)]``: incomplete beta functions give it
    exactly, for one lifetime value and for individual ones.

    Parameters
    ----------
    target : array-like of 0 and 1, (n,)
    churn_probability : array-like of float, (n,)
        Customers of equal expected profit cannot be separated.
    lifetime_values : array-like of float, (n,) or one for all
    economics : Economics

    Returns
    -------
    MaximumProfit
    """
    ranking = _Ranking(target, churn_probability, lifetime_values, economics)
    profits, shares = ranking.maximum_profits(np.ones((1, ranking.size)))
    return MaximumProfit(float(profits[0]), float(shares[0]))


def bootstrap_maximum_profit(
    target: ArrayLike,
    churn_probability: ArrayLike,
    lifetime_values: ArrayLike,
    economics: Economics,
    bootstrap: Bootstrap,
) -> tuple[Interval, Interval]:
    """Compute the expected maximum profit with pivotal bootstrap intervals.

    Parameters
    ----------
    target, churn_probability, lifetime_values, economics
        See :func:`expected_maximum_profit`.
    bootstrap : Bootstrap

    Returns
    -------
    profit : Interval
        Per customer.
    fraction : Interval
        Its part of what perfect predictions earn on the same customers; 1 where they too earn
        nothing.
    """
    model = _Ranking(target, churn_probability, lifetime_values, economics)
    perfect = _Ranking(target, target, lifetime_values, economics)

    def figures(weights: ArrayLike) -> tuple[Floats, Floats]:
        profit, _ = model.maximum_profits(weights)
        most, _ = perfect.maximum_profits(weights)
        return profit, np.divide(profit, most, out=np.ones_like(profit), where=most > 0)

    (profit,), (fraction,) = figures(np.ones((1, model.size)))
    draws = [figures(weights) for weights in bootstrap.samples(model.size)]
    profits, fractions = (np.concatenate(part) for part in zip(*draws, strict=True))
    around = bootstrap.pivotal_interval(float(profit), profits)
    part = bootstrap.pivotal_interval(float(fraction), fractions)
    return (
        Interval(around.value, max(around.low, 0.0), around.high),
        Interval(part.value, max(part.low, 0.0), min(part.high, 1.0)),
    )


class _Ranking:
    """Customers ranked by expected profit; each step of the ranking is a group of equal ones."""

    def __init__(
        self,
        target: ArrayLike,
        churn_probability: ArrayLike,
        lifetime_values: ArrayLike,
        economics: Economics,
    ) -> None:
        y = np.asarray(target, dtype=np.float64)
        expected = economics.expected_profit(churn_probability, lifetime_values)
        order = np.argsort(-expected, kind="stable")
        gain = y * (np.asarray(lifetime_values, dtype=np.float64) - economics.incentive_cost)
        cost = economics.contact_cost + (1 - y) * economics.incentive_cost
        self.size = len(y)
        self._economics = economics
        self._order, self._gain, self._cost = order, gain[order], cost[order]
        self._starts = np.flatnonzero(np.r_[True, np.diff(expected[order]) != 0])

    def maximum_profits(self, weights: ArrayLike) -> tuple[Floats, Floats]:
        """Return profit and share, each (m,), for weightings of the customers, (m, n)."""
        w = np.asarray(weights, dtype=np.float64)[:, self._order]
        gains, costs, customers = (
            np.add.reduceat(part, self._starts, axis=1)
            for part in (w * self._gain, w * self._cost, w)
        )
        rows = [self._integrate(*row) for row in zip(gains, costs, customers, strict=True)]
        profit, share = np.array(rows).T / w.sum(axis=1)
        return profit, share

    def _integrate(self, gains: Floats, costs: Floats, customers: Floats) -> tuple[float, float]:
        width = np.maximum(costs, _NARROWEST)
        # the slopes of the concave hull are the antitonic regression of the slopes of the steps
        hull = isotonic_regression(gains / width, weights=width, increasing=False)
        corners = hull.blocks[:-1]
        a, b, n = (np.add.reduceat(part, corners) for part in (gains, costs, customers))
        limit = np.divide(b, a, out=np.ones_like(a), where=a > b)
        alpha, beta = self._economics.acceptance_alpha, self._economics.acceptance_beta
        chance = betaincc(alpha, beta, limit)
        mean = self._economics.acceptance * betaincc(alpha + 1, beta, limit)
        return float(a @ mean - b @ chance), float(n @ chance)
