from __future__ import annotations

import copy
import re
from typing import Any

import pytest

from churn_pipeline.evaluation.metric_definitions import METRICS, Metric
from churn_pipeline.reporting.summary import summarise

PARTS = (
    "metrics", "selection", "economics", "fairness", "gates", "data_quality", "split_record",
    "evaluation", "currency",
)  # fmt: skip


@pytest.fixture
def told(outputs: dict[str, Any]) -> dict[str, Any]:
    return {**{part: outputs[part] for part in PARTS}, "folder": "data/bank"}


def test_summary_tells_data_champion_decisions_and_next_steps(told: dict[str, Any]) -> None:
    text = summarise(**told, churned=[1, 0, 0, 1, 1])
    for part in (
        "7,046 rows read from mine_<24>.csv, 3 rejected, see\n",
        "           data/bank/02_intermediate/rejected.parquet\n",
        "logistic_regression (cross-validated log loss 0.4159 ± 0.0187)",
        "           lightgbm has the lowest mean log loss (0.4142); logistic_regression loses",
        "5 customers, 3 churned; 95% intervals, top 10%",
        "contact the 50.5% of customers whose churn probability exceeds the break-even, 0.164",
        "profit 10.4 [9.1, 11.7] CHF per customer; contacting everyone would earn 7.32",
        "73,200 CHF [64,100, 82,500] in total for the customers of the table (7,043)",
        "(EMPC) 10.5 [9.2, 11.9] CHF per customer, 71% of the optimum",
        "Gates      4 of 4 passed",
        "Note       The probabilities are off for groups of is_senior: 1 difference beyond noise.",
        "Note       Only 3 test customers churned: too few to judge the model",
        "Model card data/bank/08_reporting/model_card.html",
    ):
        assert part in text, part
    assert max(map(len, text.splitlines())) <= 100


def test_summary_counts_rows_where_customers_have_several(told: dict[str, Any]) -> None:
    record = copy.deepcopy(told["split_record"])
    record["sides"]["test"] |= {"rows": 5, "customers": 2}
    text = summarise(**{**told, "split_record": record}, churned=[1, 0, 0, 1, 1])
    assert "Test set   5 rows of 2 customers, 3 churned;" in text


def test_summary_has_a_line_a_metric(told: dict[str, Any]) -> None:
    lines = summarise(**told, churned=[1, 0]).splitlines()
    for name, metric in METRICS.items():
        (line,) = [line for line in lines if line.strip().startswith(metric.title + " ")]
        found = told["metrics"][name]
        assert line.endswith(f"{found['value']:.3f}  [{found['low']:.3f}, {found['high']:.3f}]")


def test_the_values_of_the_metrics_are_below_each_other(
    told: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(METRICS, "f1", Metric("a name longer than that of any other metric", ""))
    lines = summarise(**told, churned=[1, 0]).splitlines()
    values = [line for line in lines if re.search(r"  \[-?\d\.\d{3}, -?\d\.\d{3}\]$", line)]
    assert len(values) == len(METRICS)
    assert len({line.index("[") for line in values}) == 1


def test_summary_names_the_gates_that_failed(told: dict[str, Any]) -> None:
    told["gates"]["gates"][0]["passed"] = False
    text = summarise(**told, churned=[1, 0])
    assert "Gates      3 of 4 passed; FAILED: minimum_roc_auc" in text


def test_summary_without_gates_warnings_or_a_common_break_even(told: dict[str, Any]) -> None:
    told["gates"]["gates"] = []
    told["fairness"]["differences"] = []
    told["economics"]["threshold"] = None
    text = summarise(**told, churned=[1, 0])
    assert "all are switched off" in text
    assert "probabilities are off" not in text
    assert "each has their own break-even" in text
