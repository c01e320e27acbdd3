"""Scoring: whom to contact among the customers of a file, why, and what it is worth."""

from kedro.pipeline import Pipeline, node, pipeline

from churn_pipeline.pipelines.ingestion.nodes import check_customers, quarantine_customers
from churn_pipeline.pipelines.scoring.nodes import (
    contract_of_requests,
    date_scores,
    latest_snapshot,
    score_customers,
)


def create_pipeline() -> Pipeline:
    """Score a file of customers by the packaged model; run on demand."""
    return pipeline(
        [
            node(
                contract_of_requests,
                inputs=["bundle", "customers_to_score", "params:scoring.date"],
                outputs="request_contract",
                name="contract_of_requests",
            ),
            node(
                check_customers,
                inputs=["customers_to_score", "request_contract"],
                outputs=["checked_to_score", "violations_to_score"],
                name="check_customers_to_score",
            ),
            node(
                quarantine_customers,
                inputs=[
                    "customers_to_score",
                    "checked_to_score",
                    "violations_to_score",
                    "request_contract",
                ],
                outputs=["accepted_to_score", "rejected_to_score"],
                name="quarantine_customers_to_score",
            ),
            node(
                latest_snapshot,
                inputs=["accepted_to_score", "request_contract", "params:scoring.all_snapshots"],
                outputs="described_customers",
                name="latest_snapshot",
            ),
            node(
                score_customers,
                inputs=["described_customers", "bundle", "customers_to_score"],
                outputs="ranked_customers",
                name="score_customers",
            ),
            node(
                date_scores,
                inputs=[
                    "ranked_customers",
                    "request_contract",
                    "params:scoring.sink",
                    "params:scoring.date",
                ],
                outputs=["scores", "scores_sink"],
                name="date_scores",
            ),
        ],
        tags="scoring",
    )
