from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from churn_pipeline.contract import Contract
from churn_pipeline.pipelines.features.nodes import derive_features, split_customers


@pytest.fixture(scope="session")
def sides(customers: pd.DataFrame, contract: Contract) -> tuple[pd.DataFrame, pd.DataFrame]:
    return split_customers(derive_features(customers, contract), contract, 0.3, 42)


@pytest.fixture(scope="session")
def training() -> dict[str, Any]:
    return {
        "folds": 3,
        "repeats": 1,
        "seed": 1,
        "candidates": {"logistic_regression": None, "xgboost": {"n_estimators": 5}},
    }
