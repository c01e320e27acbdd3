"""Training: compare the tuned candidates, choose the champion, fit and calibrate it."""

from kedro.pipeline import Pipeline, node, pipeline

from churn_pipeline.pipelines.training.nodes import (
    choose_and_calibrate,
    cross_validate_candidates,
    grow_candidates,
    list_candidate_metrics,
)


def create_pipeline() -> Pipeline:
    """Compare the tuned candidates on the training set, choose the champion and fit it."""
    return pipeline(
        [
            node(
                grow_candidates,
                inputs=[
                    "train",
                    "model_contract",
                    "tuned_settings",
                    "params:candidates",
                    "params:training",
                    "params:tuning.max_customers",
                ],
                outputs="candidate_settings",
                name="grow_candidates",
            ),
            node(
                cross_validate_candidates,
                inputs=["train", "model_contract", "candidate_settings", "params:training"],
                outputs=["out_of_fold", "cross_validation", "scoring_costs"],
                name="cross_validate_candidates",
            ),
            node(
                choose_and_calibrate,
                inputs=[
                    "cross_validation",
                    "out_of_fold",
                    "scoring_costs",
                    "train",
                    "model_contract",
                    "candidate_settings",
                    "params:training",
                ],
                outputs=["selection", "model", "reference_models"],
                name="choose_and_calibrate",
            ),
            node(
                list_candidate_metrics,
                inputs="selection",
                outputs="candidate_metrics",
                name="list_candidate_metrics",
            ),
        ],
        tags="training",
    )
