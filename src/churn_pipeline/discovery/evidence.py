"""How much single columns tell about the target: what tells all but everything is suspect."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_MOST_BANDS = 64
_POSITIVES_A_BAND = 10
_PRIOR_ROWS = 2.0
_LEAST_POSITIVES = 20
_LEAST_ROWS = 8  # of a state that is to prove something
_SURE = 0.95  # share of one outcome among the rows of a state
_SURE_RANGE = 0.98  # the same of a range: the end of any strong column comes close
_BESIDE = 0.75  # share beside such a range up to which it stands out
_TIMES = 10.0  # how much above those of all rows the odds of a state surely are
_MANY = 0.4  # churn rate from which rows that surely stay are looked for as well
_Z = 3.0  # of the intervals of states: many are looked at


@dataclass(frozen=True)
class State:
    """Rows of one value, or of a range of values, which nearly all had one outcome.

    Attributes
    ----------
    low, high : float
        The range; alike where it is one value.
    rows : int
    churn_rate : float
    """

    low: float
    high: float
    rows: int
    churn_rate: float


@dataclass(frozen=True)
class Evidence:
    """What one column tells.

    Attributes
    ----------
    roc_auc : float or None
        Of the column alone, held out; None with too few churners to say.
    filled_churn, missing_churn : float or None
        Churn rate of the rows whose cell is filled or missing, where nearly all of them left (or
        stayed, in a table where many leave); else None.
    state : State or None
        The value, or of numbers the range of values, whose rows nearly all did.
    """

    roc_auc: float | None
    filled_churn: float | None = None
    missing_churn: float | None = None
    state: State | None = None


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
    if not 0 < n_positive < len(churned):
        return Evidence(None)
    is_there = ~np.isnan(values)
    # where most stay, a value at which all do is nothing odd
    sides = [churned] if n_positive < _MANY * len(churned) else [churned, 1 - churned]
    filled = any(_all_are(side[is_there], side) for side in sides)
    missing = any(_all_are(side[~is_there], side) for side in sides)
    levels, inverse = np.unique(values[is_there], return_inverse=True)
    states = [_state(levels, inverse, side[is_there], side, is_number) for side in sides]
    state = next((found for found in states if found is not None), None)
    auc = None
    if min(n_positive, len(churned) - n_positive) >= _LEAST_POSITIVES:
        codes = _codes(values, levels, inverse, is_number, n_positive)
        auc = _held_out_auc(codes, churned)
        if is_number:
            auc = max(auc, _monotone_auc(values, churned))
    return Evidence(
        auc,
        float(churned[is_there].mean()) if filled else None,
        float(churned[~is_there].mean()) if missing else None,
        None if state is None else _described(state, values, churned),
    )


def _codes(
    values: NDArray[np.float64],
    levels: NDArray[np.float64],
    inverse: NDArray[np.int64],
    is_number: bool,
    n_positive: int,
) -> NDArray[np.int64]:
    """Return a band or level for each row, the last one for missing cells."""
    is_there = ~np.isnan(values)
    bands = int(np.clip(n_positive // _POSITIVES_A_BAND, 2, _MOST_BANDS))
    if is_number and len(levels) > bands:
        cuts = np.unique(np.quantile(values[is_there], np.linspace(0, 1, bands + 1)[1:-1]))
        # a value of its own for what many rows share, such as zero
        inverse = np.searchsorted(cuts, values[is_there]) * 2
        inverse += np.isin(values[is_there], cuts)
    codes = np.full(len(values), int(inverse.max(initial=-1)) + 1, dtype=np.int64)
    codes[is_there] = inverse
    return codes


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


def _all_are(part: NDArray[np.float64], whole: NDArray[np.float64]) -> bool:
    """Whether the outcome of a part of the rows is all but sure."""
    return _is_sure(float(part.sum()), len(part), float(whole.mean()))


def _is_sure(positives: float, rows: int, base: float) -> bool:
    if rows < _LEAST_ROWS or positives < _SURE * rows:
        return False
    return _lower_bound(positives / rows, rows, _Z) >= _raised(base)


def _raised(base: float) -> float:
    """Return the share whose odds are ten times those of ``base``."""
    odds = _TIMES * base / max(1 - base, 1e-12)
    return odds / (1 + odds)


def _state(
    levels: NDArray[np.float64],
    inverse: NDArray[np.int64],
    outcome: NDArray[np.float64],
    whole: NDArray[np.float64],
    is_number: bool,
) -> tuple[float, float] | None:
    """Return the value or range of values whose rows nearly all had an outcome.

    Of numbers it is the range with the largest sum, over its rows, of the outcome less a share that
    is all but sure (the maximum subarray of Kadane): it may be of one value, or of many.
    """
    if not len(levels):
        return None
    base = float(whole.mean())
    rows = np.bincount(inverse).astype(np.float64)
    positives = np.asarray(np.bincount(inverse, outcome), dtype=np.float64)
    many = np.flatnonzero((rows >= _LEAST_ROWS) & (positives >= _SURE * rows))
    sure = [i for i in many if _is_sure(positives[i], int(rows[i]), base)]
    if sure:
        best = max(sure, key=lambda i: rows[i])
        return float(levels[best]), float(levels[best])
    if not is_number:
        return None
    gain = np.cumsum(positives - max(_SURE_RANGE - 0.01, _raised(base)) * rows)
    before = np.concatenate([[0.0], np.minimum.accumulate(np.minimum(gain, 0.0))[:-1]])
    last = int(np.argmax(gain - before))
    first = int(np.argmin(np.concatenate([[0.0], gain[:last]])))
    inside = slice(first, last + 1)
    found, n = float(positives[inside].sum()), int(rows[inside].sum())
    if found < _SURE_RANGE * n or not _is_sure(found, n, base):
        return None
    if _beside(rows, positives, first, last, n) > max(_BESIDE, (1 + base) / 2):
        return None  # the end of a column that tells much all along
    return float(levels[first]), float(levels[last])


def _beside(
    rows: NDArray[np.float64], positives: NDArray[np.float64], first: int, last: int, n: int
) -> float:
    """Return the share of the outcome in as many rows on either side of a range."""
    found, seen = 0.0, 0.0
    for places in (range(first - 1, -1, -1), range(last + 1, len(rows))):
        near = 0.0
        for place in places:
            if near >= n:
                break
            near += rows[place]
            found += positives[place]
        seen += near
    return found / seen if seen else 0.0


def _described(
    state: tuple[float, float], values: NDArray[np.float64], churned: NDArray[np.float64]
) -> State:
    inside = (values >= state[0]) & (values <= state[1])
    return State(*state, int(inside.sum()), float(churned[inside].mean()))


def _lower_bound(rate: float, n: int, z: float = 1.96) -> float:
    """Return the lower end of the 95 % interval of Wilson (1927) for a share."""
    if not n:
        return 0.0
    centre = rate + z * z / (2 * n)
    spread = z * float(np.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n)))
    return (centre - spread) / (1 + z * z / n)
