"""Features: derive columns, split into a training and a test set, combine columns."""

from kedro.pipeline import Pipeline, node, pipeline

from churn_pipeline.pipelines.features.nodes import (
    add_combinations,
    combine_columns,
    derive_features,
    split_rows,
)
from churn_pipeline.pipelines.features.trainable import check_customers, check_training_side


def create_pipeline() -> Pipeline:
    """Derive the model's inputs and split the customers into a training and a test set."""
    return pipeline(
        [
            node(
                check_customers,
                inputs=["customers", "contract", "params:economics.customer_lifetime_value"],
                outputs="usable_customers",
                name="check_usable_customers",
            ),
            node(
                derive_features,
                inputs=["usable_customers", "contract"],
                outputs="derived_features",
                name="derive_features",
            ),
            node(
                split_rows,
                inputs=["derived_features", "contract", "params:split"],
                outputs=["drawn_training_side", "test_side", "split"],
                name="split_rows",
            ),
            node(
                check_training_side,
                inputs=[
                    "drawn_training_side",
                    "contract",
                    "params:tuning.folds",
                    "params:training.folds",
                ],
                outputs="training_side",
                name="check_training_side",
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
