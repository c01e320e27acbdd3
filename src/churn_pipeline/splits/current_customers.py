"""Which rows of a table describe somebody who is still a customer, as far as the table knows."""

from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_pipeline.contract import Contract
from churn_pipeline.contract.model import Column
from churn_pipeline.splits.customers import snapshots_of
from churn_pipeline.splits.periods import Unit, period_starts

State = Literal["current", "earlier", "left", "absent"]
STATES: tuple[State, ...] = get_args(State)


def states(
    table: pd.DataFrame, contract: Contract, target: Column, unit: Unit, all_snapshots: bool
) -> "pd.Series[str]":
    """Say of each row whether its customer can still be contacted.

    Parameters
    ----------
    table : DataFrame, (n, …)
        Typed; the target and the snapshot may be lacking, the target's cells missing.
    contract : Contract
        Of the table; it need not hold the target.
    target : Column
        Its ``positive`` value says that the customer has left within ``horizon_days`` of the
        snapshot.
    unit : {"day", "week", "month", "quarter"}
        The periods of a panel.
    all_snapshots : bool
        Whether rows of earlier snapshots count as current too, to look back.

    Returns
    -------
    Series of str, (n,)
        ``left``: the target of one of the customer's rows says so, and no row after its horizon
        (after its snapshot, where there is none) shows that they came back. ``absent``: the table
        has customers with several snapshots, and none of this customer's lies in its latest period
        (never with ``all_snapshots``). ``earlier``: the customer has a later row. ``current``: all
        others.
    """
    left = np.zeros(len(table), dtype=bool)
    if target.name in table:
        left = says(table[target.name], target, str(target.positive))
    day = None
    if contract.snapshot is not None and contract.snapshot.name in table:
        day = snapshot_days(table, contract)
    keys = customer_keys(table, contract)
    customer = np.arange(len(table)) if keys is None else pd.factorize(keys)[0]
    codes = state_codes(customer, day, left, target.horizon_days, unit, all_snapshots)
    return pd.Series(np.array(STATES, dtype=object)[codes], index=table.index, dtype="str")


def state_codes(
    customer: NDArray[np.integer],
    day: NDArray[np.int32] | None,
    left: NDArray[np.bool_],
    horizon_days: int | None,
    unit: Unit,
    all_snapshots: bool,
) -> NDArray[np.int8]:
    """Return the place of each row's state in :data:`STATES`, (n,); see :func:`states`.

    Parameters
    ----------
    customer : ndarray of int, (n,)
        Numbers from 0 to n - 1 of the rows' customers.
    day : ndarray of int, (n,), or None
        Days since 1970-01-01 of the rows' snapshots.
    left : ndarray of bool, (n,)
        Whether the target says so.
    horizon_days, unit, all_snapshots
    """
    n = len(customer)
    nobody = np.zeros(n, dtype=bool)
    gone = np.zeros(n, dtype=bool)  # by the number of the customer
    if day is None:
        gone[customer[left]] = True
        return _codes(gone[customer], nobody, nobody)
    last = np.full(n, np.iinfo(np.int32).min, dtype=np.int32)
    np.maximum.at(last, customer, day)
    latest = last[customer]
    back = latest >= day + np.int32(max(horizon_days or 1, 1))
    gone[customer[left & ~back]] = True
    absent, earlier = nobody, nobody
    if not all_snapshots:
        earlier = day < latest
        if earlier.any():
            distinct, place = np.unique(latest, return_inverse=True)
            starts = period_starts(distinct.astype("datetime64[D]"), unit)
            absent = (starts < starts.max())[place]
    return _codes(gone[customer], absent, earlier)


def snapshot_days(table: pd.DataFrame, contract: Contract) -> NDArray[np.int32]:
    """Return the snapshots of the rows as days since 1970-01-01, (n,)."""
    days = snapshots_of(table, contract)
    assert days is not None
    return days.astype(np.int64).astype(np.int32)  # half the memory, of many millions of rows


def customer_keys(table: pd.DataFrame, contract: Contract) -> pd.Series | None:
    """Return what tells the customers of the rows apart; None where each row is another's."""
    if contract.customer is not None:
        ids = table[contract.id.name].astype("str")
        return table[contract.customer.name].fillna(ids)
    # of generated ids: who looks alike need not be the same
    return None if contract.id.is_generated else table[contract.id.name]


def says(cells: pd.Series, target: Column, *values: str) -> NDArray[np.bool_]:
    """Tell which cells of the target are one of its values, in any of their spellings or cases."""
    texts = {
        text.casefold() for value in values for text in (value, *target.spellings.get(value, ()))
    }
    return cells.astype("str").str.casefold().isin(texts).to_numpy(dtype=bool)


def _codes(
    left: NDArray[np.bool_], absent: NDArray[np.bool_], earlier: NDArray[np.bool_]
) -> NDArray[np.int8]:
    codes = np.full(len(left), STATES.index("current"), dtype=np.int8)
    codes[earlier] = STATES.index("earlier")
    codes[absent] = STATES.index("absent")
    codes[left] = STATES.index("left")
    return codes
