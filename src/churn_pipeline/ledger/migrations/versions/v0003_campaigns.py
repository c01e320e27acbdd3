"""Campaigns and whom they contact."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"

_UUID = sa.Text().with_variant(postgresql.UUID(as_uuid=False), "postgresql")


def upgrade() -> None:
    """Create both tables."""
    op.create_table(
        "campaigns",
        _key("data_set", "dataset.name of params.yaml"),
        _key("campaign", "Name of the campaign"),
        _column("status", sa.Text, "confirmed, or closed once its outcomes are known"),
        _column("purpose", sa.Text, "In words"),
        _column("as_of", sa.Date, "Day of the scores it was planned from"),
        _column("model_version", sa.Text, "Of the scores"),
        _column(
            "held_out_share",
            sa.Double,
            "Probability with which a selected customer is held out",
        ),
        _column("contacted", sa.Integer, "Customers to contact"),
        _column("held_out", sa.Integer, "Customers held out"),
        _column("expected_profit", sa.Double, "Of all contacts"),
        _column("expected_cost", sa.Double, "Of all contacts and incentives"),
        _column("contact_by", sa.Date, "Last day to contact"),
        sa.Column(
            "matures_on",
            sa.Date,
            comment="Day on which the outcomes of all are known; null where the contract has no "
            "horizon",
        ),
        _column("confirmed_at", sa.DateTime(timezone=True), "UTC"),
        _column("document", sa.Text, "campaign.json"),
        sa.Column("closed_at", sa.DateTime(timezone=True), comment="UTC"),
        sa.Column("profit", sa.Double, comment="Retained value minus cost, once closed"),
        sa.Column("result", sa.Text, comment="result.json, once closed"),
    )
    op.create_table(
        "contacts",
        _key("data_set", "dataset.name of params.yaml"),
        _key("campaign", "Name of the campaign"),
        _key("customer", "Id of the customer"),
        _column("score_id", _UUID, "Score that the customer was selected by"),
        _column("arm", sa.Text, "contact or held_out"),
        _column("action", sa.Text, "Action that was chosen"),
        _column("rank", sa.Integer, "By expected profit, from 1"),
        _column("churn_probability", sa.Double, "Of the score"),
        _column("value_at_risk", sa.Double, "Churn probability times lifetime value"),
        _column("expected_profit", sa.Double, "Of the action"),
        _column("expected_cost", sa.Double, "Of the action"),
        _column("contact_by", sa.Date, "Last day to contact"),
        sa.Column(
            "churned",
            sa.Boolean(create_constraint=False),
            comment="Outcome, once the campaign is closed; null where it is not known",
        ),
    )
    op.create_index("contacts_customer", "contacts", ["data_set", "customer"])


def _key(name: str, comment: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, primary_key=True, comment=comment)


def _column(name: str, kind: Any, comment: str) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False, comment=comment)
