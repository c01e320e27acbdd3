"""Evaluation: read the test side once; measure, compare, decide, explain, audit, report."""

from kedro.pipeline import Pipeline, node, pipeline

from churn_pipeline.pipelines.evaluation.economics import draw_economics, weigh_decisions
from churn_pipeline.pipelines.evaluation.explanations import (
    draw_explanations,
    explain_test_customers,
)
from churn_pipeline.pipelines.evaluation.fairness import audit_fairness
from churn_pipeline.pipelines.evaluation.gates import check_gates
from churn_pipeline.pipelines.evaluation.nodes import (
    compare_on_test,
    draw_figures,
    measure,
    score_test_customers,
    trace_curves,
)
from churn_pipeline.pipelines.evaluation.periods import draw_periods, measure_by_period
from churn_pipeline.reporting.model_card import write_model_card
from churn_pipeline.reporting.page import render_page

_CURVES = [
    "roc_curve",
    "precision_recall_curve",
    "calibration_curve",
    "gains_curve",
    "confusion",
]

_PICTURES = [
    *_CURVES,
    "profit_curve",
    "shap_importance",
    "shap_dependence",
    "metrics_by_period",
]


def create_pipeline() -> Pipeline:
    """Judge the champion on the test side, and write its model card."""
    return pipeline(
        [
            node(
                score_test_customers,
                inputs=["scorer", "reference_models", "test", "model_contract", "params:economics"],
                outputs="test_predictions",
                name="score_test_customers",
            ),
            node(
                trace_curves,
                inputs=["test_predictions", "params:evaluation"],
                outputs=_CURVES,
                name="trace_curves",
            ),
            node(
                compare_on_test,
                inputs=["test_predictions", "selection", "params:evaluation"],
                outputs="delong",
                name="compare_on_test",
            ),
            node(
                weigh_decisions,
                inputs=["test_predictions", "params:economics", "params:evaluation"],
                outputs=["economics", "profit_curve"],
                name="weigh_decisions",
            ),
            node(
                measure,
                inputs=["test_predictions", "economics", "params:evaluation"],
                outputs="metrics",
                name="measure",
            ),
            node(
                explain_test_customers,
                inputs=["scorer", "test", "model_contract", "params:evaluation"],
                outputs=["reasons", "shap_importance", "shap_dependence"],
                name="explain_test_customers",
            ),
            node(
                audit_fairness,
                inputs=["test_predictions", "test", "model_contract", "params:evaluation"],
                outputs="fairness",
                name="audit_fairness",
            ),
            node(
                measure_by_period,
                inputs=[
                    "test_predictions",
                    "test",
                    "out_of_fold",
                    "model",
                    "train",
                    "split",
                    "model_contract",
                    "params:evaluation",
                ],
                outputs="metrics_by_period",
                name="measure_by_period",
            ),
            node(
                draw_figures,
                inputs=[*_CURVES, "metrics"],
                outputs=[f"{curve}_figure" for curve in _CURVES],
                name="draw_figures",
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
                draw_explanations,
                inputs=["shap_importance", "shap_dependence"],
                outputs=["shap_importance_figure", "shap_dependence_figure"],
                name="draw_explanations",
                tags="reporting",
            ),
            node(
                draw_periods,
                inputs="metrics_by_period",
                outputs="metrics_by_period_figure",
                name="draw_periods",
                tags="reporting",
            ),
            node(
                check_gates,
                inputs=[
                    "scorer",
                    "champion_model",
                    "metrics",
                    "test_predictions",
                    "test",
                    "model_contract",
                    "params:gates",
                    "params:evaluation",
                ],
                outputs="gates",
                name="check_gates",
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
                inputs={"markdown": "model_card"} | {name: f"{name}_figure" for name in _PICTURES},
                outputs="model_card_page",
                name="render_page",
                tags="reporting",
            ),
        ],
        tags="evaluation",
    )
