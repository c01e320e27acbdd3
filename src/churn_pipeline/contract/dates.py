"""Dates as numbers: days since 1970-01-01, which expressions and the model compute with."""

import re
from datetime import date

import numpy as np
from numpy.typing import NDArray

_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_EPOCH = date(1970, 1, 1).toordinal()
_MICROSECONDS = 86_400_000_000.0  # of a day


def days_of_text(text: str) -> float | None:
    """Return the day of a text such as ``2026-01-31``, None if it is no date of that form.

    Examples
    --------
    >>> days_of_text("1970-02-01")
    31.0
    """
    if not _ISO.fullmatch(text):
        return None
    try:
        return float(date.fromisoformat(text).toordinal() - _EPOCH)
    except ValueError:
        return None


def day_of(days: float) -> date:
    """Return the date of a number of days, of which a fraction is a time of that day."""
    return date.fromordinal(int(days // 1) + _EPOCH)


def days_of_array(values: NDArray[np.datetime64]) -> NDArray[np.float64]:
    """Return days since 1970-01-01, with a fraction for the time of day; NaN for NaT."""
    microseconds = values.astype("datetime64[us]")
    days = microseconds.astype(np.int64) / _MICROSECONDS
    return np.where(np.isnat(microseconds), np.nan, days)
