"""Evaluation: score the test set once; measure, compare, explain, check the gates."""

from kedro.pipeline import Pipeline, node, pipeline

from churn_pipeline.packaging.reference import reference_statistics
from churn_pipeline.pipelines.evaluation.explanations import (
    draw_explanations,
    explain_test_customers,
)
from churn_pipeline.pipelines.evaluation.gates import check_gates
from churn_pipeline.pipelines.evaluation.nodes import (
    compare_on_test,
    draw_figures,
    measure,
    score_test_customers,
    trace_curves,
)
from churn_pipeline.pipelines.evaluation.periods import (
    compare_with_cross_validation,
    draw_periods,
    measure_by_period,
)
from churn_pipeline.pipelines.evaluation.stability import measure_reason_stability

_CURVES = [
    "roc_curve",
    "precision_recall_curve",
    "calibration_curve",
    "gains_curve",
]
_DRAWN = _CURVES[:-1]  # the gains are drawn with the decision


def create_pipeline() -> Pipeline:
    """Measure the champion on the test set, and check the quality gates."""
    return pipeline(
        [
            node(
                score_test_customers,
                inputs=["scorer", "reference_models", "test", "model_contract"],
                outputs="test_scores",
                name="score_test_customers",
            ),
            node(
                trace_curves,
                inputs=["test_scores", "params:evaluation"],
                outputs=_CURVES,
                name="trace_curves",
            ),
            node(
                compare_on_test,
                inputs=["test_scores", "selection", "params:evaluation"],
                outputs="delong",
                name="compare_on_test",
            ),
            node(
                measure,
                inputs=["test_scores", "params:evaluation"],
                outputs="model_metrics",
                name="measure",
            ),
            node(
                explain_test_customers,
                inputs=["scorer", "test", "model_contract", "params:evaluation"],
                outputs=["reasons", "shap_importance", "shap_dependence"],
                name="explain_test_customers",
            ),
            node(
                measure_reason_stability,
                inputs=["model", "scorer", "train", "test", "model_contract", "params:evaluation"],
                outputs="reason_stability",
                name="measure_reason_stability",
            ),
            node(
                measure_by_period,
                inputs=[
                    "test_scores",
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
                reference_statistics,
                inputs=["train", "test_scores", "model_contract"],
                outputs="reference",
                name="reference_statistics",
            ),
            node(
                draw_figures,
                inputs=[*_DRAWN, "test_scores", "model_metrics"],
                outputs=[f"{curve}_figure" for curve in _DRAWN],
                name="draw_figures",
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
                compare_with_cross_validation,
                inputs=["test_scores", "out_of_fold", "model", "train", "model_contract"],
                outputs="validation_gap",
                name="compare_with_cross_validation",
            ),
            node(
                check_gates,
                inputs=[
                    "scorer",
                    "champion_model",
                    "model_metrics",
                    "test_scores",
                    "test",
                    "model_contract",
                    "params:gates",
                    "params:evaluation",
                    "validation_gap",
                    "split",
                    "params:split",
                ],
                outputs="gates",
                name="check_gates",
            ),
        ],
        tags="evaluation",
    )
