"""Tuning: search the settings of every candidate."""

from kedro.pipeline import Pipeline, node, pipeline

from churn_pipeline.pipelines.tuning.nodes import tune_candidates
from churn_pipeline.reporting.tuning_page import render_tuning_page


def create_pipeline() -> Pipeline:
    """Search the settings of every candidate on the training set."""
    return pipeline(
        [
            node(
                tune_candidates,
                inputs=["train", "model_contract", "params:candidates", "params:tuning", "studies"],
                outputs=["trials", "tuned_settings"],
                name="tune_candidates",
            ),
            node(
                render_tuning_page,
                inputs=["trials", "params:candidates"],
                outputs="tuning_page",
                name="render_tuning_page",
                tags="reporting",
            ),
        ],
        tags="tuning",
    )
