"""Random draws that give the same values on every machine.

Sums are made of whole numbers, and what comes out of a transcendental function is rounded, so that
neither the order of summation nor the last bit of a library's logarithm matters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

LOGIT_UNIT = 10_000  # log-odds are counted in whole ten-thousandths
LOGIT_LIMIT = 12 * LOGIT_UNIT
PROBABILITY_DIGITS = 9

_BILLION = 10**PROBABILITY_DIGITS
_PLACE = re.compile(r"[#@]|\{\w+\}")
_PLACES = {"#": tuple("0123456789"), "@": tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")}


@cache
def _logistic_table() -> NDArray[np.float64]:
    """Probability for every log-odds from -12 to 12."""
    logits = np.arange(-LOGIT_LIMIT, LOGIT_LIMIT + 1) / LOGIT_UNIT
    table = np.round(1 / (1 + np.exp(-logits)), PROBABILITY_DIGITS)
    table.flags.writeable = False
    return table


def logistic(log_odds: NDArray[np.int64]) -> NDArray[np.float64]:
    """Probabilities of log-odds.

    Parameters
    ----------
    log_odds
        In ten-thousandths; those beyond ±12 count as ±12.

    Returns
    -------
    numpy.ndarray
        Of the same shape, rounded to 9 decimals.
    """
    return _logistic_table()[np.clip(log_odds, -LOGIT_LIMIT, LOGIT_LIMIT) + LOGIT_LIMIT]


def intercept_for(rate: float, log_odds: NDArray[np.int64]) -> int:
    """Smallest intercept with which the mean probability reaches ``rate``.

    Parameters
    ----------
    rate
        Between 0 and 1.
    log_odds
        Of each customer without an intercept, in ten-thousandths.

    Returns
    -------
    int
        In ten-thousandths, found by bisection between ±24.
    """
    low, high = -2 * LOGIT_LIMIT, 2 * LOGIT_LIMIT
    wanted = round(rate * _BILLION) * log_odds.size
    while low < high:
        middle = (low + high) // 2
        if int(_billionths(logistic(log_odds + middle)).sum()) < wanted:
            low = middle + 1
        else:
            high = middle
    return low


def _billionths(probability: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.rint(probability * _BILLION).astype(np.int64)


def systematic_sample(chances: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Select each customer with their own chance, and nearly the expected number of them.

    The chances are laid end to end in random order and a customer is selected where a mark, one
    per unit of length from a random start, falls on theirs. So how many are selected differs
    from the sum of the chances by less than one.

    Parameters
    ----------
    chances
        Shape (n,), between 0 and 1, with at most 9 decimals.
    rng
        Source of randomness, advanced by the call.

    Returns
    -------
    numpy.ndarray
        Shape (n,), whether each customer is selected.
    """
    order = rng.permutation(chances.size)
    ends = np.cumsum(_billionths(chances[order])) + rng.integers(_BILLION)
    marks = ends // _BILLION
    selected = np.empty(chances.size, dtype=np.bool_)
    selected[order] = np.diff(marks, prepend=0) > 0
    return selected


def draw_levels(shares: Sequence[float], n: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Draw n positions in ``shares``, each nearly as often as its share of their sum says."""
    edges = np.cumsum(shares)
    uniforms = (rng.permutation(n) + rng.random(n)) / n
    return np.searchsorted(edges[:-1] / edges[-1], uniforms, side="right")


def draw_bands(
    bands: Sequence[tuple[int, int, float]], n: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw n whole numbers from bands of equally likely ones.

    Parameters
    ----------
    bands
        First and last number of each band, both included, and its share.
    n
        How many.
    rng
        Source of randomness, advanced by the call.

    Returns
    -------
    numpy.ndarray
        Shape (n,).
    """
    first, last, shares = zip(*bands, strict=True)
    band = draw_levels(shares, n, rng)
    return rng.integers(np.array(first)[band], np.array(last)[band], endpoint=True)


def draw_texts(
    pattern: str, parts: Mapping[str, Sequence[str]], n: int, rng: np.random.Generator
) -> NDArray[np.str_]:
    """Draw n different texts of a pattern.

    Parameters
    ----------
    pattern
        ``#`` stands for a digit, ``@`` for a capital letter, ``{name}`` for one of the texts of a
        part, and any other character for itself.
    parts
        Texts by name.
    n
        How many.
    rng
        Source of randomness, advanced by the call.

    Raises
    ------
    ValueError
        If the pattern names no known part, or has fewer than n different texts.
    """
    choices = [_choices(place, parts) for place in _PLACE.findall(pattern)]
    fixed = _PLACE.split(pattern)
    possible = int(np.prod([len(options) for options in choices], dtype=object))
    if possible < n:
        raise ValueError(f"the pattern {pattern!r} has {possible:,} texts, fewer than {n:,}")
    number = rng.choice(possible, size=n, replace=False)
    pieces: list[NDArray[np.str_]] = []
    for options in reversed(choices):
        number, drawn = np.divmod(number, len(options))
        pieces.append(np.array(options)[drawn])
    texts = np.full(n, fixed[0])
    for piece, after in zip(reversed(pieces), fixed[1:], strict=True):
        texts = np.strings.add(texts, np.strings.add(piece, after) if after else piece)
    return texts


def _choices(place: str, parts: Mapping[str, Sequence[str]]) -> Sequence[str]:
    options = _PLACES.get(place) or parts.get(place.strip("{}"))
    if not options:
        raise ValueError(f"{place} is not a known part; parts: {', '.join(parts) or 'none'}")
    return options


def power_shares(count: int, skew: float) -> NDArray[np.float64]:
    """Shares of the levels of a long-tailed category: of the k-th in proportion to k ** -skew."""
    return np.round(np.arange(1, count + 1, dtype=np.float64) ** -skew, PROBABILITY_DIGITS)


def are_bands(bands: Sequence[tuple[int, int, float]]) -> bool:
    """Whether no band is empty or overlaps the one before."""
    ordered = all(first <= last and share >= 0 for first, last, share in bands)
    return bool(bands) and ordered and all(a[1] < b[0] for a, b in pairwise(bands))
