"""What became of the customers of each tier."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from churn_pipeline.scorer.decisions import Tier, tier_index


def summarise_tiers(
    target: ArrayLike, churn_probability: ArrayLike, contacted: ArrayLike, tiers: Sequence[Tier]
) -> list[dict[str, Any]]:
    """Say who is in each tier and what happened to them.

    Returns
    -------
    list of dict
        ``tier``, ``minimum`` and ``maximum`` of the churn probability, ``customers``, their
        ``share``, ``churn_rate`` and ``mean_churn_probability`` (both None in an empty tier),
        how many of them are ``contacted``, and the ``action`` for those; in ascending order.
    """
    y, p = np.asarray(target, dtype=np.float64), np.asarray(churn_probability, dtype=np.float64)
    decided = np.asarray(contacted, dtype=bool)
    member = tier_index(p, tiers)
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
            "contacted": int((decided & (member == i)).sum()),
            "action": tier.action,
        }
        for i, (tier, maximum) in enumerate(zip(tiers, maximums, strict=True))
    ]


def _mean(values: NDArray[np.float64]) -> float | None:
    return round(float(values.mean()), 6) if len(values) else None
