"""Decisions: whom to contact by the measured probabilities, what that earns, and the model card.

Nothing here looks at the model: another cost, value or tier runs this pipeline and what follows.
"""

from pathlib import Path

from kedro.pipeline import Pipeline, node, pipeline

from churn_pipeline.pipelines.decisions.economics import (
    draw_economics,
    draw_gains,
    weigh_decisions,
)
from churn_pipeline.pipelines.decisions.fairness import audit_fairness
from churn_pipeline.pipelines.decisions.nodes import (
    decide_test_customers,
    draw_confusion,
    measure_decisions,
    trace_confusion,
)
from churn_pipeline.reporting.model_card import FIGURES, write_model_card
from churn_pipeline.reporting.page import render_page


def create_pipeline() -> Pipeline:
    """Decide whom to contact in the test set, measure the decisions, write the model card."""
    return pipeline(
        [
            node(
                decide_test_customers,
                inputs=["test_scores", "test", "model_contract", "params:economics"],
                outputs="test_predictions",
                name="decide_test_customers",
            ),
            node(
                weigh_decisions,
                inputs=["test_predictions", "params:economics", "params:evaluation"],
                outputs=["economics", "profit_curve"],
                name="weigh_decisions",
            ),
            node(
                measure_decisions,
                inputs=["test_predictions", "model_metrics", "economics", "params:evaluation"],
                outputs="metrics",
                name="measure_decisions",
            ),
            node(
                audit_fairness,
                inputs=["test_predictions", "test", "model_contract", "params:evaluation"],
                outputs="fairness",
                name="audit_fairness",
            ),
            node(
                trace_confusion,
                inputs="test_predictions",
                outputs="confusion",
                name="trace_confusion",
            ),
            node(
                draw_confusion,
                inputs="confusion",
                outputs="confusion_figure",
                name="draw_confusion",
                tags="reporting",
            ),
            node(
                draw_economics,
                inputs=["profit_curve", "economics", "params:economics.currency"],
                outputs="profit_curve_figure",
                name="draw_economics",
                tags="reporting",
            ),
            node(
                draw_gains,
                inputs=["gains_curve", "economics", "metrics"],
                outputs="gains_curve_figure",
                name="draw_gains",
                tags="reporting",
            ),
            node(
                write_model_card,
                inputs=[
                    "metrics",
                    "selection",
                    "delong",
                    "economics",
                    "fairness",
                    "gates",
                    "shap_importance",
                    "reason_stability",
                    "data_quality",
                    "test_predictions",
                    "train",
                    "split",
                    "metrics_by_period",
                    "model_contract",
                    "params:evaluation",
                    "params:training",
                    "params:tuning",
                    "params:split",
                    "params:economics.currency",
                ],
                outputs="model_card",
                name="write_model_card",
                tags="reporting",
            ),
            node(
                render_page,
                inputs={"markdown": "model_card"}
                | {Path(file).stem: f"{Path(file).stem}_figure" for file in FIGURES},
                outputs="model_card_page",
                name="render_page",
                tags="reporting",
            ),
        ],
        tags="decisions",
    )
