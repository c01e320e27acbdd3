"""Random draws: levels, splits with exact logistic probabilities, tenure, identifiers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from churn_pipeline.simulation.facts import Split, TenureBand
from churn_pipeline.simulation.terms import Codes, code_of, factor_values, term_values

LOGIT_UNIT = 10_000  # log-odds are counted in whole ten-thousandths
LOGIT_LIMIT = 12 * LOGIT_UNIT
PROBABILITY_DIGITS = 9

_DIGITS = 10**4
_LETTERS = 26


@cache
def _logistic_table() -> NDArray[np.float64]:
    """Probability for every log-odds from -12 to 12."""
    logits = np.arange(-LOGIT_LIMIT, LOGIT_LIMIT + 1) / LOGIT_UNIT
    table = np.round(1 / (1 + np.exp(-logits)), PROBABILITY_DIGITS)
    table.flags.writeable = False
    return table


def split_candidates(split: Split, codes: Codes) -> NDArray[np.intp]:
    """Positions of the customers whom a split may move."""
    candidates = codes[split.column] == code_of(split.column, split.origin)
    if split.among:
        candidates &= factor_values(split.among, codes) > 0
    return np.flatnonzero(candidates)


def split_probability(split: Split, codes: Codes) -> NDArray[np.float64]:
    """Probability that each candidate moves from the split's origin to its target.

    The log-odds are summed as integers and looked up in a rounded table, so the result is the
    same on every machine.

    Parameters
    ----------
    split
        The logistic model.
    codes
        Coded columns of n candidates.

    Returns
    -------
    numpy.ndarray
        Shape (n,), between 0 and 1, rounded to 9 decimals.
    """
    logit = np.full(codes["tenure"].shape, round(split.intercept * LOGIT_UNIT), dtype=np.int32)
    for term, coefficient in split.terms.items():
        logit += round(coefficient * LOGIT_UNIT) * term_values(term, codes)
    np.clip(logit, -LOGIT_LIMIT, LOGIT_LIMIT, out=logit)
    return _logistic_table()[logit + LOGIT_LIMIT]


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
    unit = 10**PROBABILITY_DIGITS
    order = rng.permutation(chances.size)
    # Whole billionths add up exactly, whatever the machine.
    ends = np.cumsum(np.rint(chances[order] * unit).astype(np.int64)) + rng.integers(unit)
    marks = ends // unit
    selected = np.empty(chances.size, dtype=np.bool_)
    selected[order] = np.diff(marks, prepend=0) > 0
    return selected


def draw_levels(shares: Sequence[float], n: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Draw n positions in ``shares``, each nearly as often as its share of their sum says."""
    edges = np.cumsum(shares)
    uniforms = (rng.permutation(n) + rng.random(n)) / n
    return np.searchsorted(edges[:-1] / edges[-1], uniforms, side="right")


def draw_tenure(bands: Sequence[TenureBand], n: int, rng: np.random.Generator) -> NDArray[np.int8]:
    """Draw the tenure of n customers of one contract, in months."""
    band = draw_levels([band.share for band in bands], n, rng)
    first = np.array([band.first for band in bands])[band]
    last = np.array([band.last for band in bands])[band]
    return rng.integers(first, last, endpoint=True).astype(np.int8)


def draw_customer_ids(n: int, rng: np.random.Generator) -> NDArray[np.str_]:
    """Draw n different identifiers of four digits, a dash and five capital letters."""
    number = rng.choice(_DIGITS * _LETTERS**5, size=n, replace=False)
    characters = np.empty((n, 10), dtype=np.uint32)
    for place in range(9, 4, -1):
        number, letter = np.divmod(number, _LETTERS)
        characters[:, place] = letter + ord("A")
    characters[:, 4] = ord("-")
    for place in range(3, -1, -1):
        number, digit = np.divmod(number, 10)
        characters[:, place] = digit + ord("0")
    return characters.view("U10")[:, 0]
