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
    codes = state_codes(table, contract, target, unit, all_snapshots)
    return pd.Series(np.array(STATES, dtype=object)[codes], index=table.index, dtype="str")


def state_codes(
    table: pd.DataFrame, contract: Contract, target: Column, unit: Unit, all_snapshots: bool
) -> NDArray[np.int8]:
    """Return the place of each row's state in :data:`STATES`, (n,); see :func:`states`."""
    left = np.zeros(len(table), dtype=bool)
    if target.name in table:
        left = says(table[target.name], target, str(target.positive))
    n = len(table)
    has_days = contract.snapshot is not None and contract.snapshot.name in table
    days = snapshots_of(table, contract) if has_days else None
    nobody = np.zeros(n, dtype=bool)
    if days is None and not left.any():
        return _codes(nobody, nobody, nobody)
    customer = _numbers(table, contract)
    if days is None:
        gone = np.bincount(customer, left, n) > 0
        return _codes(gone[customer], nobody, nobody)
    day = days.astype(np.int64)
    first, last = np.full(n, np.iinfo(np.int64).max), np.full(n, np.iinfo(np.int64).min)
    np.minimum.at(first, customer, day)
    np.maximum.at(last, customer, day)
    latest = last[customer]
    back = latest >= day + max(target.horizon_days or 1, 1)
    gone = np.bincount(customer, left & ~back, n) > 0
    absent = earlier = nobody
    if not all_snapshots:
        earlier = day < latest
        if (first[customer] < latest).any():
            starts = period_starts(latest.astype("datetime64[D]"), unit)
            absent = starts < starts.max()
    return _codes(gone[customer], absent, earlier)


def says(cells: pd.Series, target: Column, *values: str) -> NDArray[np.bool_]:
    """Tell which cells of the target are one of its values, in any of their spellings or cases."""
    texts = {
        text.casefold() for value in values for text in (value, *target.spellings.get(value, ()))
    }
    return cells.astype("str").str.casefold().isin(texts).to_numpy(dtype=bool)


def _numbers(table: pd.DataFrame, contract: Contract) -> NDArray[np.int64]:
    """Number the customers of the rows."""
    if contract.id.is_generated and contract.customer is None:
        return np.arange(len(table), dtype=np.int64)  # who looks alike need not be the same
    keys = table[contract.id.name]
    if contract.customer is not None:
        keys = table[contract.customer.name].fillna(keys.astype("str"))
    return pd.factorize(keys)[0].astype(np.int64)


def _codes(
    left: NDArray[np.bool_], absent: NDArray[np.bool_], earlier: NDArray[np.bool_]
) -> NDArray[np.int8]:
    codes = np.full(len(left), STATES.index("current"), dtype=np.int8)
    codes[earlier] = STATES.index("earlier")
    codes[absent] = STATES.index("absent")
    codes[left] = STATES.index("left")
    return codes
