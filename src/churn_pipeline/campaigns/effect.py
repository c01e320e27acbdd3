"""Whether a campaign worked: contacted customers against those held out."""

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from churn_pipeline.errors import DataError
from churn_pipeline.statistics.bootstrap import Interval
from churn_pipeline.statistics.shares import share_interval

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

CONFIDENCE = 0.95
Z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
FEWEST = 30
"""Customers of an arm below which no mean of theirs has an interval."""

MISMATCH = 0.001
"""p-value of the sample-ratio test below which an effect is not reported."""
_FEWEST = 10  # customers and churners or stayers of an arm for the adjusted estimate
_CERTAIN = 1e-6


@dataclass(frozen=True)
class Effect:
    """How much lower the churn rate of the contacted customers is.

    Attributes
    ----------
    treated, control : int
        Customers whose outcome is known.
    treated_rate, control_rate : Interval
        Churn rates, with Wilson's intervals.
    difference : Interval
        Control rate minus treated rate, by intention to treat: whoever was to be contacted counts
        as contacted (Newcombe, 1998, method 10).
    adjusted : Interval or None
        The same, adjusted for the churn probability, which sharpens it: the augmented estimator of
        Robins, Rotnitzky and Zhao (1994) with the arms' known shares; None with few customers.
    """

    treated: int
    control: int
    treated_rate: Interval
    control_rate: Interval
    difference: Interval
    adjusted: Interval | None

    @property
    def best(self) -> Interval:
        """The adjusted difference where there is one."""
        return self.adjusted or self.difference


def measure_effect(
    churned: Flags, is_treated: Flags, churn_probability: Floats, held_out_share: float
) -> Effect:
    """Compare the churn of contacted and held-out customers.

    Parameters
    ----------
    churned, is_treated : ndarray of bool, (n,)
        Of the selected customers with a known outcome.
    churn_probability : ndarray of float, (n,)
        The scores that the campaign was planned by.
    held_out_share : float
        The probability with which each was held out.

    Raises
    ------
    DataError
        If an arm is empty, or the arms' sizes contradict the share that was to be held out: then
        customers were moved between the arms or lost, and no comparison holds.
    """
    n, treated = len(churned), int(is_treated.sum())
    if treated in (0, n):
        arm = "contacted" if treated == 0 else "held-out"
        raise DataError(
            f"no {arm} customer has a known outcome, so the effect of the campaign cannot be told"
        )
    p_value = sample_ratio_p_value(treated, n, 1 - held_out_share)
    if p_value < MISMATCH:
        raise DataError(
            f"{treated:,} of {n:,} customers with an outcome are contacted ones, but "
            f"{1 - held_out_share:.0%} were to be (p = {p_value:.1g}): customers were moved "
            "between the arms, or outcomes of one arm are missing; find out why before comparing"
        )
    rates = [share_interval(churned[arm], CONFIDENCE) for arm in (is_treated, ~is_treated)]
    return Effect(
        treated,
        n - treated,
        rates[0],
        rates[1],
        _newcombe(rates[1], rates[0]),
        _adjusted(churned, is_treated, churn_probability, held_out_share),
    )


def sample_ratio_p_value(treated: int, n: int, share: float) -> float:
    """Return the p-value of the arms' sizes, by the chi-squared test with one degree of freedom."""
    expected = n * share
    if expected in (0, n):
        return 1.0 if treated == expected else 0.0
    z = abs(treated - expected) / sqrt(n * share * (1 - share))
    return 2 * (1 - NormalDist().cdf(z))


def _newcombe(one: Interval, other: Interval) -> Interval:
    difference = one.value - other.value
    down = sqrt((one.value - one.low) ** 2 + (other.high - other.value) ** 2)
    up = sqrt((one.high - one.value) ** 2 + (other.value - other.low) ** 2)
    return Interval(difference, difference - down, difference + up)


def _adjusted(
    churned: Flags, is_treated: Flags, p: Floats, held_out_share: float
) -> Interval | None:
    for arm in (is_treated, ~is_treated):
        if min(churned[arm].sum(), (~churned[arm]).sum()) < _FEWEST:
            return None
    certain = np.clip(p, _CERTAIN, 1 - _CERTAIN)
    odds = np.log(certain) - np.log1p(-certain)
    return adjusted_difference(churned.astype(np.float64), is_treated, odds, held_out_share)


def adjusted_difference(
    outcome: Floats, is_treated: Flags, predictor: Floats, held_out_share: float
) -> Interval | None:
    """Return how much lower the mean outcome of the contacted customers is, with its interval.

    The augmented estimate, with a linear model of the outcome on a predictor in each arm. The arms'
    shares are known, so that it is consistent whatever the models are worth (as Lin, 2013, shows of
    the same regression).

    Parameters
    ----------
    outcome, predictor : ndarray of float, (n,)
        The predictor was known before anyone was contacted.
    is_treated : ndarray of bool, (n,)
    held_out_share : float

    Returns
    -------
    Interval or None
        None where nobody was to be held out, an arm has fewer than :data:`FEWEST` customers, or the
        predictor or the outcome is the same for a whole arm.
    """
    share = 1 - held_out_share
    if not 0 < share < 1:
        return None
    design = np.column_stack([np.ones(len(outcome)), predictor - predictor.mean()])
    expected = []
    for arm in (is_treated, ~is_treated):
        if arm.sum() < FEWEST or np.ptp(predictor[arm]) == 0 or np.ptp(outcome[arm]) == 0:
            return None
        coefficients, *_ = np.linalg.lstsq(design[arm], outcome[arm], rcond=None)
        expected.append(design @ coefficients)
    # the residuals of each arm sum to 0, so the augmentation is in the predictions already
    terms = expected[1] - expected[0]
    variance = float(terms.var(ddof=1)) / len(terms)
    for arm, predicted in zip((is_treated, ~is_treated), expected, strict=True):
        n = int(arm.sum())
        residual = float(((outcome[arm] - predicted[arm]) ** 2).sum()) / (n - 2)
        variance += residual / n
    smaller = int(min(is_treated.sum(), (~is_treated).sum()))
    half = float(stdtrit(smaller - 2, (1 + CONFIDENCE) / 2)) * sqrt(variance)
    value = float(terms.mean())
    return Interval(value, value - half, value + half)


@dataclass(frozen=True)
class Acceptance:
    """What a campaign says of the share of churners who accept the offer and stay.

    Attributes
    ----------
    found : Interval
        The fall of the churn rate over the control's churn rate.
    alpha, beta : float
        The Beta distribution that the assumed one becomes, to assume next time.
    """

    found: Interval
    alpha: float
    beta: float


def acceptance(effect: Effect, alpha: float, beta: float) -> Acceptance:
    """Combine the assumed Beta distribution of the acceptance with what a campaign found.

    The share found has the delta method's standard error. Prior and finding are weighted by their
    precisions, and the result is the Beta distribution of the same mean and variance.
    """
    control = max(effect.control_rate.value, 1 / (2 * effect.control))
    difference = effect.best
    share = difference.value / control
    # the difference and the control rate err together: a high control rate raises both
    treated_error = _error(effect.treated_rate, effect.treated)
    control_error = _error(effect.control_rate, effect.control)
    treated_share = effect.treated_rate.value / control
    error = sqrt(treated_error**2 + (treated_share * control_error) ** 2) / control
    half_of_difference = (difference.high - difference.low) / (2 * Z)
    plain_half = (effect.difference.high - effect.difference.low) / (2 * Z)
    error *= min(1.0, half_of_difference / plain_half) if plain_half else 1.0
    found = Interval(share, share - Z * error, share + Z * error)
    mean = alpha / (alpha + beta)
    variance = mean * (1 - mean) / (alpha + beta + 1)
    weight = variance / (variance + error**2)
    new_mean = mean + weight * (min(max(share, 0.0), 1.0) - mean)
    new_mean = min(max(new_mean, 0.005), 0.995)
    new_variance = variance * (1 - weight) or 1e-12
    # never less sure than before, which a mean near 0 or 1 would allow
    total = max(new_mean * (1 - new_mean) / new_variance - 1, alpha + beta)
    return Acceptance(found, new_mean * total, (1 - new_mean) * total)


def _error(rate: Interval, n: int) -> float:
    share = (rate.value * n + 0.5) / (n + 1)  # not 0 where none or all churned
    return sqrt(share * (1 - share) / n)
