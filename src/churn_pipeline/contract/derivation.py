"""Derived columns: one implementation for a whole table and for one record."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from churn_pipeline.contract import Contract


def derive(values: Mapping[str, ArrayLike], contract: Contract) -> dict[str, NDArray[np.float64]]:
    """Compute the contract's derived columns.

    Parameters
    ----------
    values : mapping of str to array-like or scalar
        The columns of a table, or the values of one record; NaN or None where missing.
    contract : Contract

    Returns
    -------
    dict of str to ndarray of float64
        One entry a derived column, of the shape of the operands; NaN where not defined.
    """
    return {column.name: column.expression(values) for column in contract.derived_columns}
