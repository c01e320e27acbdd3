"""Spellings of "there is no value"."""

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


def sentinels(values: NDArray[np.float64], counts: NDArray[np.int64]) -> list[float]:
    """Return numbers that look as if they stood for "missing", such as -999 among positive ones.

    Parameters
    ----------
    values : ndarray of float, (n_levels,)
        The distinct numbers of a column.
    counts : ndarray of int, (n_levels,)
        Rows of each.
    """
    negative = values[values < 0]
    found: list[float] = []
    if len(values) < 5:
        return found
    if len(negative) == 1 and negative[0] in (-1, -9, -99, -999, -9999, -99999):
        found.append(float(negative[0]))
    largest = values.max()
    others = np.delete(values, values.argmax())
    if largest in (999, 9999, 99999, 999999) and counts[values.argmax()] > 1:
        if largest > 5 * max(others.max(), 1.0):
            found.append(float(largest))
    return found
