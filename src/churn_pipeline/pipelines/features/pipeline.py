"""Features: derive columns, split into a training and a test side, combine columns."""

from kedro.pipeline import Pipeline, node, pipeline

from churn_pipeline.pipelines.features.nodes import (
    add_combinations,
    combine_columns,
    derive_features,
    part_customers,
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
                part_customers,
                inputs=["derived_features", "contract", "params:split"],
                outputs=["training_side", "test_side", "split"],
                name="part_customers",
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
