"""The evaluation report as an HTML page."""

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from churn_pipeline.contract import Contract
from churn_pipeline.reporting.names import METRIC_NAMES

FIGURES = {
    "roc_curve.png": "ROC curve: how well the ranking parts churners from the others.",
    "precision_recall_curve.png": "Of those contacted, who would have churned.",
    "calibration_curve.png": "Whether 30 % means 30 %; large points stand for many customers.",
    "gains_curve.png": "How many churners are found by contacting the riskiest customers first.",
    "confusion.png": "Right and wrong decisions at the threshold.",
}


def render_report(
    metrics: Mapping[str, Any],
    selection: Mapping[str, Any],
    data_quality: Mapping[str, Any],
    contract: Contract,
    evaluation: Mapping[str, Any],
) -> str:
    """Render the report; nothing in it depends on when or where it was made.

    Parameters
    ----------
    metrics, selection, data_quality : mapping
        The outputs of the pipelines of the same names.
    contract : Contract
    evaluation : mapping
        The parameters under ``evaluation``.

    Returns
    -------
    str
        A page that shows the figures lying beside it.
    """
    environment = Environment(
        loader=PackageLoader("churn_pipeline.reporting", package_path=""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(
        metrics=metrics,
        metric_names=METRIC_NAMES,
        selection=selection,
        data_quality=data_quality,
        contract=contract,
        evaluation=evaluation,
        figures=FIGURES,
    )
