"""Columns read as numbers, in the style that they are spelled in."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from churn_pipeline.checking.number_text import PLAIN, uniform
from churn_pipeline.contract.limits import LARGEST_EXACT_INTEGER, LARGEST_NUMBER
from churn_pipeline.discovery.levels import Levels
from churn_pipeline.discovery.number_styles import (
    NumberStyle,
    find_signs,
    find_style,
    judge_dots,
    pattern_of,
    take_apart,
)

_PLAIN = f"^{PLAIN}$"
_SHOWN = 3
_LEAST = 1e-300  # magnitude below which floats lose their digits


@dataclass(frozen=True)
class Numbers:
    """Levels read as numbers.

    Attributes
    ----------
    values : ndarray of float64, (n_levels,)
        NaN where a level is no number, or one that cannot be computed with.
    style : NumberStyle
    decimal : str or None
        What is certainly the decimal separator; None if the column does not show it.
    """

    values: NDArray[np.float64]
    style: NumberStyle
    decimal: str | None = None


def read_numbers(known: Levels, decimal: str | None = None) -> Numbers | None:
    """Read a column's levels as numbers, in the one style that reads most of its rows.

    Parameters
    ----------
    known : Levels
        Of the cells that are not missing.
    decimal : str, optional
        What other columns of the table put before the fraction: decides where both readings fit.

    Returns
    -------
    Numbers or None
        None where less than half of the rows can be numbers, signs and units disagree, or the
        digits are labels: with leading zeros, or too long to be exact.
    """
    known = Levels(uniform(known.texts), known.counts)
    if not _may_be_numbers(known):
        return None
    texts = pa.array(known.texts)
    plain = pc.match_substring_regex(texts, _PLAIN).to_numpy(zero_copy_only=False)
    if known.counts[plain].sum() == known.n_rows:
        style = judge_dots(known, decimal)
        if style is None:
            if _are_labels(known):
                return None
            sure = "." if _has_fraction(known) else None
            return Numbers(_to_float(texts), NumberStyle(), sure)
        return Numbers(_spelled(known, style), style)
    style = find_style(known, decimal)
    if style is None:
        return None
    values = _spelled(known, style)
    readable = ~np.isnan(values)
    if known.counts[readable].sum() * 2 < known.n_rows or _are_labels(known.keep(readable)):
        return None
    tells = "," in (style.decimal, style.thousands) and not style.is_ambiguous
    return Numbers(values, style, style.decimal if tells else None)


def is_whole(values: NDArray[np.float64]) -> bool:
    """Whether all numbers that are there are whole and small enough to be exact."""
    there = values[~np.isnan(values)]
    return bool(
        len(there)
        and (there == np.floor(there)).all()
        and (abs(there) < LARGEST_EXACT_INTEGER).all()
    )


def is_integral(values: NDArray[np.float64]) -> bool:
    """Whether all numbers that are there are whole, however large."""
    there = values[~np.isnan(values)]
    return bool(len(there) and (there == np.floor(there)).all())


def read_in_style(texts: pd.Series, style: NumberStyle) -> NDArray[np.float64]:
    """Read texts in a known style; NaN where that does not work."""
    texts = uniform(texts)
    if (style.decimal, style.thousands, style.strip, style.negative) == (".", None, (), ()):
        values = np.full(len(texts), np.nan)
        array = pa.array(texts)
        is_plain = pc.match_substring_regex(array, _PLAIN)
        values[is_plain.to_numpy(zero_copy_only=False)] = _to_float(array.filter(is_plain))
        return values
    return _spelled(Levels(texts, np.ones(len(texts), dtype=np.int64)), style)


def _may_be_numbers(known: Levels) -> bool:
    step = max(1, len(known) // 2000)
    sample = known.texts.iloc[::step]
    has_digit = sample.str.contains(r"[0-9]", regex=True).to_numpy(dtype=bool)
    counts = known.counts[::step]
    return bool(counts[has_digit].sum() * 2 >= counts.sum())


def _has_fraction(known: Levels) -> bool:
    """Whether dots are certainly decimal separators: not if only before three digits."""
    pattern = r"\.[0-9]{1,2}(?:[eE]|$)|\.[0-9]{4}|^[+-]?0?\.[0-9]"
    return bool(known.texts.str.contains(pattern, regex=True).any())


def _are_labels(known: Levels) -> bool:
    """Whether digits are labels: 00123, or more digits than a number can represent."""
    has_zero = known.texts.str.contains(r"^0[0-9]+$", regex=True).to_numpy(dtype=bool)
    is_long = known.texts.str.contains(r"^[0-9]{16,}$", regex=True).to_numpy(dtype=bool)
    return bool(
        known.counts[has_zero].sum() > 0.001 * known.n_rows
        or known.counts[is_long].sum() > 0.5 * known.n_rows
    )


def _to_float(texts: pa.Array) -> NDArray[np.float64]:
    without_plus = pc.replace_substring_regex(texts, r"^\+", "")
    values = without_plus.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return _usable(values)


def _usable(values: NDArray[np.float64]) -> NDArray[np.float64]:
    size = np.abs(values)
    is_usable = (size <= LARGEST_NUMBER) & ((size >= _LEAST) | (size == 0))
    return np.where(is_usable, values, np.nan)


def _spelled(known: Levels, style: NumberStyle) -> NDArray[np.float64]:
    parts = take_apart(known.texts)
    digits = pa.array(parts["digits"].astype("str"))
    is_good = pc.match_substring_regex(digits, pattern_of(style)).fill_null(False)
    good = is_good.to_numpy(zero_copy_only=False)
    is_marked = parts["mark"].isin(style.negative).to_numpy(dtype=bool)
    is_minus = (parts["sign"] == "-").to_numpy(dtype=bool)
    good &= ~(is_marked & is_minus)
    if style.thousands is not None:
        digits = pc.replace_substring(digits, style.thousands, "")
    if style.decimal != ".":
        digits = pc.replace_substring(digits, style.decimal, ".")
    numbers = np.full(len(known), np.nan)
    exponent = parts["exponent"].fillna("").to_numpy(dtype=object)
    found = pd.Series(digits.to_pandas()).to_numpy(dtype=object)[good] + exponent[good]
    numbers[good] = np.array(found, dtype=object).astype(np.float64)
    return _usable(np.where(is_marked | is_minus, -numbers, numbers))


@dataclass(frozen=True)
class HalfRead:
    """A column of texts of which many are numbers.

    Attributes
    ----------
    share : float
        Of its rows that are numbers.
    unreadable : tuple of str
        The most frequent of the others.
    units : tuple of str
        Of the numbers, where they disagree.
    has_both_marks : bool
        Whether both points and commas stand among the digits.
    beyond : tuple of str
        Numbers that cannot be computed with.
    """

    share: float
    unreadable: tuple[str, ...]
    units: tuple[str, ...]
    has_both_marks: bool
    beyond: tuple[str, ...]


def half_read(known: Levels) -> HalfRead | None:
    """Say what of a column of texts could be numbers; None where that is less than half."""
    plain = Levels(uniform(known.texts), known.counts)
    if not _may_be_numbers(plain):
        return None
    parts = take_apart(plain.texts)
    is_number = (parts["digits"].fillna("") != "").to_numpy(dtype=bool)
    share = float(known.counts[is_number].sum() / known.n_rows)
    if share < 0.5:
        return None
    units = find_signs(parts[is_number])[2]
    others = tuple(known.keep(~is_number).by_frequency(_SHOWN).texts)
    digits = parts.loc[is_number, "digits"]
    marks = [bool(digits.str.contains(mark, regex=False).any()) for mark in ".,"]
    is_plain = pc.match_substring_regex(pa.array(plain.texts), _PLAIN)
    is_beyond = is_plain.to_numpy(zero_copy_only=False).copy()
    is_beyond[is_beyond] = np.isnan(_to_float(pa.array(plain.texts).filter(is_plain)))
    return HalfRead(
        share,
        others,
        tuple(units) if len(units) > 1 else (),
        all(marks),
        tuple(known.keep(is_beyond).texts[:_SHOWN]),
    )
