"""Packaging: the accepted model with all that is said of it, ready to be shipped."""

from kedro.pipeline import Pipeline, node, pipeline

from churn_pipeline.pipelines.packaging.nodes import package_model


def create_pipeline() -> Pipeline:
    """Make the bundle of the accepted model."""
    return pipeline(
        [
            node(
                package_model,
                inputs=[
                    "scorer",
                    "gates",
                    "acceptance",
                    "selection",
                    "metrics",
                    "economics",
                    "data_quality",
                    "reference",
                    "test_predictions",
                    "params:economics",
                ],
                outputs="bundle",
                name="package_model",
            ),
        ],
        tags="packaging",
    )
