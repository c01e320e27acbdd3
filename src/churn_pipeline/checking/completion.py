"""Columns that a file need not have: generated ids and the default snapshot."""

import hashlib

import numpy as np
import pandas as pd

from churn_pipeline.checking.cells import whole_texts
from churn_pipeline.checking.earlier_rows import EarlierRows
from churn_pipeline.contract.model import Contract

_DIGEST_BYTES = 8
_SEPARATOR = "\x1f"
_ROWS_A_PART = 100_000


def optional_columns(contract: Contract) -> set[str]:
    """Return the names of the columns that are made up where a file lacks them."""
    return {
        column.name
        for column in contract.columns.values()
        if column.is_generated or column.default is not None
    }


def complete_cells(
    cells: pd.DataFrame, contract: Contract, earlier: EarlierRows | None = None
) -> pd.DataFrame:
    """Add the columns that the file lacks and the contract makes up.

    Parameters
    ----------
    cells : DataFrame of str, (n_rows, n_columns)
    contract : Contract
    earlier : EarlierRows, optional
        Of the parts of the table above these rows.

    Returns
    -------
    DataFrame of str
        With the default snapshot in every row, and with ids that are the BLAKE2 hash of the
        trimmed cells of the features (and of the snapshot if the file has it), so that whoever is
        scored later gets the same one; 12.0 is the same as 12. Of equal rows the second id ends in
        ``-2``, the third in ``-3``.
    """
    made = {}
    snapshot = contract.snapshot
    if snapshot and snapshot.default is not None and snapshot.name not in cells:
        made[snapshot.name] = pd.Series(snapshot.default, index=cells.index, dtype="str")
    if contract.id.is_generated and contract.id.name not in cells:
        made[contract.id.name] = _generated_ids(cells, contract, earlier)
    return cells.assign(**made) if made else cells


def _generated_ids(
    cells: pd.DataFrame, contract: Contract, earlier: EarlierRows | None
) -> pd.Series:
    wanted = {column.name for column in (*contract.features, *contract.with_role("snapshot"))}
    # in one order, whatever the order of the contract or of the file
    names = sorted(name for name in wanted if name in cells)
    hashes: list[str] = []
    for start in range(0, len(cells), _ROWS_A_PART):
        part = cells[names].iloc[start : start + _ROWS_A_PART]
        columns = [whole_texts(part[name].str.strip()).tolist() for name in names]
        hashes += [_hash(_SEPARATOR.join(row)) for row in zip(*columns, strict=True)]
    base = pd.Series(hashes, index=cells.index, dtype="str")
    repeat = base.groupby(base, sort=False).cumcount().to_numpy()
    if earlier is not None:
        repeat = repeat + earlier.count(hashes)
    again = np.flatnonzero(repeat).tolist()
    for row in again:
        hashes[row] = f"{hashes[row]}-{repeat[row] + 1}"
    return pd.Series(hashes, index=cells.index, dtype="str") if again else base


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES).hexdigest()
