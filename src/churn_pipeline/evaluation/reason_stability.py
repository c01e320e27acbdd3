"""Whether customers would get the same reasons from a model of other training customers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]


def reason_stability(
    contributions: Floats, refitted: Sequence[Floats], groups: Numbers, n_reasons: int
) -> dict[str, Any]:
    """Compare the reasons of a model with those of refits.

    Contributions are exact for the model at hand, but a model of other customers may distribute
    the same score otherwise, above all among inputs that say nearly the same.

    Parameters
    ----------
    contributions : ndarray of float, (n_customers, n_inputs)
        Of the model, in log-odds.
    refitted : sequence of ndarray, same shape
        Of its refits.
    groups : ndarray of int, (n_inputs,)
        Inputs that are counted as one for ``grouped``.
    n_reasons : int
        How many reasons a customer gets at most.

    Returns
    -------
    dict
        ``single`` and ``grouped``, each with ``same_first``, how many of the customers who have a
        reason get the same first one from a refit, and ``same_reasons``, how many of their reasons
        are among those of a refit: means over the refits, None where nobody has a reason.
    """
    grouping = np.equal.outer(groups, np.unique(groups)).astype(np.float64)
    joined = [each @ grouping for each in refitted]
    return {
        "single": _agreement(contributions, refitted, n_reasons),
        "grouped": _agreement(contributions @ grouping, joined, n_reasons),
    }


def _agreement(
    contributions: Floats, refitted: Sequence[Floats], n_reasons: int
) -> dict[str, float | None]:
    own = _ranks(contributions, n_reasons)
    first, any_reason = own == 0, (own >= 0).any(axis=1)
    if not any_reason.any():
        return {"same_first": None, "same_reasons": None}
    same_first, same_reasons = [], []
    for each in refitted:
        others = _ranks(each, n_reasons)
        same_first.append((first & (others == 0)).any(axis=1)[any_reason].mean())
        same_reasons.append(((own >= 0) & (others >= 0)).sum() / (own >= 0).sum())
    return {
        "same_first": round(float(np.mean(same_first)), 4),
        "same_reasons": round(float(np.mean(same_reasons)), 4),
    }


def _ranks(contributions: Floats, n_reasons: int) -> Numbers:
    """Return each input's place among a customer's reasons, -1 where it is none."""
    order = np.argsort(-contributions, axis=1, kind="stable")
    ranks = np.argsort(order, axis=1, kind="stable")
    is_reason = (contributions > 0) & (ranks < n_reasons)
    return np.where(is_reason, ranks, -1).astype(np.int64)
