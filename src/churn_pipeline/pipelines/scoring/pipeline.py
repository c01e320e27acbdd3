"""Scoring: whom to contact among the customers of a file, why, and what it is worth."""

from kedro.pipeline import Pipeline, node, pipeline

from churn_pipeline.pipelines.ingestion.nodes import check_customers, quarantine_customers
from churn_pipeline.pipelines.scoring.nodes import (
    contract_of_requests,
    date_scores,
    score_customers,
    set_apart,
)
from churn_pipeline.pipelines.scoring.record import record_scores
from churn_pipeline.pipelines.scoring.report import report_scoring


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
                set_apart,
                inputs=[
                    "accepted_to_score",
                    "request_contract",
                    "bundle",
                    "customers_to_score",
                    "params:scoring.all_snapshots",
                    "params:split.period",
                ],
                outputs=["described_customers", "not_scored"],
                name="set_apart",
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
            node(
                report_scoring,
                inputs=[
                    "customers_to_score",
                    "rejected_to_score",
                    "not_scored",
                    "described_customers",
                    "ranked_customers",
                    "bundle",
                    "request_contract",
                    "params:scoring.sink",
                    "params:scoring.date",
                ],
                outputs="scoring_report",
                name="report_scoring",
            ),
            node(
                record_scores,
                inputs=[
                    "ranked_customers",
                    "described_customers",
                    "request_contract",
                    "bundle",
                    "scoring_report",
                ],
                outputs="scores_ledger",
                name="record_scores",
            ),
        ],
        tags="scoring",
    )
