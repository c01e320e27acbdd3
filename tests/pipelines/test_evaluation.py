from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from churn_pipeline.contract import Contract
from churn_pipeline.pipelines.evaluation.nodes import (
    draw_figures,
    measure,
    score_test_customers,
    trace_curves,
)
from churn_pipeline.pipelines.training.nodes import fit_champion
from churn_pipeline.reporting.names import METRIC_NAMES

EVALUATION = {
    "threshold": 0.3,
    "top_share": 0.1,
    "calibration_bins": 10,
    "confidence": 0.9,
    "replicates": 40,
    "seed": 1,
}


@pytest.fixture(scope="module")
def predictions(
    sides: tuple[pd.DataFrame, pd.DataFrame], contract: Contract, training: dict[str, Any]
) -> pd.DataFrame:
    model = fit_champion(sides[0], contract, training, {"champion": "xgboost"})
    return score_test_customers(model, sides[1], contract)


def test_every_test_customer_is_scored(
    predictions: pd.DataFrame, sides: tuple[pd.DataFrame, pd.DataFrame], contract: Contract
) -> None:
    test = sides[1]
    assert list(predictions) == [contract.id.name, "churned", "churn_probability"]
    assert predictions[contract.id.name].tolist() == test[contract.id.name].tolist()
    positive = test[contract.target.name] == contract.target.positive
    assert predictions["churned"].tolist() == positive.astype(int).tolist()
    assert predictions["churn_probability"].dtype == np.float64
    assert predictions["churn_probability"].between(0, 1).all()


def test_metrics_are_rounded_json_with_intervals(predictions: pd.DataFrame) -> None:
    found = measure(predictions, EVALUATION)
    assert set(found) == set(METRIC_NAMES)
    auc = roc_auc_score(predictions["churned"], predictions["churn_probability"])
    assert found["roc_auc"]["value"] == round(auc, 6)
    for metric in found.values():
        assert metric["low"] <= metric["high"]
        assert all(value == round(value, 6) for value in metric.values())
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert measure(predictions, EVALUATION) == found


def test_curves_and_figures_agree_with_the_predictions(predictions: pd.DataFrame) -> None:
    metrics = measure(predictions, EVALUATION)
    curves = trace_curves(predictions, EVALUATION)
    roc, _, calibration, gains, confusion = curves
    area = np.trapezoid(roc["true_positive_rate"], roc["false_positive_rate"])
    assert area == pytest.approx(metrics["roc_auc"]["value"], abs=1e-3)
    assert calibration["customers"].sum() == len(predictions)
    assert gains["recall"].iloc[-1] == 1
    agree = (confusion["actual"] == confusion["predicted"]).mean()
    assert agree == pytest.approx(metrics["accuracy"]["value"], abs=1e-6)
    titles = [figure.axes[0].get_title(loc="left") for figure in draw_figures(*curves, metrics)]
    assert titles == [
        "ROC curve",
        "Precision and recall",
        "Calibration",
        "Cumulative gains",
        "Confusion matrix at the threshold",
    ]
