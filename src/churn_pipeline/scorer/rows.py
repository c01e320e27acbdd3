"""From a table's columns to the numbers that the model takes."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from churn_pipeline.contract import Contract
from churn_pipeline.contract.derivation import derive

Floats = NDArray[np.float64]


class Table(Protocol):
    """Columns by name: a mapping of arrays, or a data frame."""

    def __getitem__(self, name: str, /) -> Any:
        """Return a column, (n,)."""


def table_rows(table: Table, contract: Contract) -> Floats:
    """Return the rows that :meth:`churn_pipeline.scorer.records.RecordReader.read` makes.

    Nothing is checked: ingestion has done so.

    Parameters
    ----------
    table : Table
        The contract's :attr:`~churn_pipeline.contract.Contract.read_columns`: numbers, NaN where
        missing, dates of numpy, or texts. A text that a category does not allow, such as None,
        counts as missing.
    contract : Contract

    Returns
    -------
    ndarray of float, (n, n_inputs)
    """
    coded = {
        name: _codes(table[name], contract.columns[name].values)
        for name in contract.categorical_inputs
    }
    read = {column for derived in contract.derived_columns for column in derived.expression.columns}
    needed = read.union(contract.numeric_inputs)
    columns = {
        column.name: np.asarray(table[column.name])
        for column in contract.read_columns
        if column.name in needed
    }
    derived = derive(columns, contract)
    numbers = [
        np.asarray(derived[name] if name in derived else columns[name], dtype=np.float64)
        for name in contract.numeric_inputs
    ]
    return np.column_stack([*numbers, *coded.values()])


def _codes(values: Any, levels: Sequence[str]) -> Floats:
    codes = {level: float(code) for code, level in enumerate(levels)}
    categories = getattr(values, "cat", None)
    if categories is None:
        return np.array([codes.get(value, -1.0) for value in np.asarray(values).tolist()])
    # of pandas' categories each is looked up once; the last is that of a missing value
    found = [codes.get(value, -1.0) for value in categories.categories]
    return np.array([*found, -1.0])[np.asarray(categories.codes)]
