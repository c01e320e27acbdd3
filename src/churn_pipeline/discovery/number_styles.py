"""The style in which a column spells its numbers: separators, signs and units."""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from churn_pipeline.discovery.levels import Levels

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
_FEW = 20  # dotted numbers below this show no habit


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


def take_apart(texts: pd.Series) -> pd.DataFrame:
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


def pattern_of(style: NumberStyle) -> str:
    """Return the expression that digits of the style match."""
    point = re.escape(style.decimal)
    plain = rf"[0-9]+(?:{point}[0-9]*)?|{point}[0-9]+"
    if style.thousands is None:
        return f"^(?:{plain})$"
    mark = re.escape(style.thousands)
    groups = rf"[1-9][0-9]{{0,2}}(?:{mark}[0-9]{{3}})+"
    if style.thousands == ",":  # as in India: 12,34,567
        groups = rf"(?:{groups}|[1-9][0-9]?(?:,[0-9]{{2}})+,[0-9]{{3}})"
    return f"^(?:{plain}|{groups}(?:{point}[0-9]*)?)$"


def find_style(known: Levels, decimal: str | None) -> NumberStyle | None:
    """Return the style that reads most rows; None where there are no digits or several units."""
    parts = take_apart(known.texts)
    there = parts["digits"].notna().to_numpy(dtype=bool) & (parts["digits"] != "").to_numpy(
        dtype=bool
    )
    if not there.any():
        return None
    strip, negative, units = find_signs(parts[there])
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
        chosen = judge_dots(digits, decimal) or NumberStyle()
        is_ambiguous = chosen.is_ambiguous
    elif NumberStyle(".", ",") in best and NumberStyle(",") in best:
        has_point = texts.str.contains(",", regex=False).to_numpy(dtype=bool)
        whole = texts[~has_point]
        is_long = bool((whole.str.len() > 3).any())
        chosen = NumberStyle(",") if is_long or decimal == "," else NumberStyle(".", ",")
        is_ambiguous = not is_long and decimal is None
    unit = next(iter(units), None)
    return NumberStyle(chosen.decimal, chosen.thousands, strip, negative, unit, is_ambiguous)


def judge_dots(digits: Levels, decimal: str | None) -> NumberStyle | None:
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
    matches = pc.match_substring_regex(pa.array(digits.texts), pattern_of(style))
    return int(digits.counts[matches.to_numpy(zero_copy_only=False)].sum())


def find_signs(parts: pd.DataFrame) -> tuple[tuple[str, ...], tuple[str, ...], list[str]]:
    """Return the signs beside the digits, those that make negative, and the units."""
    found = sorted({*parts["before"].dropna().unique(), *parts["after"].dropna().unique()} - {""})
    marks = sorted({*parts["mark"].dropna().unique()} - {""})
    debit = [mark for mark in marks if mark in _DEBIT]
    credit = [mark for mark in marks if mark in _CREDIT]
    # beside debits, credits are what is not negative; alone, they are what a bill takes off
    strip, negative = ([*found, *credit], debit) if debit else (found, credit)
    return tuple(strip), tuple(negative), sorted({_UNITS[sign] for sign in found})
