"""Publishing: the features in a database."""

from kedro.pipeline import Pipeline, node, pipeline

from churn_pipeline.pipelines.publishing.nodes import version_features


def create_pipeline() -> Pipeline:
    """Write the features into a database, for other programs; run on demand."""
    return pipeline(
        [
            node(
                version_features,
                inputs=[
                    "features",
                    "model_contract",
                    "params:publishing.sink",
                    "params:publishing.date",
                ],
                outputs="features_sink",
                name="version_features",
            ),
        ],
        tags="publishing",
    )
