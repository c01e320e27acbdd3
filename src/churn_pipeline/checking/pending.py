"""Rows whose outcome is not known yet."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_pipeline.contract.model import Contract

_INCOMPLETE = 0.05  # share of a snapshot's outcomes from which they are not yet all known


def is_pending(table: pd.DataFrame, contract: Contract) -> NDArray[np.bool_]:
    """Say of which rows it is too early to know the outcome.

    In a snapshot that is younger than the horizon, who has churned already is known before who
    stays: rows that have an outcome there are no fair sample, and are pending with the others. One
    cell left blank does not make a snapshot such a one.

    Parameters
    ----------
    table : DataFrame, (n_rows, n_columns)
        Typed, see :func:`churn_pipeline.checking.cells.read_cells`.
    contract : Contract

    Returns
    -------
    ndarray of bool, (n_rows,)
        Of the snapshots less than the target's horizon before the latest one of the table: True
        where the outcome is missing, and for all rows from the first snapshot on that lacks 5 % of
        its outcomes. Without a horizon no row is pending.
    """
    snapshot = contract.snapshot
    horizon = next((column.horizon_days for column in contract.with_role("target")), None)
    if snapshot is None or horizon is None:
        return np.zeros(len(table), dtype=bool)
    days = table[snapshot.name]
    is_late = days > days.max() - pd.Timedelta(days=horizon)
    is_unknown = table[contract.target.name].isna()
    unknown_share = is_unknown[is_late].groupby(days[is_late]).mean()
    first = unknown_share.index[unknown_share >= _INCOMPLETE].min()  # NaT where none is
    return ((is_late & is_unknown) | (days >= first)).to_numpy()
