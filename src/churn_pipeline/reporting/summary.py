"""The closing words of a run in the terminal."""

from collections.abc import Mapping
from typing import Any

from churn_pipeline.reporting.names import METRIC_NAMES


def summarise(
    metrics: Mapping[str, Any],
    selection: Mapping[str, Any],
    data_quality: Mapping[str, Any],
    evaluation: Mapping[str, Any],
) -> str:
    """Say what was read, which candidate won, how it does on the test side, and what is next."""
    champion = selection["champion"]
    loss = selection["candidates"][champion]["log_loss"]
    lines = [
        "",
        f"Customers  {data_quality['rows_read']:,} rows read from "
        f"{data_quality['source']['name']}, {data_quality['rows_rejected']:,} rejected",
        f"Champion   {champion} (cross-validated log loss {loss['mean']:.4f} ± {loss['std']:.4f})",
        f"Test side  with {evaluation['confidence']:.0%} intervals; threshold "
        f"{evaluation['threshold']:g}, top {evaluation['top_share']:.0%}",
    ]
    lines += [
        f"  {text:<28} {metrics[name]['value']:.3f}  "
        f"[{metrics[name]['low']:.3f}, {metrics[name]['high']:.3f}]"
        for name, text in METRIC_NAMES.items()
    ]
    lines += [
        "Report     data/08_reporting/report.html",
        "Next       README.md                                  how to bring your own customers",
        "           kedro viz run                              the pipelines in the browser",
        "           make mlflow-ui                             the runs in the browser",
    ]
    return "\n".join(lines)
