"""Ingestion: read, check, quarantine."""

from kedro.pipeline import Pipeline, node, pipeline

from churn_pipeline.pipelines.ingestion.nodes import (
    accept_customers,
    check_customers,
    quarantine_customers,
    report_data_quality,
)
from churn_pipeline.pipelines.ingestion.trainable import check_trainable


def create_pipeline() -> Pipeline:
    """Turn the user's file into checked customers and a quarantine of bad rows."""
    return pipeline(
        [
            node(
                check_customers,
                inputs=["raw_customers@source", "contract"],
                outputs=["typed_customers", "violations"],
                name="check_customers",
            ),
            node(
                quarantine_customers,
                inputs=["raw_customers@source", "typed_customers", "violations", "contract"],
                outputs=["accepted_customers", "rejected_customers"],
                name="quarantine_customers",
            ),
            node(
                report_data_quality,
                inputs=[
                    "raw_customers@source",
                    "typed_customers",
                    "rejected_customers",
                    "contract",
                ],
                outputs="data_quality",
                name="report_data_quality",
            ),
            node(
                accept_customers,
                inputs=[
                    "accepted_customers",
                    "data_quality",
                    "params:ingestion.max_rejected_share",
                ],
                outputs="well_formed_customers",
                name="accept_customers",
            ),
            node(
                check_trainable,
                inputs=[
                    "well_formed_customers",
                    "data_quality",
                    "contract",
                    "params:economics.customer_lifetime_value",
                    "params:split",
                    "params:tuning.folds",
                    "params:training.folds",
                ],
                outputs="customers",
                name="check_trainable",
            ),
        ],
        tags="ingestion",
    )
