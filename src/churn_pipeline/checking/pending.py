"""Rows whose outcome is not known yet."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_pipeline.contract.model import Contract


def is_pending(table: pd.DataFrame, contract: Contract) -> NDArray[np.bool_]:
    """Say which rows lack a target because it is too early to know it.

    Parameters
    ----------
    table : DataFrame, (n_rows, n_columns)
        Typed, see :func:`churn_pipeline.checking.cells.read_cells`.
    contract : Contract

    Returns
    -------
    ndarray of bool, (n_rows,)
        True where the target is missing and the snapshot less than the target's horizon before
        the latest snapshot of the table. Without a horizon no row is pending.
    """
    snapshot = contract.snapshot
    horizon = next((column.horizon_days for column in contract.with_role("target")), None)
    if snapshot is None or horizon is None:
        return np.zeros(len(table), dtype=bool)
    days = table[snapshot.name]
    is_late = days > days.max() - pd.Timedelta(days=horizon)
    return (is_late & table[contract.target.name].isna()).to_numpy()
