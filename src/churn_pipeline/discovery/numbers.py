"""Numbers as files spell them: decimal commas, thousands separators, currency and percent signs."""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from churn_pipeline.checking.number_text import PLAIN, uniform
from churn_pipeline.contract.limits import LARGEST_EXACT_INTEGER, LARGEST_NUMBER
from churn_pipeline.discovery.levels import Levels

_PLAIN = f"^{PLAIN}$"
_CODES = re.findall(
    "[A-Z]{3}",
    "USD EUR GBP JPY CNY RMB INR CHF PLN BRL AUD CAD NZD HKD TWD SGD KRW RUB TRY UAH VND THB ILS "
    "NGN SEK NOK DKK CZK HUF RON BGN MXN ZAR AED SAR IDR MYR PHP KES EGP ARS CLP COP PEN PKR BDT "
    "LKR MAD QAR KWD",
)
_CURRENCIES = {
    "$": "USD", "US$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "円": "JPY", "元": "CNY",
    "₹": "INR", "Rs": "INR", "Rs.": "INR", "kr": "kr", "kr.": "kr", "zł": "PLN", "R$": "BRL",
    "A$": "AUD", "C$": "CAD", "NZ$": "NZD", "HK$": "HKD", "NT$": "TWD", "S$": "SGD", "₩": "KRW",
    "원": "KRW", "₽": "RUB", "₺": "TRY", "₴": "UAH", "₫": "VND", "฿": "THB", "₪": "ILS",
    "₦": "NGN", "Fr.": "CHF", "Kč": "CZK", "Ft": "HUF", "RM": "MYR", "Rp": "IDR",
    **{code: code for code in _CODES},
    "usd": "USD", "eur": "EUR",
}  # fmt: skip
_UNITS = _CURRENCIES | {
    "%": "%", "GB": "GB", "MB": "MB",
    "TB": "TB", "KB": "KB", "kB": "KB", "gb": "GB", "mb": "MB", "kWh": "kWh", "km": "km",
    "months": "months", "month": "months", "Months": "months", "mo": "months", "mths": "months",
    "days": "days", "day": "days", "Days": "days", "d": "days", "years": "years",
    "year": "years", "Years": "years", "yrs": "years", "yr": "years", "weeks": "weeks",
    "week": "weeks", "hours": "hours", "hour": "hours", "hrs": "hours", "h": "hours",
    "minutes": "minutes", "minute": "minutes", "mins": "minutes", "min": "minutes",
    "seconds": "seconds", "secs": "seconds", "sec": "seconds", "pts": "points", "miles": "miles",
}  # fmt: skip
_DEBIT = ("DR", "Dr", "dr", "DB")
_CREDIT = ("CR", "Cr", "cr")
_GAPS = " '"
# texts beside the digits are looked up afterwards: long alternatives make this slow
_SPELLED = (
    r"^(?P<sign>[+-]?) *(?P<before>[^0-9 .,'+-][^0-9+-]*)?"
    r"(?P<digits>(?:[0-9][0-9.,' ]*[0-9.,]|[0-9]|[.,][0-9]+))"
    r"(?P<exponent>(?:[eE][+-]?[0-9]+)?) *(?P<after>[^0-9 .,'+-][^0-9+-]*)?$"
)
_SHOWN = 3
_FEW = 20  # dotted numbers below this show no habit
_LEAST = 1e-300  # magnitude below which floats lose their digits


@dataclass(frozen=True)
class NumberStyle:
    """How a column spells its numbers.

    Attributes
    ----------
    decimal : {".", ","}
    thousands : str or None
        The separator of groups of three digits; a comma also of India's groups of two.
    strip : tuple of str
        Signs and units before or after the digits.
    negative : tuple of str
        What makes a number negative: ``DR``, or ``CR`` where there is no ``DR``.
    unit : str or None
        What the signs say, if they agree.
    is_ambiguous : bool
        Whether another reading fits as well, such as 1.234 with a thousands separator.
    """

    decimal: str = "."
    thousands: str | None = None
    strip: tuple[str, ...] = ()
    negative: tuple[str, ...] = ()
    unit: str | None = None
    is_ambiguous: bool = False


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
        style = _judge_dots(known, decimal)
        if style is None:
            if _are_labels(known):
                return None
            sure = "." if _has_fraction(known) else None
            return Numbers(_to_float(texts), NumberStyle(), sure)
        return Numbers(_spelled(known, style), style)
    style = _find_style(known, decimal)
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


def _parts(texts: pd.Series) -> pd.DataFrame:
    """Take numbers apart: sign, before, digits, exponent, after, mark; digits are missing where
    the text beside them is not a known unit."""
    fields = pc.extract_regex(pa.array(texts), _SPELLED)
    named = zip(fields.type, fields.flatten(), strict=True)
    parts = pd.DataFrame({field.name: values.to_pandas() for field, values in named}, dtype="str")
    codes, found = pd.factorize(parts["before"])
    before = [_before(text) for text in found]
    is_good = np.array([unit is not None for unit, _ in before] + [True])[codes]
    parts["before"] = np.array([unit or "" for unit, _ in before] + [""], dtype=object)[codes]
    points = np.array([point for _, point in before] + [""], dtype=object)[codes]
    if (points != "").any():
        parts["digits"] = points + parts["digits"].astype(object)
    codes, found = pd.factorize(parts["after"])
    after = [_after(text) for text in found]
    is_good &= np.array([unit is not None for unit, _ in after] + [True])[codes]
    parts["after"] = np.array([unit or "" for unit, _ in after] + [""], dtype=object)[codes]
    parts["mark"] = np.array([mark for _, mark in after] + [""], dtype=object)[codes]
    parts["digits"] = parts["digits"].where(is_good).astype("str")
    return parts


def _before(text: str) -> tuple[str | None, str]:
    """Return the currency before a number, None if it is none, and the point of ``$.50``."""
    text = text.strip()
    if text in _CURRENCIES or not text:
        return text, ""
    if text[-1] in ".," and (unit := text[:-1].strip()) in _CURRENCIES:
        return unit, text[-1]
    return None, ""


def _after(text: str) -> tuple[str | None, str]:
    """Return the unit after a number, None if it is none, and the mark of debit or credit."""
    text = text.strip()
    for mark in (*_DEBIT, *_CREDIT):
        if text.endswith(mark) and (unit := text.removesuffix(mark).strip()) in (*_UNITS, ""):
            return unit, mark
    return (text, "") if text in _UNITS or not text else (None, "")


def _pattern(style: NumberStyle) -> str:
    point = re.escape(style.decimal)
    plain = rf"[0-9]+(?:{point}[0-9]*)?|{point}[0-9]+"
    if style.thousands is None:
        return f"^(?:{plain})$"
    mark = re.escape(style.thousands)
    groups = rf"[1-9][0-9]{{0,2}}(?:{mark}[0-9]{{3}})+"
    if style.thousands == ",":  # as in India: 12,34,567
        groups = rf"(?:{groups}|[1-9][0-9]?(?:,[0-9]{{2}})+,[0-9]{{3}})"
    return f"^(?:{plain}|{groups}(?:{point}[0-9]*)?)$"


def _spelled(known: Levels, style: NumberStyle) -> NDArray[np.float64]:
    parts = _parts(known.texts)
    digits = pa.array(parts["digits"].astype("str"))
    is_good = pc.match_substring_regex(digits, _pattern(style)).fill_null(False)
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


def _find_style(known: Levels, decimal: str | None) -> NumberStyle | None:
    parts = _parts(known.texts)
    there = parts["digits"].notna().to_numpy(dtype=bool) & (parts["digits"] != "").to_numpy(
        dtype=bool
    )
    if not there.any():
        return None
    strip, negative, units = _signs(parts[there])
    if len(units) > 1:
        return None
    digits = Levels(
        parts.loc[there, "digits"].astype("str").reset_index(drop=True), known.counts[there]
    )
    texts = digits.texts
    gaps = [gap for gap in _GAPS if texts.str.contains(gap, regex=False).any()]
    has_dot = bool(texts.str.contains(".", regex=False).any())
    has_comma = bool(texts.str.contains(",", regex=False).any())
    candidates = [NumberStyle()]
    if has_comma:
        candidates += [NumberStyle(".", ","), NumberStyle(",")]
    if has_dot:
        candidates.append(NumberStyle(",", "."))
    for gap in gaps:
        candidates += [NumberStyle(".", gap), *([NumberStyle(",", gap)] if has_comma else [])]
    rows = [_rows_read(digits, style) for style in candidates]
    best = [style for style, count in zip(candidates, rows, strict=True) if count == max(rows)]
    chosen = best[0]
    is_ambiguous = False
    if NumberStyle() in best:
        chosen = _judge_dots(digits, decimal) or NumberStyle()
        is_ambiguous = chosen.is_ambiguous
    elif NumberStyle(".", ",") in best and NumberStyle(",") in best:
        has_point = texts.str.contains(",", regex=False).to_numpy(dtype=bool)
        whole = texts[~has_point]
        is_long = bool((whole.str.len() > 3).any())
        chosen = NumberStyle(",") if is_long or decimal == "," else NumberStyle(".", ",")
        is_ambiguous = not is_long and decimal is None
    unit = next(iter(units), None)
    return NumberStyle(chosen.decimal, chosen.thousands, strip, negative, unit, is_ambiguous)


def _judge_dots(digits: Levels, decimal: str | None) -> NumberStyle | None:
    """Say whether dots part thousands; None where they stand before a fraction."""
    texts = digits.texts
    has_dot = texts.str.contains(".", regex=False).to_numpy(dtype=bool)
    if not has_dot.any():
        return None
    grouped = texts[has_dot].str.contains(r"^[+-]?[1-9][0-9]{0,2}(?:\.[0-9]{3})+$", regex=True)
    if not grouped.all():
        return None
    whole = texts[~has_dot]
    fits = has_dot.sum() >= _FEW and len(whole) > 0 and bool((whole.str.len() <= 3).all())
    if decimal == "," or fits:
        return NumberStyle(",", ".", is_ambiguous=decimal is None)
    return None


def _rows_read(digits: Levels, style: NumberStyle) -> int:
    matches = pc.match_substring_regex(pa.array(digits.texts), _pattern(style))
    return int(digits.counts[matches.to_numpy(zero_copy_only=False)].sum())


def _signs(parts: pd.DataFrame) -> tuple[tuple[str, ...], tuple[str, ...], list[str]]:
    """Return the signs beside the digits, those that make negative, and the units."""
    found = sorted({*parts["before"].dropna().unique(), *parts["after"].dropna().unique()} - {""})
    marks = sorted({*parts["mark"].dropna().unique()} - {""})
    debit = [mark for mark in marks if mark in _DEBIT]
    credit = [mark for mark in marks if mark in _CREDIT]
    # beside debits, credits are what is not negative; alone, they are what a bill takes off
    strip, negative = ([*found, *credit], debit) if debit else (found, credit)
    return tuple(strip), tuple(negative), sorted({_UNITS[sign] for sign in found})


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
    parts = _parts(plain.texts)
    is_number = (parts["digits"].fillna("") != "").to_numpy(dtype=bool)
    share = float(known.counts[is_number].sum() / known.n_rows)
    if share < 0.5:
        return None
    units = _signs(parts[is_number])[2]
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
