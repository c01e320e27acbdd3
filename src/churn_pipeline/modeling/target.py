"""The target as numbers."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_pipeline.contract import Contract


def churned(customers: pd.DataFrame, contract: Contract) -> NDArray[np.int8]:
    """Return 1 for every customer who churned and 0 for the others, by the contract."""
    target = contract.target
    return (customers[target.name] == target.positive).to_numpy().astype(np.int8)
