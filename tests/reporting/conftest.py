from __future__ import annotations

from typing import Any

import pytest

from churn_pipeline.reporting.names import METRIC_NAMES


@pytest.fixture
def outputs() -> dict[str, Any]:
    """What the pipelines hand to the reports."""
    metric = {"value": 0.8412, "low": 0.8204, "high": 0.8611}
    figure = {"mean": 0.41234, "std": 0.01001}
    return {
        "metrics": {name: dict(metric) for name in METRIC_NAMES},
        "selection": {
            "champion": "xgboost",
            "candidates": {
                name: {"log_loss": figure, "roc_auc": figure}
                for name in ("logistic_regression", "xgboost")
            },
        },
        "data_quality": {
            "source": {"name": "mine.csv", "sha256": "abc123"},
            "rows_read": 7043,
            "rows_rejected": 3,
            "rejected_by_rule": {"range (age)": 2, "<b>bold</b>": 1},
        },
        "evaluation": {
            "threshold": 0.3,
            "top_share": 0.1,
            "confidence": 0.95,
            "replicates": 1000,
        },
    }
