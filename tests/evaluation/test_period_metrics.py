from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score

from churn_pipeline.evaluation.metrics import MetricSettings
from churn_pipeline.evaluation.period_metrics import METRICS, measure_periods
from churn_pipeline.statistics.bootstrap import Bootstrap

SETTINGS = MetricSettings(top_share=0.1, calibration_bins=10)


@pytest.fixture(scope="module")
def predictions() -> pd.DataFrame:
    random = np.random.default_rng(0)
    p = random.beta(1, 4, 1500)
    return pd.DataFrame(
        {
            "side": np.repeat(["test", "training", "training"], 500),
            "period": np.repeat(["2025-03", "2025-02", "2025-01"], 500),
            "churned": random.random(1500) < p,
            "churn_probability": p,
        }
    )


def measure(predictions: pd.DataFrame) -> pd.DataFrame:
    return measure_periods(predictions, SETTINGS, Bootstrap(60, 0.9, 1))


def test_every_period_is_measured_as_scikit_learn_does(predictions: pd.DataFrame) -> None:
    table = measure(predictions)
    assert table["side"].tolist() == ["training", "training", "test"]
    assert table["period"].tolist() == ["2025-01", "2025-02", "2025-03"]
    for line in table.to_dict("records"):
        rows = predictions[predictions["period"] == line["period"]]
        y, p = rows["churned"], rows["churn_probability"]
        assert (line["rows"], line["churners"]) == (500, y.sum())
        assert line["churn_rate"] == pytest.approx(y.mean())
        assert line["calibration_gap"] == pytest.approx(p.mean() - y.mean())
        assert line["roc_auc"] == pytest.approx(roc_auc_score(y, p))
        assert line["average_precision"] == pytest.approx(average_precision_score(y, p))
        assert line["log_loss"] == pytest.approx(log_loss(y, p))
        top = y[p.sort_values(ascending=False).index[:50]]
        assert line["lift_at_top"] == pytest.approx(top.mean() / y.mean())
        for name in METRICS:
            assert line[f"{name}_low"] <= line[name] <= line[f"{name}_high"]


def test_rows_of_the_same_customers_widen_the_intervals(predictions: pd.DataFrame) -> None:
    copies = pd.concat([predictions] * 4, ignore_index=True)
    numbers = np.tile(np.arange(1500), 4)
    once, copied, known = map(
        measure, (predictions, copies, copies.assign(customer_number=numbers))
    )
    widths = [t["churn_rate_high"] - t["churn_rate_low"] for t in (once, copied, known)]
    assert (widths[1] < 0.7 * widths[0]).all()
    assert (widths[2] - widths[0]).abs().max() < 0.02


def test_a_period_without_churners_has_no_ranking(predictions: pd.DataFrame) -> None:
    nobody = predictions["churned"] & (predictions["period"] != "2025-02")
    line = measure(predictions.assign(churned=nobody)).iloc[1]
    assert line[["churn_rate", "churners"]].tolist() == [0, 0]
    assert line[["roc_auc", "roc_auc_low", "roc_auc_high", "lift_at_top"]].isna().all()
    assert line[["log_loss", "log_loss_low", "log_loss_high"]].notna().all()
