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
def candidates() -> dict[str, Any]:
    """Every candidate with a search space, small enough to be quick."""
    return {
        "logistic_regression": {
            "C": {"low": 0.01, "high": 1.0, "log": True, "default": 0.1},
            "l1_ratio": {"choices": [0.0, 0.5]},
        },
        "random_forest": {
            "n_estimators": 4,
            "min_samples_leaf": {"low": 10, "high": 80, "default": 30},
        },
        "xgboost": {"n_estimators": 5, "max_depth": {"low": 1, "high": 4, "default": 2}},
        "lightgbm": {"n_estimators": 5, "num_leaves": {"low": 3, "high": 15, "default": 7}},
    }


@pytest.fixture(scope="session")
def tuning() -> dict[str, Any]:
    return {
        "trials": 2,
        "patience": 2,
        "max_customers": 10_000,
        "minimum_improvement": 0.0,
        "max_seconds": None,
        "folds": 2,
        "workers": 1,
        "seed": 1,
    }


@pytest.fixture(scope="session")
def training() -> dict[str, Any]:
    return {
        "folds": 3,
        "repeats": 2,
        "max_customers": 20_000,
        "max_fitted_customers": None,
        "max_fitted_rows": None,
        "max_trees": 50,
        "confidence": 0.95,
        "cost_ratio": 3,
        "margin": 0.001,
        "calibrators": ["sigmoid", "isotonic"],
        "seed": 1,
    }
