"""Groups of customers by the values of one column."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_pipeline.contract import Column

MISSING = "(missing)"
_MOST_NUMBERS = 6  # a number of more distinct values is cut into bands


def group_customers(values: pd.Series, column: Column) -> pd.Categorical:
    """Put every customer into one group.

    Parameters
    ----------
    values : Series, (n,)
        One column of the customer table.
    column : Column
        What the contract says of it.

    Returns
    -------
    Categorical of str, (n,)
        The value itself; for a number of more than six distinct values the band between quartiles,
        named by its least and its greatest value (``18 to 34``); ``(missing)`` where there is no
        value. The categories are the groups that have customers: in the contract's order, or
        increasing, ``(missing)`` last.
    """
    is_missing = values.isna().to_numpy()
    labels = np.full(len(values), MISSING, dtype=object)
    if column.is_numeric:
        known = values.to_numpy(dtype=np.float64)[~is_missing]
        labels[~is_missing], names = _name_numbers(known)
    else:
        labels[~is_missing] = values[~is_missing].astype(str).to_numpy(dtype=object)
        present = set(labels[~is_missing])
        names = [name for name in column.values or sorted(present) if name in present]
    return pd.Categorical(labels, categories=names + [MISSING] * bool(is_missing.any()))


def _name_numbers(values: NDArray[np.float64]) -> tuple[NDArray[np.object_], list[str]]:
    distinct = np.unique(values)
    if len(distinct) <= _MOST_NUMBERS:
        band = np.searchsorted(distinct, values)
        names = [_text(value) for value in distinct]
    else:
        # at most the second greatest value, or most customers at the top would leave one band
        edges = np.unique(np.minimum(np.quantile(values, [0.25, 0.5, 0.75]), distinct[-2]))
        band, band_of_distinct = np.searchsorted(edges, values), np.searchsorted(edges, distinct)
        members = [distinct[band_of_distinct == index] for index in range(len(edges) + 1)]
        names = [
            _text(part[0]) if len(part) == 1 else f"{_text(part[0])} to {_text(part[-1])}"
            for part in members
        ]
    return np.array(names, dtype=object)[band], names


def _text(value: float) -> str:
    """Return the shortest digits that stand for this number and no other."""
    return np.format_float_positional(value + 0.0, trim="-")
