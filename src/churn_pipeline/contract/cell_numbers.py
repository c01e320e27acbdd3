"""Numbers as files spell them: digits in groups, a decimal comma, a currency before or after."""

import re

import numpy as np
import pandas as pd

from churn_pipeline.contract.model import Column

_NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_GAP = "[\\s\u00a0\u2009\u202f]*"
# what stands for a mark just as well
_ALIKE = {" ": "[ \u00a0\u2009\u202f]", "'": "['\u2019]"}
_NO_NUMBER = "?"
_LARGEST_EXACT_INTEGER = 2.0**53


def read_numbers(text: pd.Series, column: Column) -> tuple[pd.Series, np.ndarray]:
    """Turn trimmed cells into numbers.

    Parameters
    ----------
    text : Series of str, (n,)
        Missing where the cell is.
    column : Column
        Numeric; says how files spell its numbers.

    Returns
    -------
    numbers : Series of float64, (n,)
    is_bad : ndarray of bool, (n,)
        Whether the cell is neither missing nor a number of the column's type.
    """
    plain = _plain(text, column)
    looks_numeric = _holds(plain.str.fullmatch(_NUMBER))
    numbers = np.full(len(text), np.nan)
    numbers[looks_numeric] = plain[looks_numeric].astype("float64")
    is_good = looks_numeric & np.isfinite(numbers)
    if column.type == "integer":
        is_good &= (np.abs(numbers) < _LARGEST_EXACT_INTEGER) & (numbers == np.floor(numbers))
    numbers[~is_good] = np.nan
    return pd.Series(numbers, index=text.index), text.notna().to_numpy() & ~is_good


def _plain(text: pd.Series, column: Column) -> pd.Series:
    """Return numbers as programs write them; what is no number is left so."""
    if column.strip:
        affix = "(?:" + "|".join(map(re.escape, column.strip)) + ")"
        text = text.str.replace(f"^([+-]?){_GAP}(?:{affix}{_GAP})+", r"\1", regex=True)
        text = text.str.replace(f"(?:{_GAP}{affix})+$", "", regex=True)
    if column.thousands:
        mark = _ALIKE.get(column.thousands, re.escape(column.thousands))
        # 1,234,567 and, as in India, 12,34,567; but not 1,5
        whole = rf"[+-]?[0-9]{{1,3}}(?:{mark}[0-9]{{2,3}})*{mark}[0-9]{{3}}"
        is_grouped = _holds(text.str.fullmatch(f"{whole}(?:{re.escape(column.decimal)}[0-9]*)?"))
        ungrouped = text[is_grouped].str.replace(mark, "", regex=True)
        text = text.mask(_holds(text.str.contains(mark)), _NO_NUMBER)
        text[is_grouped] = ungrouped
    if column.decimal == ",":
        has_point = _holds(text.str.contains(".", regex=False))
        text = text.str.replace(",", ".", n=1, regex=False).mask(has_point, _NO_NUMBER)
    return text


def _holds(found: pd.Series) -> np.ndarray:
    return found.fillna(False).to_numpy(dtype=bool)
