"""What effect a campaign could show, before it begins."""

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from scipy.special import ndtr

from churn_pipeline.campaigns.effect import CONFIDENCE
from churn_pipeline.statistics.shares import score_limits

POWER = 0.8
"""With which an effect should be found that is called detectable."""

_MOST_CUSTOMERS = 10**9
_POINTS, _WEIGHTS = hermegauss(21)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


def power_of(customers: float, held_out_share: float, control_rate: float, effect: float) -> float:
    """Return the probability that a campaign shows that its effect is above 0.

    That is, that the interval of :func:`churn_pipeline.campaigns.effect.measure_effect` without
    adjustment lies above 0. Both arms' churn rates are taken as normal, and the interval's width is
    averaged over those of the held-out customers.

    Parameters
    ----------
    customers : float
        Selected, held-out ones included.
    held_out_share : float
        Share of them who are not contacted, between 0 and 1.
    control_rate : float
        Churn rate that is expected without contact.
    effect : float
        How much lower it is with contact.
    """
    held_out = customers * held_out_share
    treated = customers - held_out
    treated_rate = control_rate - effect
    if min(held_out, treated) < 1 or control_rate <= 0:
        return 0.0
    control_error = np.sqrt(control_rate * (1 - control_rate) / held_out)
    found = np.clip(control_rate + _POINTS * control_error, 0.0, 1.0)
    control_low, _ = score_limits(found, held_out, CONFIDENCE)
    _, treated_high = score_limits(treated_rate, treated, CONFIDENCE)
    half = np.hypot(found - control_low, treated_high - treated_rate)
    treated_error = max(float(np.sqrt(treated_rate * (1 - treated_rate) / treated)), 1e-12)
    return float(_WEIGHTS @ ndtr((found - half - treated_rate) / treated_error))


def detectable_effect(
    customers: float, held_out_share: float, control_rate: float, power: float = POWER
) -> float | None:
    """Return the smallest fall of the churn rate that a campaign would show with this power.

    In points of the rate from 0 to 1; None where not even a fall to 0 would be shown.
    """
    if power_of(customers, held_out_share, control_rate, control_rate) < power:
        return None
    low, high = 0.0, control_rate
    for _ in range(50):
        middle = (low + high) / 2
        if power_of(customers, held_out_share, control_rate, middle) < power:
            low = middle
        else:
            high = middle
    return high


def customers_needed(
    held_out_share: float, control_rate: float, effect: float, power: float = POWER
) -> int | None:
    """Return how many customers have to be selected for this effect to be shown.

    None where a billion would not do.
    """
    low, high = 1, _MOST_CUSTOMERS
    if power_of(high, held_out_share, control_rate, effect) < power:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        if power_of(middle, held_out_share, control_rate, effect) < power:
            low = middle
        else:
            high = middle
    return high
