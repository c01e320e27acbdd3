"""Spellings of "there is no value"."""

import re

import numpy as np
import pandas as pd
from numpy.typing import NDArray

# never a value of their own
_CERTAIN = frozenset(
    ["", "na", "n/a", "n.a.", "n.a", "#n/a", "#na", "nan", "-nan", "null", "(null)", "<null>",
     "<na>", "nil", "\\n", "?", "??", "-", "--", "---", ".", "nat", "#null!", "#div/0!", "#value!",
     "#ref!", "(missing)", "(blank)", "<none>"]
)  # fmt: skip
# a level of its own among texts, missing among numbers and dates
_WHERE_NO_TEXT_FITS = frozenset(
    ["none", "unknown", "missing", "not available", "not applicable", "undefined", "tbd", "inf",
     "-inf", "+inf", "infinity", "-infinity", "n.d.", "nd", "empty", "blank", "unspecified",
     "not known", "error", "not specified", "not given", "#error", "refused",
     "0000-00-00", "00/00/0000", "0000-00-00 00:00:00"]
)  # fmt: skip


def is_certainly_missing(texts: pd.Series) -> NDArray[np.bool_]:
    """Say which trimmed texts mean "missing" in every column, (n,)."""
    return texts.str.lower().isin(_CERTAIN).to_numpy(dtype=bool)


def is_missing_among_numbers(texts: pd.Series) -> NDArray[np.bool_]:
    """Say which trimmed texts mean "missing" in a column of numbers or dates, (n,)."""
    return texts.str.lower().isin(_CERTAIN | _WHERE_NO_TEXT_FITS).to_numpy(dtype=bool)


_CODES = re.compile(r"-1|-?(?:9+|8{2,}|7{2,}|9+[7-8])|0")
_MOST_CODES = 3  # at either end
_LEAST_LEVELS = 3
_SURE_LEVELS = 5  # from which a single negative number, or any number far off, is odd
_FAR = 5.0  # spans of the other numbers by which a code is away from them
_FARTHEST = 1000.0  # by which even a single cell is
_LEAST_REPEATED = 3
_LEAST_SHARE = 0.0005


def sentinels(values: NDArray[np.float64], counts: NDArray[np.int64]) -> list[float]:
    """Return numbers that look as if they stood for "missing", such as -999 among positive ones.

    These are the only negative number where it is a usual code, and numbers that are far from all
    others and stand in several rows, or by orders of magnitude in one.

    Parameters
    ----------
    values : ndarray of float, (n_levels,)
        The numbers of a column.
    counts : ndarray of int, (n_levels,)
        Rows of each.
    """
    numbers, inverse = np.unique(values, return_inverse=True)
    if len(numbers) < _LEAST_LEVELS:
        return []
    rows = np.asarray(np.bincount(inverse, counts), dtype=np.float64)
    found = set(_far_off(numbers, rows))
    negative = numbers[numbers < 0]
    if (
        len(numbers) >= _SURE_LEVELS
        and len(negative) == 1
        and negative[0] in (-1, -9, -99, -999, -9999, -99999)
    ):
        found.add(float(negative[0]))
    return sorted(found)


def _far_off(numbers: NDArray[np.float64], rows: NDArray[np.float64]) -> list[float]:
    """Return as many numbers at either end as are far from all that are left."""
    least = max(_LEAST_REPEATED, _LEAST_SHARE * rows.sum())
    ends = [
        (low, high)
        for low in range(_MOST_CODES + 1)
        for high in range(_MOST_CODES + 1)
        if low + high and len(numbers) - low - high >= _LEAST_LEVELS - 1
    ]
    for low, high in sorted(ends, key=lambda pair: -sum(pair)):
        core = numbers[low : len(numbers) - high]
        span = float(core[-1] - core[0])
        outer = [*range(low), *range(len(numbers) - high, len(numbers))]
        if all(
            max(core[0] - numbers[i], numbers[i] - core[-1])
            > span * _least_distance(numbers[i], rows[i], least, len(core))
            for i in outer
        ):
            return [float(numbers[i]) for i in outer]
    return []


def _least_distance(number: float, rows: float, least: float, n_others: int) -> float:
    """Return how many spans of the others a number is away from them, if it is a code."""
    if not _is_code(number):
        return _FARTHEST if rows < least or n_others < _SURE_LEVELS - 2 else _FAR
    if rows < least:
        return _FARTHEST if rows < 2 else _FAR
    return 1.0 if n_others >= _SURE_LEVELS - 2 else _FAR


def _is_code(number: float) -> bool:
    return number == round(number) and _CODES.fullmatch(f"{number:.0f}") is not None


def repeated_end(days: NDArray[np.float64], counts: NDArray[np.int64]) -> int | None:
    """Return the place of an earliest or latest day that many more rows have than any other.

    Parameters
    ----------
    days : ndarray of float, (n_levels,)
    counts : ndarray of int, (n_levels,)
        Rows of each.
    """
    if len(days) < 20:
        return None
    usual = float(np.median(counts))
    for place in (int(np.argmin(days)), int(np.argmax(days))):
        others = np.delete(counts, place)
        if counts[place] >= max(10, 20 * usual, 0.01 * counts.sum(), 3 * others.max()):
            return place
    return None
