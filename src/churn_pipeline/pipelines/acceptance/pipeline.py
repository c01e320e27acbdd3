"""Acceptance: a model that failed a quality gate goes no further."""

from kedro.pipeline import Pipeline, node, pipeline

from churn_pipeline.pipelines.acceptance.nodes import accept


def create_pipeline() -> Pipeline:
    """Stop the run if the champion failed a gate."""
    return pipeline(
        [
            node(
                accept,
                inputs=["gates", "selection", "scorer", "model_card_page"],
                outputs="acceptance",
                name="accept",
            ),
        ],
        tags="acceptance",
    )
