"""What the cells of each column are: numbers, dates, flags or texts."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_pipeline.discovery.booleans import Flag, read_flag
from churn_pipeline.discovery.dates import Dates, read_dates, sentinel_texts
from churn_pipeline.discovery.levels import Levels, code_rows, count_levels
from churn_pipeline.discovery.missing import is_certainly_missing, is_missing_among_numbers
from churn_pipeline.discovery.numbers import Numbers, read_in_style, read_numbers

Kind = Literal["empty", "flag", "number", "date", "text"]
_MIXED = 0.8  # share of rows that must be numbers where the others count as missing
_STRAY = 0.002  # share of unreadable cells that is left to quarantine
_MOST_STRAY_SPELLINGS = 20
MOST_LEVELS = 1000  # of a column whose values others must not call missing


@dataclass(frozen=True)
class Reading:
    """One column, read.

    Attributes
    ----------
    name : str
    kind : {"empty", "flag", "number", "date", "text"}
    known : Levels
        Of the cells that are not missing.
    n_rows : int
        All rows, those with a missing cell included.
    missing : tuple of str
        The spellings of "missing" that stand in the column.
    own_missing : tuple of str
        Those of them that are values of another column, so that they are missing here alone.
    flag, numbers, dates : Flag, Numbers, Dates or None
        The reading that the kind asks for; numbers and dates belong to ``known``.
    stray : tuple of str
        Some of the cells that are not of the kind, for the report.
    is_broken : bool
        Whether the column mixes numbers with texts beyond repair.
    """

    name: str
    kind: Kind
    known: Levels
    n_rows: int
    missing: tuple[str, ...] = ()
    own_missing: tuple[str, ...] = ()
    flag: Flag | None = None
    numbers: Numbers | None = None
    dates: Dates | None = None
    stray: tuple[str, ...] = ()
    is_broken: bool = False

    @property
    def n_missing(self) -> int:
        """Rows whose cell is missing."""
        return self.n_rows - self.known.n_rows

    @property
    def missing_share(self) -> float:
        """Share of rows whose cell is missing."""
        return self.n_missing / self.n_rows

    @property
    def is_constant(self) -> bool:
        """Whether all rows have the same value."""
        return len(self.known) == 1 and not self.n_missing


def read_columns(
    cells: pd.DataFrame, progress: Callable[[int, int], None] = lambda _done, _all: None
) -> tuple[dict[str, Reading], list[str]]:
    """Read every column of a table, the ambiguous ones as the clear ones are.

    Parameters
    ----------
    cells : DataFrame of str, (n_rows, n_columns)
    progress : callable
        Told how many columns of how many are read.

    Returns
    -------
    readings : dict of str to Reading
        In the order of the file.
    missing_values : list of str
        The spellings of "missing" that stand in the table, the empty one first, but for those
        that are the own ones of a column.
    """
    readings = {}
    for number, name in enumerate(cells.columns):
        readings[name] = _read(name, count_levels(cells[name]))
        progress(number + 1, cells.shape[1])
    decimal = _agreed(
        r.numbers.decimal for r in readings.values() if r.numbers and r.numbers.decimal
    )
    order = _agreed(
        r.dates.order
        for r in readings.values()
        if r.dates and r.dates.order and not (r.dates.is_ambiguous or r.dates.is_mixed)
    )
    for name, reading in readings.items():
        is_open = reading.numbers is not None and reading.numbers.decimal is None
        if (is_open and decimal is not None and _has_mark(reading)) or (
            reading.dates and reading.dates.is_ambiguous and order
        ):
            readings[name] = _read(name, count_levels(cells[name]), decimal, order)
    return _agree_on_missing(readings)


def row_values(cells: pd.Series, reading: Reading) -> NDArray[np.float64]:
    """Return a number for each row: the value, or its level's position; NaN if missing."""
    levels, codes = code_rows(cells)
    if reading.kind == "number" and reading.numbers is not None:
        return read_in_style(levels.texts, reading.numbers.style)[codes]
    if len(reading.known) <= MOST_LEVELS and reading.dates is None:
        known = pd.Index(reading.known.texts).get_indexer(pd.Index(levels.texts))
        return np.where(known < 0, np.nan, known.astype(np.float64))[codes]
    position = np.arange(len(levels), dtype=np.float64)
    position[levels.texts.isin(reading.missing).to_numpy(dtype=bool)] = np.nan
    if reading.dates is not None:
        days = pd.Series(reading.dates.values, index=reading.known.texts)
        position = (
            days.reindex(levels.texts).to_numpy(dtype="datetime64[us]").astype("datetime64[D]")
        )
        position = np.where(np.isnat(position), np.nan, position.astype(np.float64))
    return position[codes]


def _has_mark(reading: Reading) -> bool:
    return bool(reading.known.texts.str.contains("[.,]", regex=True).any())


def _agreed(found: object) -> str | None:
    values = set(found)  # type: ignore[call-overload]
    return values.pop() if len(values) == 1 else None


def _read(
    name: str, levels: Levels, decimal: str | None = None, order: str | None = None
) -> Reading:
    n_rows = levels.n_rows
    is_missing = is_certainly_missing(levels.texts)
    known, missing = levels.keep(~is_missing), tuple(levels.texts[is_missing])
    if not len(known):
        return Reading(name, "empty", known, n_rows, missing)
    flag = read_flag(known)
    if flag is not None:
        return Reading(name, "flag", known, n_rows, missing, flag=flag)
    spelled = is_missing_among_numbers(known.texts)
    strict = known.keep(~spelled)
    all_missing = missing + tuple(known.texts[spelled])
    if len(strict):
        dates = read_dates(strict, name, order)
        if dates is not None:
            never = sentinel_texts(strict, dates)
            keep = ~strict.texts.isin(never).to_numpy(dtype=bool)
            dates = replace(dates, values=dates.values[keep])
            return Reading(
                name, "date", strict.keep(keep), n_rows, all_missing + tuple(never), dates=dates,
            )  # fmt: skip
        numbers = read_numbers(strict, decimal)
        if numbers is not None:
            found = _numbers(Reading(name, "number", strict, n_rows, all_missing), numbers)
            if found is not None:
                return found
    return Reading(name, "text", known, n_rows, missing)


def _numbers(reading: Reading, numbers: Numbers) -> Reading | None:
    """Settle the cells that are no numbers; None where the column is rather one of texts."""
    strict = reading.known
    is_bad = np.isnan(numbers.values)
    if not is_bad.any():
        return replace(reading, numbers=numbers)
    bad = strict.keep(is_bad)
    share = 1 - bad.n_rows / strict.n_rows
    n_good = len(strict) - len(bad)
    if share < _MIXED or n_good <= max(_MOST_STRAY_SPELLINGS, len(bad)):
        return None
    stray = tuple(bad.by_frequency(_MOST_STRAY_SPELLINGS).texts)
    good = replace(numbers, values=numbers.values[~is_bad])
    if len(bad) <= _MOST_STRAY_SPELLINGS:
        return replace(
            reading, known=strict.keep(~is_bad), numbers=good, stray=stray,
            missing=reading.missing + stray,
        )  # fmt: skip
    is_broken = 1 - share > _STRAY
    return replace(
        reading, known=strict.keep(~is_bad), numbers=good, stray=stray, is_broken=is_broken
    )


def _agree_on_missing(readings: dict[str, Reading]) -> tuple[dict[str, Reading], list[str]]:
    """Make one list of spellings, without those that are values of some column."""
    taken = {
        text
        for r in readings.values()
        if r.kind in ("flag", "text") and len(r.known) <= MOST_LEVELS
        for text in r.known.texts
    }
    readings = {name: _leave(reading, taken) for name, reading in readings.items()}
    spellings = {text for r in readings.values() for text in r.missing}
    levels = {
        text
        for r in readings.values()
        if r.kind in ("flag", "text")
        for text in r.known.texts[r.known.texts.isin(spellings)]
    }
    spellings = {""} | (spellings - levels)
    agreed = {}
    for name, reading in readings.items():
        is_missing = reading.known.texts.isin(spellings).to_numpy(dtype=bool)
        if is_missing.any():
            reading = _without(reading, is_missing)
        own = sorted(levels.intersection(reading.missing))
        agreed[name] = replace(reading, own_missing=tuple(own))
    return agreed, ["", *sorted(spellings - {""})]


def _leave(reading: Reading, taken: set[str]) -> Reading:
    """Leave cells that are values elsewhere to quarantine; too many of them break the column."""
    strays = taken & set(reading.stray) & set(reading.missing)
    if not strays:
        return reading
    # their rows are unknown by now, so their share is taken to be large
    missing = tuple(text for text in reading.missing if text not in strays)
    return replace(reading, missing=missing, is_broken=True)


def _without(reading: Reading, is_missing: NDArray[np.bool_]) -> Reading:
    known = reading.known.keep(~is_missing)
    missing = reading.missing + tuple(reading.known.texts[is_missing])
    if not len(known):
        return Reading(reading.name, "empty", known, reading.n_rows, missing)
    flag = read_flag(known) if reading.kind in ("flag", "text") else None
    numbers, dates = reading.numbers, reading.dates
    return replace(
        reading,
        kind="text" if reading.kind == "flag" and flag is None else reading.kind,
        known=known,
        missing=missing,
        flag=flag,
        numbers=numbers and replace(numbers, values=numbers.values[~is_missing]),
        dates=dates and replace(dates, values=dates.values[~is_missing]),
    )
