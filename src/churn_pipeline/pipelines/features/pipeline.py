"""Features: derive columns, split into a training and a test side, combine columns."""

from kedro.pipeline import Pipeline, node, pipeline

from churn_pipeline.pipelines.features.nodes import (
    add_combinations,
    combine_columns,
    derive_features,
    split_customers,
)


def create_pipeline() -> Pipeline:
    """Derive the model's inputs and part the customers into training and test sides."""
    return pipeline(
        [
            node(
                derive_features,
                inputs=["customers", "contract"],
                outputs="derived_features",
                name="derive_features",
            ),
            node(
                split_customers,
                inputs=[
                    "derived_features",
                    "contract",
                    "params:split.test_share",
                    "params:split.seed",
                ],
                outputs=["training_side", "test_side"],
                name="split_customers",
            ),
            node(
                combine_columns,
                inputs=["training_side", "contract", "params:combinations"],
                outputs=["model_contract", "combinations"],
                name="combine_columns",
            ),
            *(
                node(
                    add_combinations,
                    inputs=[table, "model_contract"],
                    outputs=completed,
                    name=f"complete_{completed}",
                )
                for table, completed in (
                    ("derived_features", "features"),
                    ("training_side", "train"),
                    ("test_side", "test"),
                )
            ),
        ],
        tags="features",
    )
