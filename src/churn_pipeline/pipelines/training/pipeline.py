"""Training: cross-validate the candidates, choose the champion, fit it."""

from kedro.pipeline import Pipeline, node, pipeline

from churn_pipeline.modeling.cross_validation import choose_champion
from churn_pipeline.pipelines.training.nodes import (
    cross_validate_candidates,
    fit_champion,
)


def create_pipeline() -> Pipeline:
    """Compare the candidates on the training side and fit the best one."""
    return pipeline(
        [
            node(
                cross_validate_candidates,
                inputs=["train", "contract", "params:training"],
                outputs="cross_validation",
                name="cross_validate_candidates",
            ),
            node(
                choose_champion,
                inputs="cross_validation",
                outputs="selection",
                name="choose_champion",
            ),
            node(
                fit_champion,
                inputs=["train", "contract", "params:training", "selection"],
                outputs="model",
                name="fit_champion",
            ),
        ],
        tags="training",
    )
