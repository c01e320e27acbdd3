"""Which of a category's levels each customer has, and which categories have many."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_pipeline.contract import Contract

MOST_ONE_HOT = 30
"""A category of more levels becomes one number, of fewer a column a level."""


def positions(column: pd.Series, levels: pd.Index) -> NDArray[np.intp]:
    """Return the position of each value in ``levels``, -1 where it is none of them, (n,)."""
    if not isinstance(column.dtype, pd.CategoricalDtype):
        return levels.get_indexer(pd.Index(column.astype(object)))
    found = levels.get_indexer(column.cat.categories.astype(object))
    return np.append(found, -1)[column.cat.codes.to_numpy()]  # the code of "missing" is -1


def one_hot_inputs(contract: Contract) -> tuple[str, ...]:
    """Return the categorical inputs that become a column a level."""
    return tuple(
        name
        for name in contract.categorical_inputs
        if len(contract.columns[name].values) <= MOST_ONE_HOT
    )


def many_level_inputs(contract: Contract) -> tuple[str, ...]:
    """Return the categorical inputs that become one number."""
    few = set(one_hot_inputs(contract))
    return tuple(name for name in contract.categorical_inputs if name not in few)
