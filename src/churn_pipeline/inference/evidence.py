"""How much single columns tell about the target: what tells all but everything is suspect."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_MOST_BANDS = 64
_POSITIVES_A_BAND = 10
_PRIOR_ROWS = 2.0
_LEAST_POSITIVES = 20
_LEAST_ROWS = 20  # of a state that is to prove something
_MOST_LEVELS = 100  # of a column whose levels are looked at one by one
_SURE = 0.95  # lower bound of the churn rate among rows of a state


@dataclass(frozen=True)
class Evidence:
    """What one column tells.

    Attributes
    ----------
    roc_auc : float or None
        Of the column alone, held out; None with too few churners to say.
    filled_churn, missing_churn : float or None
        Churn rate of the rows whose cell is filled or missing, where it is all but one beyond
        chance; else None.
    sure_level : tuple of float or None
        The value whose rows churn nearly always, their number and their churn rate.
    """

    roc_auc: float | None
    filled_churn: float | None = None
    missing_churn: float | None = None
    sure_level: tuple[float, int, float] | None = None


def weigh(values: NDArray[np.float64], churned: NDArray[np.float64], is_number: bool) -> Evidence:
    """Measure what one column alone tells about the target.

    Parameters
    ----------
    values : ndarray of float, (n,)
        Numbers, or the numbers of levels; NaN where missing.
    churned : ndarray of float, (n,)
        1.0 or 0.0.
    is_number : bool
        Whether values may be put into bands, which a level's number may not.

    Returns
    -------
    Evidence
    """
    n_positive = int(churned.sum())
    if min(n_positive, len(churned) - n_positive) < _LEAST_POSITIVES:
        return Evidence(None)
    codes, levels = _codes(values, is_number, n_positive)
    base = n_positive / len(churned)
    is_there = ~np.isnan(values)
    auc = _held_out_auc(codes, churned)
    if is_number:
        auc = max(auc, _monotone_auc(values, churned))
    return Evidence(
        auc,
        _all_churn(churned[is_there], base),
        _all_churn(churned[~is_there], base),
        None if len(levels) > _MOST_LEVELS else _sure_level(codes, levels, churned, base),
    )


def _codes(
    values: NDArray[np.float64], is_number: bool, n_positive: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return a band or level for each row, the last one for missing cells."""
    is_there = ~np.isnan(values)
    levels, inverse = np.unique(values[is_there], return_inverse=True)
    bands = int(np.clip(n_positive // _POSITIVES_A_BAND, 2, _MOST_BANDS))
    if is_number and len(levels) > bands:
        cuts = np.unique(np.quantile(values[is_there], np.linspace(0, 1, bands + 1)[1:-1]))
        # a value of its own for what many rows share, such as zero
        inverse = np.searchsorted(cuts, values[is_there]) * 2
        inverse += np.isin(values[is_there], cuts)
    codes = np.full(len(values), int(inverse.max(initial=-1)) + 1, dtype=np.int64)
    codes[is_there] = inverse
    return codes, levels


def _held_out_auc(codes: NDArray[np.int64], churned: NDArray[np.float64]) -> float:
    """Return the mean ROC-AUC of churn rates learnt on one half of the rows, on the other."""
    half = np.zeros(len(codes), dtype=bool)
    for value in (0.0, 1.0):  # both halves get their churners
        rows = np.flatnonzero(churned == value)
        half[np.random.default_rng(0).permutation(rows)[::2]] = True
    scores = []
    for learn in (half, ~half):
        rows = np.bincount(codes[learn], minlength=codes.max() + 1)
        positives = np.bincount(codes[learn], churned[learn], minlength=codes.max() + 1)
        rate = (positives + _PRIOR_ROWS * churned.mean()) / (rows + _PRIOR_ROWS)
        scores.append(_auc(rate, codes[~learn], churned[~learn]))
    return float(np.mean(scores))


def _monotone_auc(values: NDArray[np.float64], churned: NDArray[np.float64]) -> float:
    """Return the ROC-AUC of the number itself, upwards or downwards; missing counts as least."""
    filled = np.where(np.isnan(values), -np.inf, values)
    auc = _auc(filled, np.arange(len(filled)), churned)
    return max(auc, 1 - auc)


def _auc(
    rate: NDArray[np.float64], codes: NDArray[np.int64], churned: NDArray[np.float64]
) -> float:
    _, rank = np.unique(rate, return_inverse=True)
    positives = np.bincount(rank[codes], churned)
    negatives = np.bincount(rank[codes], 1 - churned)
    below = np.cumsum(negatives) - negatives / 2
    return float((positives * below).sum() / (positives.sum() * negatives.sum()))


def _all_churn(churned: NDArray[np.float64], base: float) -> float | None:
    rate = float(churned.mean()) if len(churned) >= _LEAST_ROWS else 0.0
    is_sure = base < 0.5 and _lower_bound(rate, len(churned)) > _SURE
    return rate if is_sure else None


def _sure_level(
    codes: NDArray[np.int64], levels: NDArray[np.float64], churned: NDArray[np.float64], base: float
) -> tuple[float, int, float] | None:
    rows = np.bincount(codes)
    rates = np.bincount(codes, churned) / np.maximum(rows, 1)
    rows, rates = rows[: len(levels)], rates[: len(levels)]
    sure = [
        i for i in np.flatnonzero(rows >= 5 * _LEAST_ROWS)
        if base < 0.5 and _lower_bound(rates[i], rows[i]) > _SURE
    ]  # fmt: skip
    if not sure:
        return None
    best = max(sure, key=lambda i: int(rows[i]))
    return float(levels[best]), int(rows[best]), float(rates[best])


def _lower_bound(rate: float, n: int, z: float = 1.96) -> float:
    """Return the lower end of the 95 % interval of Wilson (1927) for a share."""
    if not n:
        return 0.0
    centre = rate + z * z / (2 * n)
    spread = z * float(np.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n)))
    return (centre - spread) / (1 + z * z / n)
