"""The closing words of a run in the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from churn_pipeline.reporting.names import METRIC_NAMES


def summarise_data(data_quality: Mapping[str, Any]) -> str:
    """Say how many rows were read and rejected, and where the rejected ones are."""
    rejected = data_quality["rows_rejected"]
    where = ", see data/02_intermediate/rejected.parquet" if rejected else ""
    return (
        f"Customers  {data_quality['rows_read']:,} rows read from "
        f"{data_quality['source']['name']}, {rejected:,} rejected{where}"
    )


def summarise(
    metrics: Mapping[str, Any],
    selection: Mapping[str, Any],
    data_quality: Mapping[str, Any],
    evaluation: Mapping[str, Any],
    churned: Sequence[int],
) -> str:
    """Say what was read, which candidate won, how it does on the test side, and what is next.

    ``churned`` holds a 1 for every test customer who churned and a 0 for the others.
    """
    champion = selection["champion"]
    loss = selection["candidates"][champion]["log_loss"]
    lines = [
        "",
        summarise_data(data_quality),
        f"Champion   {champion} (cross-validated log loss {loss['mean']:.4f} ± {loss['std']:.4f})",
        f"Test side  {len(churned):,} customers, {sum(churned):,} churned; "
        f"{evaluation['confidence']:.0%} intervals, threshold {evaluation['threshold']:g}, "
        f"top {evaluation['top_share']:.0%}",
    ]
    lines += [
        f"  {text:<28} {metrics[name]['value']:.3f}  "
        f"[{metrics[name]['low']:.3f}, {metrics[name]['high']:.3f}]"
        for name, text in METRIC_NAMES.items()
    ]
    lines += [
        "Report     data/08_reporting/report.html",
        "Next       README.md                                  how to bring your own customers",
        "           make kedro-viz                             the pipelines in the browser",
        "           make mlflow-ui                             the runs in the browser",
    ]
    return "\n".join(lines)
