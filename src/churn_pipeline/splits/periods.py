"""Periods of time: days grouped into weeks, months or quarters."""

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Unit = Literal["day", "week", "month", "quarter"]
Days = NDArray[np.datetime64]

UNITS: tuple[Unit, ...] = get_args(Unit)  # from fine to coarse
_MONDAY = np.datetime64("1969-12-29", "D")  # of the week of 1970-01-01


def period_starts(days: Days, unit: Unit) -> Days:
    """Return the first day of the period of each day, (n,), in the unit ``datetime64[D]``.

    A week begins on Monday.
    """
    days = days.astype("datetime64[D]")
    if unit == "day":
        return days
    if unit == "week":
        return days - (days - _MONDAY) % np.timedelta64(7, "D")
    months = days.astype("datetime64[M]")
    if unit == "quarter":
        months = months - months.astype(np.int64) % 3
    return months.astype("datetime64[D]")


def period_label(start: np.datetime64, unit: Unit) -> str:
    """Name a period by its first day.

    Returns
    -------
    str
        ``2026-01-31``, ``2026-W05`` (ISO 8601), ``2026-01`` or ``2026-Q1``; labels of one unit sort
        by time.
    """
    day = start.astype("datetime64[D]").item()
    if unit == "day":
        return str(day)
    if unit == "week":
        year, week, _ = day.isocalendar()
        return f"{year}-W{week:02d}"
    if unit == "month":
        return f"{day:%Y-%m}"
    return f"{day.year}-Q{(day.month + 2) // 3}"


def coarsest_unit(days: Days, at_most: Unit) -> Unit:
    """Return the coarsest unit, up to one, whose periods part the days.

    Parameters
    ----------
    days : ndarray of datetime64, (n,)
    at_most : {"day", "week", "month", "quarter"}

    Returns
    -------
    {"day", "week", "month", "quarter"}
        ``at_most`` itself where all days are the same.
    """
    distinct = np.unique(days.astype("datetime64[D]"))
    for unit in reversed(UNITS[: UNITS.index(at_most) + 1]):
        if len(np.unique(period_starts(distinct, unit))) > 1:
            return unit
    return at_most
