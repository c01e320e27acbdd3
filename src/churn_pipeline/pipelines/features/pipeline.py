"""Features: derive columns, split into a training and a test side."""

from kedro.pipeline import Pipeline, node, pipeline

from churn_pipeline.pipelines.features.nodes import derive_features, part_customers


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
                part_customers,
                inputs=["features", "contract", "params:split"],
                outputs=["train", "test", "split"],
                name="part_customers",
            ),
        ],
        tags="features",
    )
