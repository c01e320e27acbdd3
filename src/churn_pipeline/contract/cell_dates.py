"""Dates as files spell them: ISO 8601, or in the formats that the contract gives."""

import numpy as np
import pandas as pd

from churn_pipeline.contract.model import Column

_ISO = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)


def read_dates(text: pd.Series, column: Column) -> tuple[pd.Series, np.ndarray]:
    """Turn trimmed cells into dates.

    Parameters
    ----------
    text : Series of str, (n,)
        Missing where the cell is.
    column : Column
        Of type date; the first of its formats that fits a cell tells the date, at last ISO 8601,
        whose time zones are turned into UTC.

    Returns
    -------
    dates : Series of datetime64[us], (n,)
        Days: a time of day is dropped, since requests give none.
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
        is_iso = dates.isna() & text.str.fullmatch(_ISO).fillna(False).astype(bool)
        found = pd.to_datetime(text[is_iso], format="ISO8601", errors="coerce", utc=True)
        dates[is_iso] = found.dt.tz_localize(None).astype("datetime64[us]")
    return dates.dt.floor("D"), (text.notna() & dates.isna()).to_numpy()
