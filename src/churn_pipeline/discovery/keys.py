"""Which columns say whom a row describes, and on which day."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_pipeline.discovery import names, outcome_names
from churn_pipeline.discovery.numbers import is_integral, is_whole
from churn_pipeline.discovery.reading import Reading
from churn_pipeline.errors import DataError

_UNIQUE = 0.95  # share of distinct ids from which repeated ones count as mistakes
_MOST_MISSING = 0.01
_ROWS_A_SNAPSHOT = 10
_EMAIL = r"^[^@\s]+@[^@\s]+\.[A-Za-z]{2,}$"
_PHONE = r"^\+?[0-9(][0-9()\-. /]{5,}[0-9]$"
_CODE = r"^[A-Za-z0-9_\-:./{}#+=]{2,64}$"
_MANY_VALUES = 50  # from which a column called just "customer" identifies them
_REPEATED = 0.8  # share of distinct ids up to which a date is sought that tells their rows apart
_LEAST_NUMBERED = 50  # rows from which numbers in a row are no chance
_LEAST_CHANCE = 10.0  # repeated values that are to be expected before their lack says anything
_FEW_DAYS = 12  # of a column called just "date", with which it may be the snapshot of single rows


@dataclass(frozen=True)
class Keys:
    """The key of the table.

    Attributes
    ----------
    id : str or None
        None where the file has none, so that ids are generated.
    snapshot : str or None
        The column of the day that a row describes, where the file has one.
    why_id, why_snapshot : str
        Sentences for the report.
    repeated : int
        Rows whose key is on an earlier row.
    question : str
        What the user should say of the snapshot; empty where nothing is open.
    """

    id: str | None
    snapshot: str | None
    why_id: str
    why_snapshot: str
    repeated: int
    question: str = ""


def find_keys(
    readings: Mapping[str, Reading],
    cells: pd.DataFrame,
    source: str,
    taken: set[str],
    id_column: str | None = None,
    snapshot: str | None = None,
) -> Keys:
    """Choose the id and the snapshot by their names and by which rows are unique.

    Parameters
    ----------
    readings : mapping of str to Reading
    cells : DataFrame of str
    source : str
        Name of the table, for the messages.
    taken : set of str
        Columns that are something else already: the target and what the user drops.
    id_column, snapshot : str, optional
        What the user says.

    Raises
    ------
    DataError
        If the user's snapshot is no date.
    """
    free = {name: r for name, r in readings.items() if name not in taken}
    is_said = snapshot is not None
    snapshot, why_snapshot = _find_snapshot(free, source, snapshot)
    question = ""
    if not is_said and snapshot is not None and _is_ordinary(snapshot, free, cells, id_column):
        question = (
            f"Does {snapshot} say on which day its row describes the customer? Ids are unique "
            "without it, so it is read as an ordinary date."
        )
        snapshot, why_snapshot = None, ""
    if id_column is not None:
        repeated = _repeated(cells, id_column, snapshot)
        return Keys(id_column, snapshot, "--id names it.", why_snapshot, repeated, question)
    candidates = [
        (score, name) for name, r in free.items()
        if name != snapshot and (score := _id_score(r)) > 0
    ]  # fmt: skip
    for score, name in sorted(candidates, key=lambda pair: -pair[0]):
        reading = free[name]
        share = len(reading.known) / max(reading.known.n_rows, 1)
        repeated = _repeated(cells, name, None) if share >= _UNIQUE else reading.n_rows
        unique = "every row has another value"
        if repeated and snapshot is not None and score >= 2:
            repeated = _repeated(cells, name, snapshot)
            unique = f"no two rows of one {snapshot} share a value"
        if repeated <= (1 - _UNIQUE) * reading.n_rows:
            if repeated:
                unique = f"all but {repeated:,} rows have a different value"
            named = "Its name says so and " if score >= 1 else "Its values are codes and "
            return Keys(name, snapshot, f"{named}{unique}.", why_snapshot, repeated, question)
    if snapshot is None:
        found = _by_dates([name for score, name in candidates if score >= 2], free, cells)
        if found is not None:
            return found
    why = "There is no column of unique identifiers."
    return Keys(None, snapshot, why, why_snapshot, 0, question)


def is_email(reading: Reading) -> bool:
    """Whether nearly all cells are addresses of e-mail."""
    return _share(reading, _EMAIL) > 0.9


def is_phone(reading: Reading) -> bool:
    """Whether nearly all cells are numbers of telephones that are hardly shared."""
    if reading.kind != "text" or len(reading.known) < 0.5 * reading.known.n_rows:
        return False
    if not names.is_personal(reading.name) and _share(reading, r"^[0-9]+$") > 0.9:
        return False  # zeros in front of an account's number look alike
    return len(reading.known) >= 20 and _share(reading, _PHONE) > 0.9


def is_row_number(reading: Reading) -> bool:
    """Whether the column counts the rows, in whatever order, by whatever step, with gaps or copies.

    Numbers that are drawn by chance from a range repeat (of n from R, R(1 - exp(-n/R)) are expected
    to be distinct); those that number something do not.
    """
    if reading.numbers is None or not is_whole(reading.numbers.values):
        return False
    values, n = np.unique(reading.numbers.values), reading.known.n_rows
    if len(values) < _UNIQUE * n or len(values) < 2:
        return False
    steps = np.diff(values).astype(np.int64)
    size = float(steps.sum() / np.gcd.reduce(steps)) + 1
    if names.is_index(reading.name) and size <= 1.05 * len(values):
        return True
    chance = n - size * -np.expm1(-n / size)  # repeated by chance
    return bool(n >= _LEAST_NUMBERED and chance >= _LEAST_CHANCE and n - len(values) < 0.2 * chance)


def follows_rows(values: NDArray[np.float64]) -> bool:
    """Whether whole numbers only rise, or only fall, from row to row of the file.

    Parameters
    ----------
    values : ndarray of float, (n_rows,)
        In the order of the file; NaN where missing.
    """
    there = values[~np.isnan(values)]
    if len(there) < _LEAST_NUMBERED or len(np.unique(there)) < _UNIQUE * len(there):
        return False
    steps = np.diff(there)
    return bool(max((steps >= 0).mean(), (steps <= 0).mean()) >= 1 - (1 - _UNIQUE) / 5)


def _share(reading: Reading, pattern: str) -> float:
    if reading.kind != "text" or not len(reading.known):
        return 0.0
    sample = reading.known.texts.iloc[:: max(1, len(reading.known) // 2000)]
    return float(sample.str.contains(pattern, regex=True).mean())


def _id_score(reading: Reading) -> float:
    """Return how much a column looks like the id; 0 where it cannot be it."""
    if reading.kind not in ("text", "number") or reading.missing_share > _MOST_MISSING:
        return 0
    if names.is_personal(reading.name) or is_email(reading) or is_phone(reading):
        return 0
    if names.is_index(reading.name):
        return 0
    if reading.numbers is not None and not is_integral(reading.numbers.values):
        return 0
    score = names.identifier_score(reading.name)
    if names.is_who(reading.name) and len(reading.known) > _MANY_VALUES:
        return 2
    if score >= 2 or (score and len(reading.known) == reading.n_rows):
        return score
    if reading.kind == "text" and len(reading.known) == reading.n_rows >= 50:
        sample = reading.known.texts.iloc[:2000]
        is_code = sample.str.contains(_CODE, regex=True) & sample.str.contains("[0-9]", regex=True)
        return 0.5 if is_code.mean() > _UNIQUE else 0
    return 0


def _is_ordinary(
    name: str, readings: Mapping[str, Reading], cells: pd.DataFrame, id_column: str | None
) -> bool:
    """Whether a column called just "date" has many days and tells no rows of one id apart."""
    if not names.is_bare_date(name) or _days(readings[name]) <= _FEW_DAYS:
        return False
    ids = [n for n, r in readings.items() if n != name and _id_score(r) >= 2]
    return any(not _repeated(cells, n, None) for n in ([id_column] if id_column else ids))


def _by_dates(ids: list[str], readings: Mapping[str, Reading], cells: pd.DataFrame) -> Keys | None:
    """Take the date of fewest days that makes a repeated id unique; None where none does."""
    dates = {
        name: _days(r) for name, r in readings.items()
        if r.kind == "date" and not r.n_missing and not outcome_names.is_after_event(name)
        and not names.is_age_or_birth(name)
    }  # fmt: skip
    for name in ids:
        if len(readings[name].known) > _REPEATED * readings[name].n_rows:
            continue
        for date in sorted(dates, key=dates.__getitem__):
            repeated = _repeated(cells, name, date)
            if repeated <= (1 - _UNIQUE) * len(cells):
                return Keys(
                    name,
                    date,
                    f"Its name says so and all but {repeated:,} rows have their own {date}."
                    if repeated
                    else f"Its name says so and no two rows of one {date} share a value.",
                    f"It distinguishes the rows of one {name}.",
                    repeated,
                    f"Is {date} the day on which its row describes the customer? It is used as the "
                    f"snapshot, because it distinguishes the rows of one {name}.",
                )
    return None


def _repeated(cells: pd.DataFrame, name: str, snapshot: str | None) -> int:
    columns = [name] if snapshot is None else [name, snapshot]
    return int(cells[columns].apply(lambda column: column.str.strip()).duplicated().sum())


def _find_snapshot(
    readings: Mapping[str, Reading], source: str, snapshot: str | None
) -> tuple[str | None, str]:
    if snapshot is not None:
        reading = readings.get(snapshot)
        if reading is None or reading.kind != "date":
            shown = ", ".join(map(repr, reading.known.texts[:3])) if reading else "other uses"
            raise DataError(
                f"the column {snapshot} of {source} is not a date column (it has {shown}); "
                "--snapshot needs the day that each row describes"
            )
        return snapshot, "--snapshot names it."
    dates = {
        name: _days(r) for name, r in readings.items()
        if r.kind == "date" and r.missing_share <= _MOST_MISSING
    }  # fmt: skip
    named = [name for name in dates if names.is_snapshot(name)]
    for name in sorted(named, key=lambda name: "snapshot" not in name.lower()):
        if dates[name] * _ROWS_A_SNAPSHOT <= readings[name].n_rows:
            days = f"{dates[name]:,} days" if dates[name] > 1 else "one day"
            return name, f"Its name says so and all rows share {days}."
    constant = [name for name, days in dates.items() if days == 1 and readings[name].n_rows > 1]
    if len(constant) == 1 and not outcome_names.is_after_event(constant[0]):
        return constant[0], "It is the only date that all rows share."
    return None, ""


def _days(reading: Reading) -> int:
    assert reading.dates is not None
    days = reading.dates.values.astype("datetime64[D]")
    return len(np.unique(days[~np.isnat(days)]))
