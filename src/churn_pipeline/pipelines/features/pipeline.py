"""Features: derive columns, split into a training and a test side."""

from kedro.pipeline import Pipeline, node, pipeline

from churn_pipeline.pipelines.features.nodes import derive_features, split_customers


def create_pipeline() -> Pipeline:
    """Derive the model's inputs and part the customers into training and test sides."""
    return pipeline(
        [
            node(
                derive_features,
                inputs=["customers", "contract"],
                outputs="features",
                name="derive_features",
            ),
            node(
                split_customers,
                inputs=["features", "contract", "params:split.test_share", "params:split.seed"],
                outputs=["train", "test"],
                name="split_customers",
            ),
        ],
        tags="features",
    )
