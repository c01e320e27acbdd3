"""Scoring: whom to contact among the customers of a file, why, and what it is worth."""

from kedro.pipeline import Pipeline, node, pipeline

from churn_pipeline.pipelines.scoring.nodes import contract_of_requests, date_scores
from churn_pipeline.pipelines.scoring.parts import check_parts, set_apart
from churn_pipeline.pipelines.scoring.record import record_parts
from churn_pipeline.pipelines.scoring.report import report_scoring
from churn_pipeline.pipelines.scoring.scores import score_customers


def create_pipeline() -> Pipeline:
    """Score a file of customers by the packaged model, part by part; run on demand."""
    return pipeline(
        [
            node(
                contract_of_requests,
                inputs=["bundle", "customers_to_score", "params:scoring.date"],
                outputs="request_contract",
                name="contract_of_requests",
            ),
            node(
                check_parts,
                inputs=[
                    "customers_to_score",
                    "request_contract",
                    "bundle",
                    "scoring_parts",
                    "params:scoring.all_snapshots",
                    "params:split.period",
                ],
                outputs=["accepted_to_score", "rejected_to_score"],
                name="check_customers_to_score",
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
                inputs=["described_customers", "bundle"],
                outputs=["scored_customers", "ranked_customers"],
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
                    "scored_customers",
                    "bundle",
                    "request_contract",
                    "params:scoring.sink",
                    "params:scoring.date",
                    "params:scoring.all_snapshots",
                ],
                outputs="scoring_report",
                name="report_scoring",
            ),
            node(
                record_parts,
                inputs=[
                    "scored_customers",
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
