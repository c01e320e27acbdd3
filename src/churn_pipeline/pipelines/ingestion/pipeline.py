"""Ingestion: read, check, quarantine."""

from kedro.pipeline import Pipeline, node, pipeline

from churn_pipeline.pipelines.ingestion.nodes import (
    accept_customers,
    check_customers,
    quarantine_customers,
    report_data_quality,
)


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
                outputs="customers",
                name="accept_customers",
            ),
        ],
        tags="ingestion",
    )
