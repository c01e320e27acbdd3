"""Rows and customers: if the contract names a snapshot, a customer may have several rows."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_pipeline.contract import Contract
from churn_pipeline.splits.splitting import customer_keys, hash_to_unit_interval

Numbers = NDArray[np.int64]

NUMBER = "customer_number"  # column of predictions, where a customer has several rows


def keys_of(table: pd.DataFrame, contract: Contract) -> list[str]:
    """Return what tells the customers of the rows apart; copies of a row are one customer."""
    if contract.customer is not None:
        ids = table[contract.id.name].astype("str")
        return table[contract.customer.name].fillna(ids).tolist()
    return customer_keys(table[contract.id.name], contract.id.is_generated)


def customer_numbers(table: pd.DataFrame, contract: Contract) -> Numbers | None:
    """Number the customers of the rows, if any customer has several rows.

    Where ids are generated, each row is a customer: copies of a row are kept on one side of the
    split, but may well be customers who are alike.

    Returns
    -------
    ndarray of int, (n,), or None
        0 … n_customers - 1 in order of first appearance; None where each row is another customer.
    """
    if contract.id.is_generated and contract.customer is None:
        return None
    numbers, distinct = pd.factorize(np.array(keys_of(table, contract), dtype=object))
    return None if len(distinct) == len(table) else numbers.astype(np.int64)


def numbers_of(predictions: pd.DataFrame) -> Numbers | None:
    """Return the numbers that predictions carry, see :func:`customer_numbers`."""
    return predictions[NUMBER].to_numpy(dtype=np.int64) if NUMBER in predictions else None


def snapshots_of(table: pd.DataFrame, contract: Contract) -> NDArray[np.datetime64] | None:
    """Return the day of each row's snapshot, (n,), or None where the contract names none."""
    if contract.snapshot is None:
        return None
    return table[contract.snapshot.name].to_numpy().astype("datetime64[D]")


def identity_columns(contract: Contract) -> list[str]:
    """Return the columns that say whose row it is and which: all that this module reads."""
    named = [column.name for column in (contract.customer, contract.snapshot) if column is not None]
    return list(dict.fromkeys([contract.id.name, *named]))


def key_columns(table: pd.DataFrame, contract: Contract) -> dict[str, pd.Series]:
    """Return the columns that no two rows have alike: the id, and the snapshot if there is one."""
    return {name: table[name] for name in contract.key}


def shuffled(table: pd.DataFrame, contract: Contract, seed: int) -> pd.DataFrame:
    """Order the rows by a hash of the customer, then by snapshot: the order of the file is gone."""
    hashes = hash_to_unit_interval(keys_of(table, contract), seed)
    if len(np.unique(hashes)) == len(table):
        order = np.argsort(hashes, kind="stable")
    else:
        ties = [pd.factorize(table[name], sort=True)[0] for name in contract.key]
        order = np.lexsort((*ties, hashes))  # the last key counts first
    return table.iloc[order].reset_index(drop=True)


def in_order_of(table: pd.DataFrame, other: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    """Return the rows of ``table`` that ``other`` names by id and snapshot, in its order."""
    key = list(contract.key)
    rows, wanted = (frame.set_index(key).index for frame in (table, other))
    positions = rows.get_indexer(wanted)
    if (positions < 0).any():
        raise KeyError(f"no row {wanted[positions < 0][0]} of {key}")
    return table.iloc[positions]
