"""Tiers of churn probability, each with its recommended action."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from churn_pipeline.errors import ParameterError


@dataclass(frozen=True)
class Tier:
    """Customers of at least ``minimum`` churn probability, up to the next tier."""

    name: str
    minimum: float
    action: str


def tiers(parameters: Mapping[str, Mapping[str, Any]]) -> tuple[Tier, ...]:
    """Take the tiers from the parameters under ``economics.tiers``.

    Parameters
    ----------
    parameters : mapping
        Name of a tier to its ``minimum`` and ``action``, in ascending order.

    Returns
    -------
    tuple of Tier
        They cover all probabilities.

    Raises
    ------
    ParameterError
        If the minimums do not ascend from 0, staying below 1.
    """
    found = tuple(
        Tier(name, float(tier["minimum"]), str(tier["action"])) for name, tier in parameters.items()
    )
    if not found or found[0].minimum != 0:
        first = f"{found[0].name}.minimum is {found[0].minimum:g}" if found else "it has none"
        raise ParameterError(f"params.yaml: economics.tiers: {first}; the first tier starts at 0")
    for before, tier in pairwise(found):
        if not before.minimum < tier.minimum < 1:
            raise ParameterError(
                f"params.yaml: economics.tiers.{tier.name}.minimum is {tier.minimum:g}; it must be "
                f"above the {before.minimum:g} of {before.name}, the tier before it, and below 1"
            )
    return found


def assign_tier(probabilities: ArrayLike, tiers: Sequence[Tier]) -> NDArray[np.str_]:
    """Return the name of the tier of each churn probability, (n,)."""
    return np.array([tier.name for tier in tiers])[_tier_index(probabilities, tiers)]


def _tier_index(probabilities: ArrayLike, tiers: Sequence[Tier]) -> NDArray[np.int64]:
    minimums = [tier.minimum for tier in tiers]
    return np.searchsorted(minimums, np.asarray(probabilities), side="right") - 1


def summarise_tiers(
    target: ArrayLike, churn_probability: ArrayLike, tiers: Sequence[Tier]
) -> list[dict[str, Any]]:
    """Say who is in each tier and what happened to them.

    Returns
    -------
    list of dict
        ``tier``, ``minimum`` and ``maximum`` of the churn probability, ``customers``, their
        ``share``, ``churn_rate`` and ``mean_churn_probability`` (both None in an empty tier) and
        ``action``; in ascending order.
    """
    y, p = np.asarray(target, dtype=np.float64), np.asarray(churn_probability, dtype=np.float64)
    member = _tier_index(p, tiers)
    maximums = [*(tier.minimum for tier in tiers[1:]), 1.0]
    return [
        {
            "tier": tier.name,
            "minimum": tier.minimum,
            "maximum": maximum,
            "customers": int((member == i).sum()),
            "share": round(float((member == i).mean()), 6),
            "churn_rate": _mean(y[member == i]),
            "mean_churn_probability": _mean(p[member == i]),
            "action": tier.action,
        }
        for i, (tier, maximum) in enumerate(zip(tiers, maximums, strict=True))
    ]


def _mean(values: NDArray[np.float64]) -> float | None:
    return round(float(values.mean()), 6) if len(values) else None
