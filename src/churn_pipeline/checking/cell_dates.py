"""Dates as files spell them: ISO 8601, or in the formats that the contract gives."""

import numpy as np
import pandas as pd

from churn_pipeline.contract.model import Column

ISO = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.,][0-9]{1,9})?)?"
    r"(?: ?(?:Z|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?))?)?"
)
"""ISO 8601 dates, with or without a time of day and its zone."""

_LENGTH = len("2026-01-31")


def read_dates(text: pd.Series, column: Column) -> tuple[pd.Series, np.ndarray]:
    """Turn trimmed cells into dates.

    Parameters
    ----------
    text : Series of str, (n,)
        Missing where the cell is.
    column : Column
        Of type date; the first of its formats that fits a cell tells the date, at last ISO 8601.

    Returns
    -------
    dates : Series of datetime64[us], (n,)
        Days, as they are written: a time of day and its zone are dropped. What happened in the
        evening of the 31st happened on the 31st, whatever day it was in Greenwich.
    is_bad : ndarray of bool, (n,)
        Whether the cell is neither missing nor a date.
    """
    dates = pd.Series(pd.NaT, index=text.index, dtype="datetime64[us]")
    for form in column.formats:
        is_open = dates.isna()
        found = pd.to_datetime(text[is_open], format=form, errors="coerce")
        dates[is_open] = found.astype("datetime64[us]")
    # "2026-05-01" would be read as the first of May, which the format denies
    if not any(form.startswith("%Y-%d") for form in column.formats):
        is_iso = dates.isna() & text.str.fullmatch(ISO).fillna(False).astype(bool)
        dates[is_iso] = written_days(text[is_iso])
    return dates.dt.floor("D"), (text.notna() & dates.isna()).to_numpy()


def written_days(text: pd.Series) -> pd.Series:
    """Return the days that ISO 8601 texts write, as datetime64[us]; NaT where there is no such day.

    Parameters
    ----------
    text : Series of str, (n,)
        Of the form :data:`ISO`.
    """
    days = pd.to_datetime(text.str.slice(0, _LENGTH), format="%Y-%m-%d", errors="coerce")
    return days.astype("datetime64[us]")
