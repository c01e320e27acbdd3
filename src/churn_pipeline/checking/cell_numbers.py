"""Numbers as files spell them: digits in groups, a decimal comma, a currency before or after."""

import re

import numpy as np
import pandas as pd
import pyarrow as pa

from churn_pipeline.checking.number_text import PLAIN, uniform
from churn_pipeline.contract.limits import LARGEST_EXACT_INTEGER
from churn_pipeline.contract.model import Column

_NO_NUMBER = "?"


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
        Infinite where a number is beyond all floats; no range allows that.
    is_bad : ndarray of bool, (n,)
        Whether the cell is neither missing nor a number of the column's type.
    """
    plain, looks_numeric = text, np.zeros(len(text), dtype=bool)
    if not (column.decimal == "," or column.thousands or column.strip or column.negative):
        looks_numeric = _holds(text.str.fullmatch(PLAIN))
    rest = text.notna().to_numpy() & ~looks_numeric
    if rest.any():
        plain = text.copy()
        plain[rest] = _plain(text[rest], column)
        looks_numeric[rest] = _holds(plain[rest].str.fullmatch(PLAIN))
    numbers = np.full(len(text), np.nan)
    numbers[looks_numeric] = _parsed(plain[looks_numeric])
    is_good = looks_numeric
    if column.type == "integer":
        is_whole = (np.abs(numbers) < LARGEST_EXACT_INTEGER) & (numbers == np.floor(numbers))
        is_good = is_good & (is_whole | np.isinf(numbers))
    numbers[~is_good] = np.nan
    return pd.Series(numbers, index=text.index), text.notna().to_numpy() & ~is_good


def _plain(text: pd.Series, column: Column) -> pd.Series:
    """Return numbers as programs write them; what is no number is left so."""
    text = uniform(text)
    if column.negative:
        mark = "(?:" + "|".join(map(re.escape, column.negative)) + ")"
        text = text.str.replace(rf"^([^-].*?) *{mark}$", r"-\1", regex=True)
        text = text.str.replace(rf"^{mark} *([^-].*)$", r"-\1", regex=True)
    if column.strip:
        affix = "(?:" + "|".join(map(re.escape, column.strip)) + ")"
        text = text.str.replace(rf"^([+-]?)[\s]*(?:{affix}[\s]*)+", r"\1", regex=True)
        text = text.str.replace(rf"(?:[\s]*{affix})+$", "", regex=True)
    if column.thousands:
        mark = re.escape(column.thousands)
        # 1,234,567 and, as in India, 12,34,567; but not 1,5
        whole = rf"[+-]?[0-9]{{1,3}}(?:{mark}[0-9]{{2,3}})*{mark}[0-9]{{3}}"
        is_grouped = _holds(text.str.fullmatch(f"{whole}(?:{re.escape(column.decimal)}[0-9]*)?"))
        ungrouped = text[is_grouped].str.replace(column.thousands, "", regex=False)
        text = text.mask(_holds(text.str.contains(column.thousands, regex=False)), _NO_NUMBER)
        text[is_grouped] = ungrouped
    if column.decimal == ",":
        has_point = _holds(text.str.contains(".", regex=False))
        text = text.str.replace(",", ".", n=1, regex=False).mask(has_point, _NO_NUMBER)
    return text


def _holds(found: pd.Series) -> np.ndarray:
    return np.array(found.fillna(False), dtype=bool)


def _parsed(text: pd.Series) -> np.ndarray:
    try:  # a third of the time of pandas, which asks Python for each number
        return pa.array(text).cast(pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:  # which does not read all that Python does, such as +1
        return text.astype("float64").to_numpy()
