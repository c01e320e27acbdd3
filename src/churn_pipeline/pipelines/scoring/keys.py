"""Whose rows the parts of a table hold, in few bytes a row."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from churn_pipeline.checking.earlier_rows import row_hashes
from churn_pipeline.contract import Contract
from churn_pipeline.contract.model import Column
from churn_pipeline.splits.current_customers import customer_keys, says, snapshot_days


def keys_of(accepted: pd.DataFrame, contract: Contract, target: Column) -> pa.Table:
    """Return all that tells which rows are of whom, of which day, and whether they have left."""
    keys = customer_keys(accepted, contract)
    columns: dict[str, Any] = {"left": np.zeros(len(accepted), dtype=bool)}
    if target.name in accepted:
        columns["left"] = says(accepted[target.name], target, str(target.positive))
    if keys is not None:
        columns["one"], columns["two"] = row_hashes(keys.to_frame())
    if contract.snapshot is not None and contract.snapshot.name in accepted:
        columns["day"] = snapshot_days(accepted, contract)
    return pa.table(columns)


def customer_numbers(keys: dict[str, NDArray[Any]]) -> NDArray[np.int32]:
    """Number the customers of all rows.

    Parameters
    ----------
    keys : dict of ndarray, (n,)
        The columns of :func:`keys_of`. The hashes are taken out of it, to free their memory.
    """
    if "one" not in keys:
        return np.arange(len(keys["left"]), dtype=np.int32)
    one, two = keys.pop("one"), keys.pop("two")
    order = np.lexsort((two, one))
    one, two = one[order], two[order]
    is_other = np.ones(len(order), dtype=bool)
    is_other[1:] = (one[1:] != one[:-1]) | (two[1:] != two[:-1])
    del one, two
    numbers = np.empty(len(order), dtype=np.int32)
    numbers[order] = np.cumsum(is_other, dtype=np.int32) - np.int32(1)
    return numbers
