from __future__ import annotations

from typing import Any

from churn_pipeline.reporting.names import METRIC_NAMES
from churn_pipeline.reporting.summary import summarise


def test_summary_tells_data_champion_metrics_and_next_steps(outputs: dict[str, Any]) -> None:
    text = summarise(**outputs, churned=[1, 0, 0, 1, 1])
    for part in (
        "7,043 rows read from mine.csv, 3 rejected, see data/02_intermediate/rejected.parquet",
        "xgboost (cross-validated log loss 0.4123 ± 0.0100)",
        "5 customers, 3 churned; 95% intervals, threshold 0.3, top 10%",
        "data/08_reporting/report.html",
    ):
        assert part in text, part
    lines = text.splitlines()
    for name in METRIC_NAMES.values():
        (line,) = [line for line in lines if line.strip().startswith(name + " ")]
        assert line.endswith("0.841  [0.820, 0.861]")
    assert max(map(len, lines)) <= 100
