from __future__ import annotations

import numpy as np
import pandas as pd

from churn_pipeline.contract import Contract
from churn_pipeline.modeling.target import churned


def test_positive_value_is_one(contract: Contract) -> None:
    name, positive = contract.target.name, contract.target.positive
    other = next(value for value in contract.target.values if value != positive)
    for dtype in ("str", "category"):
        table = pd.DataFrame({name: [positive, other, positive]}, index=[5, 1, 3]).astype(dtype)
        y = churned(table, contract)
        assert y.tolist() == [1, 0, 1]
        assert y.dtype == np.int8
