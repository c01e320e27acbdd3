"""Dates as files spell them, in one format or several."""

from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_pipeline.checking.cell_dates import ISO, written_days
from churn_pipeline.discovery import names
from churn_pipeline.discovery.levels import Levels

_LOOKS_LIKE_DATE = (
    r"^(?:[0-9]{4}[-/. ][0-9]{1,2}(?:[-/. ][0-9]{1,2})?|[0-9]{1,2}[-/. ][0-9]{1,2}[-/. ][0-9]{2,4}"
    r"|[0-9]{1,2}[-/. ]?[A-Za-z]{3,9}\.?[-/., ]*[0-9]{2,4}"
    r"|[A-Za-z]{3,9}\.?[-/ ]?[0-9]{1,2},? ?[0-9]{4}|[A-Za-z]{3,9}[-/ ][0-9]{4}"
    r"|[0-9]{8}|[0-9]{6})(?:[T ].*)?$"
)
_ZONE = r":[0-9]{2}(?:\.[0-9]+)? ?(Z|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?)$"
_DAYS = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d-%b-%Y", "%d %b %Y", "%d/%b/%Y", "%d-%b-%y", "%d%b%Y",
    "%d %b %y", "%d %B %Y", "%d. %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%B %d %Y",
)  # fmt: skip
_ORDERED = [
    (f"%d{sign}%m{sign}{year}", f"%m{sign}%d{sign}{year}")
    for sign, year in product("/-.", ("%Y", "%y"))
]
_MONTHS = ("%Y-%m", "%Y/%m", "%b %Y", "%B %Y", "%b-%Y")
_TIMES = (
    " %H:%M:%S", " %H:%M", " %H:%M:%S.%f", "T%H:%M:%S", "T%H:%M:%S.%f", "T%H:%M",
    " %I:%M:%S %p", " %I:%M %p",
)  # fmt: skip
_SAMPLE = 300
_MOST_FORMATS = 5
_READABLE = 0.99  # share of rows that formats must read
_EPOCHS = {"s": (6e8, 2.3e9), "ms": (6e11, 2.3e12)}


@dataclass(frozen=True)
class Dates:
    """Levels read as dates.

    Attributes
    ----------
    values : ndarray of datetime64[us], (n_levels,)
        NaT where a level is no date.
    formats : tuple of str
        Besides ISO 8601.
    order : {"day", "month"} or None
        What comes first if the format leaves it open; None if the question does not arise.
    is_ambiguous : bool
        Whether the other order reads the column as well.
    is_mixed : bool
        Whether some cells fit only one order, some only the other.
    """

    values: NDArray[np.datetime64]
    formats: tuple[str, ...]
    order: str | None = None
    is_ambiguous: bool = False
    is_mixed: bool = False


def read_dates(known: Levels, name: str, order: str | None = None) -> Dates | None:
    """Read a column's levels as dates, or return None where they are none.

    Parameters
    ----------
    known : Levels
        Of the cells that are not missing.
    name : str
        Of the column: digits alone are a date only where the name speaks of one.
    order : {"day", "month"}, optional
        What comes first in other columns of the table: decides if both readings fit.
    """
    sample = known.texts.iloc[:: max(1, len(known) // _SAMPLE)]
    looks = sample.str.contains(_LOOKS_LIKE_DATE, regex=True).to_numpy(dtype=bool)
    if looks.mean() < 0.8:
        return None
    sample = sample[looks].reset_index(drop=True)
    if sample.str.contains(r"^[0-9]{6,8}$", regex=True).all():
        return _read_digits(known, name)
    formats, pairs = _formats_of(sample)
    return _read(known, formats, pairs, order)


def epoch_unit(values: NDArray[np.float64], name: str) -> str | None:
    """Return "s" or "ms" where numbers look like seconds or milliseconds since 1970."""
    there = values[~np.isnan(values)]
    if not names.is_moment(name) or len(there) < 2:
        return None
    for unit, (low, high) in _EPOCHS.items():
        if ((there >= low) & (there <= high)).mean() > _READABLE:
            return unit
    return None


def zones(known: Levels) -> list[str]:
    """Return the time zones that cells write, such as ``+09:00``, the most frequent first."""
    found = known.texts.str.extract(_ZONE, expand=False)
    rows = pd.Series(known.counts).groupby(found.to_numpy()).sum()
    names_of = {name: ("Z" if name in ("UTC", "GMT") else name) for name in rows.index}
    merged = rows.groupby(names_of).sum().sort_values(ascending=False, kind="stable")
    return [str(name) for name in merged.index]


def sentinel_texts(known: Levels, dates: Dates) -> list[str]:
    """Return dates that mean "never" or "unknown", such as 9999-12-31."""
    years = dates.values.astype("datetime64[Y]").astype(float) + 1970
    is_odd = np.isin(years, (9999, 9998, 2999, 2099, 1900, 1899, 1970, 1800, 1753, 1))
    usual = years[~is_odd & ~np.isnan(years)]
    if not is_odd.any() or not len(usual):
        return []
    is_far = is_odd & ((years > usual.max() + 20) | (years < usual.min() - 20))
    return known.texts[is_far].tolist() if is_far.sum() <= 3 else []


def _parse(texts: pd.Series, form: str) -> NDArray[np.datetime64]:
    found = pd.to_datetime(texts, format=form, errors="coerce", utc=False)
    return found.to_numpy(dtype="datetime64[us]")


def _formats_of(sample: pd.Series) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the formats that read some of the sample, and pairs that differ in their order."""
    times = _TIMES if sample.str.contains(":", regex=False).any() else ()
    without = not sample.str.contains(":", regex=False).all()
    tails = [*([""] if without else []), *times]
    formats = [day + tail for day in _DAYS for tail in tails] + list(_MONTHS if without else ())
    pairs = [(d + tail, m + tail) for d, m in _ORDERED for tail in tails]
    signs = [s for s in "/-." if sample.str.contains(rf"^[0-9]+\{s}[0-9]+\{s}", regex=True).any()]
    is_word = bool(sample.str.contains(r"[A-Za-z]{3}", regex=True).any())
    formats = [f for f in formats if ("%b" not in f and "%B" not in f) or is_word]
    pairs = [pair for pair in pairs if pair[0][2] in signs]
    read = {form: int((~np.isnat(_parse(sample, form))).sum()) for form in formats}
    # May is a short month as well as a long one: what reads most comes first
    formats = sorted((form for form in formats if read[form]), key=lambda form: -read[form])
    return formats, [p for p in pairs if any(not np.isnat(_parse(sample, f)).all() for f in p)]


def _read(
    known: Levels, formats: list[str], pairs: list[tuple[str, str]], order: str | None
) -> Dates | None:
    values = np.full(len(known), np.datetime64("NaT"), dtype="datetime64[us]")
    is_iso = known.texts.str.fullmatch(ISO).to_numpy(dtype=bool)
    values[is_iso] = written_days(known.texts[is_iso]).to_numpy(dtype="datetime64[us]")
    chosen: list[str] = []
    for form in formats:
        _fill(values, known, form, chosen)
    found_order, is_ambiguous, is_mixed = None, False, False
    if pairs and np.isnat(values).any():
        rest = np.isnat(values)
        found_order, is_ambiguous, is_mixed = _order(known.keep(rest), pairs)
        first = 0 if (order if is_ambiguous and order else found_order) == "day" else 1
        found_order = ("day", "month")[first]
        is_ambiguous = is_ambiguous and order is None
        for pair in pairs:
            _fill(values, known, pair[first], chosen)
        for pair in pairs if is_mixed else []:
            _fill(values, known, pair[1 - first], chosen)
    rows = known.counts[~np.isnat(values)].sum()
    if rows < _READABLE * known.n_rows or len(chosen) > _MOST_FORMATS:
        return None
    return Dates(values, tuple(chosen), found_order, is_ambiguous, is_mixed)


def _fill(values: NDArray[np.datetime64], known: Levels, form: str, chosen: list[str]) -> None:
    rest = np.flatnonzero(np.isnat(values))
    if not len(rest):
        return
    found = _parse(known.texts.iloc[rest], form)
    if not np.isnat(found).all():
        values[rest] = found
        chosen.append(form)


def _order(rest: Levels, pairs: list[tuple[str, str]]) -> tuple[str, bool, bool]:
    """Return what comes first in the other rows, whether that is a guess, and whether it varies."""
    reads = []
    for side in (0, 1):
        found = np.full(len(rest), np.datetime64("NaT"), dtype="datetime64[us]")
        for pair in pairs:
            parsed = _parse(rest.texts, pair[side])
            found = np.where(np.isnat(found), parsed, found)
        reads.append(found)
    is_read = [~np.isnat(found) for found in reads]
    rows = [int(rest.counts[side].sum()) for side in is_read]
    either = int(rest.counts[is_read[0] | is_read[1]].sum())
    if rows[0] != rows[1]:
        order = "day" if rows[0] > rows[1] else "month"
        return order, False, max(rows) < 0.999 * either
    if rows[0] < either:
        return "day", False, True
    # the same day in every cell is the first (or last) of a month, so it is the day
    days = [np.unique(_day(found)) for found in reads]
    if len(days[1]) == 1 < len(days[0]):
        return "month", False, False
    if len(days[0]) == 1 < len(days[1]):
        return "day", False, False
    return "day", True, False


def _day(values: NDArray[np.datetime64]) -> NDArray[np.int64]:
    there = values[~np.isnat(values)]
    month = there.astype("datetime64[M]")
    return (there.astype("datetime64[D]") - month.astype("datetime64[D]")).astype(np.int64)


def _read_digits(known: Levels, name: str) -> Dates | None:
    for form, length, fits in (
        ("%Y%m%d", 8, names.is_moment(name) or names.is_snapshot(name)),
        ("%Y%m", 6, names.is_month(name)),
    ):
        is_long = (known.texts.str.len() == length).to_numpy(dtype=bool)
        if not fits or known.counts[is_long].sum() < _READABLE * known.n_rows:
            continue
        found = _parse(known.texts, form)
        years = found.astype("datetime64[Y]").astype(float) + 1970
        is_good = (years >= 1900) & (years <= 2100)
        if known.counts[is_good].sum() >= _READABLE * known.n_rows:
            return Dates(np.where(is_good, found, np.datetime64("NaT")), (form,))
    return None
