"""Evaluation: score the test side once, measure, draw, report."""

from kedro.pipeline import Pipeline, node, pipeline

from churn_pipeline.pipelines.evaluation.nodes import (
    draw_figures,
    measure,
    score_test_customers,
    trace_curves,
)
from churn_pipeline.reporting.html import render_report

_CURVES = [
    "roc_curve",
    "precision_recall_curve",
    "calibration_curve",
    "gains_curve",
    "confusion",
]


def create_pipeline() -> Pipeline:
    """Measure the champion on the test side, with intervals, curves and a report."""
    return pipeline(
        [
            node(
                score_test_customers,
                inputs=["model", "test", "contract"],
                outputs="test_predictions",
                name="score_test_customers",
            ),
            node(
                measure,
                inputs=["test_predictions", "params:evaluation"],
                outputs="metrics",
                name="measure",
            ),
            node(
                trace_curves,
                inputs=["test_predictions", "params:evaluation"],
                outputs=_CURVES,
                name="trace_curves",
            ),
            node(
                draw_figures,
                inputs=[*_CURVES, "metrics"],
                outputs=[f"{curve}_figure" for curve in _CURVES],
                name="draw_figures",
                tags="reporting",
            ),
            node(
                render_report,
                inputs=["metrics", "selection", "data_quality", "contract", "params:evaluation"],
                outputs="report",
                name="render_report",
                tags="reporting",
            ),
        ],
        tags="evaluation",
    )
