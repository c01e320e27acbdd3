"""What the ledger holds. ``migrations`` creates it; a test compares the two."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

VERSION = "0003"
"""Revision that this code reads and writes: the name of the last of ``migrations/versions``."""

VERSION_TABLE = "ledger_version"

metadata = sa.MetaData()

_UUID = sa.Text().with_variant(postgresql.UUID(as_uuid=False), "postgresql")


def _reason(place: int) -> list[sa.Column[object]]:
    return [
        sa.Column(
            f"reason_{place}", sa.Text, comment=f"Reason {place} of the score in words, if any"
        ),
        sa.Column(
            f"contribution_{place}",
            sa.Double,
            comment=f"What reason {place} adds to the log-odds of churning",
        ),
    ]


scores = sa.Table(
    "scores",
    metadata,
    sa.Column(
        "score_id", _UUID, primary_key=True, comment="The day, and a hash of the key; the same for "
        "the same key",
    ),
    sa.Column("data_set", sa.Text, nullable=False, comment="dataset.name of params.yaml"),
    sa.Column("customer", sa.Text, nullable=False, comment="Id of the customer"),
    sa.Column(
        "row_id", sa.Text, nullable=False, comment="Id of the row that was scored; that of the "
        "customer where the table has no ids of rows",
    ),
    sa.Column("as_of", sa.Date, nullable=False, comment="Day on which the row describes the "
              "customer"),
    sa.Column(
        "scored_at", sa.DateTime(timezone=True), nullable=False, comment="When the score was "
        "recorded, UTC",
    ),
    sa.Column("source", sa.Text, nullable=False, comment="batch or online"),
    sa.Column("churn_probability", sa.Double, nullable=False, comment="Calibrated, 0 to 1"),
    sa.Column(
        "lifetime_value", sa.Double, nullable=False, comment="What the customer is worth if "
        "retained, in economics.currency",
    ),
    sa.Column("tier", sa.Text, nullable=False, comment="Of the churn probability"),
    sa.Column("recommended_action", sa.Text, nullable=False, comment="How to contact the customer"),
    sa.Column("contact", sa.Boolean(create_constraint=False), nullable=False,
              comment="Whether a contact is expected to pay"),
    sa.Column(
        "expected_profit", sa.Double, nullable=False, comment="Of contacting the customer rather "
        "than not, in economics.currency",
    ),
    *_reason(1),
    *_reason(2),
    *_reason(3),
    sa.Column("model_version", sa.Text, nullable=False, comment="Version of the bundle that "
              "answered"),
    sa.Index(
        "scores_key", "data_set", "customer", "row_id", "as_of", "model_version", "source",
        unique=True,
    ),
    # the day first: else SQLite would take it for the scores of a customer in order of days
    sa.Index("scores_as_of", "as_of", "data_set", "model_version", "source"),
)  # fmt: skip

erasures = sa.Table(
    "erasures",
    metadata,
    sa.Column("erasure_id", sa.Integer, sa.Identity(), primary_key=True, comment="Number"),
    sa.Column("data_set", sa.Text, nullable=False, comment="dataset.name of params.yaml"),
    sa.Column("erased_at", sa.DateTime(timezone=True), nullable=False, comment="UTC"),
    sa.Column(
        "customer_hash", sa.Text, comment="Keyed hash of the id, as in the audit log; null where "
        "there was no file of API keys",
    ),
    sa.Column("erased_by", sa.Text, nullable=False, comment="User of the operating system"),
    sa.Column("rows_erased", sa.BigInteger, nullable=False, comment="In all tables"),
)  # fmt: skip

outcomes = sa.Table(
    "outcomes",
    metadata,
    sa.Column(
        "outcome_id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), sa.Identity(),
        primary_key=True, comment="Number, in the order of recording",
    ),
    sa.Column("data_set", sa.Text, nullable=False, comment="dataset.name of params.yaml"),
    sa.Column("customer", sa.Text, nullable=False, comment="Id of the customer"),
    sa.Column(
        "outcome", sa.Text, nullable=False, comment="churned, stayed (still a customer on that "
        "day) or withdrawn",
    ),
    sa.Column(
        "happened_on", sa.Date, nullable=False, comment="Day of the event, or on which the "
        "customer was seen",
    ),
    sa.Column("known_at", sa.Date, nullable=False, comment="Day on which that became known"),
    sa.Column("source", sa.Text, nullable=False, comment="What told of it: file"),
    sa.Column(
        "recorded_at", sa.DateTime(timezone=True), nullable=False, comment="When recorded, UTC"
    ),
    sa.Index(
        "outcomes_key", "data_set", "customer", "happened_on", "known_at", "outcome", unique=True
    ),
)  # fmt: skip

campaigns = sa.Table(
    "campaigns",
    metadata,
    sa.Column("data_set", sa.Text, primary_key=True, comment="dataset.name of params.yaml"),
    sa.Column("campaign", sa.Text, primary_key=True, comment="Name of the campaign"),
    sa.Column("status", sa.Text, nullable=False, comment="confirmed, or closed once its outcomes "
              "are known"),
    sa.Column("purpose", sa.Text, nullable=False, comment="In words"),
    sa.Column("as_of", sa.Date, nullable=False, comment="Day of the scores it was planned from"),
    sa.Column("model_version", sa.Text, nullable=False, comment="Of the scores"),
    sa.Column("held_out_share", sa.Double, nullable=False, comment="Probability with which a "
              "selected customer is held out"),
    sa.Column("contacted", sa.Integer, nullable=False, comment="Customers to contact"),
    sa.Column("held_out", sa.Integer, nullable=False, comment="Customers held out"),
    sa.Column("expected_profit", sa.Double, nullable=False, comment="Of all contacts"),
    sa.Column("expected_cost", sa.Double, nullable=False, comment="Of all contacts and incentives"),
    sa.Column("contact_by", sa.Date, nullable=False, comment="Last day to contact"),
    sa.Column("matures_on", sa.Date, comment="Day on which the outcomes of all are known; null "
              "where the contract has no horizon"),
    sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=False, comment="UTC"),
    sa.Column("document", sa.Text, nullable=False, comment="campaign.json"),
    sa.Column("closed_at", sa.DateTime(timezone=True), comment="UTC"),
    sa.Column("profit", sa.Double, comment="Retained value minus cost, once closed"),
    sa.Column("result", sa.Text, comment="result.json, once closed"),
)  # fmt: skip

contacts = sa.Table(
    "contacts",
    metadata,
    sa.Column("data_set", sa.Text, primary_key=True, comment="dataset.name of params.yaml"),
    sa.Column("campaign", sa.Text, primary_key=True, comment="Name of the campaign"),
    sa.Column("customer", sa.Text, primary_key=True, comment="Id of the customer"),
    sa.Column("score_id", _UUID, nullable=False, comment="Score that the customer was selected by"),
    sa.Column("arm", sa.Text, nullable=False, comment="contact or held_out"),
    sa.Column("action", sa.Text, nullable=False, comment="Action that was chosen"),
    sa.Column("rank", sa.Integer, nullable=False, comment="By expected profit, from 1"),
    sa.Column("churn_probability", sa.Double, nullable=False, comment="Of the score"),
    sa.Column("value_at_risk", sa.Double, nullable=False, comment="Churn probability times "
              "lifetime value"),
    sa.Column("expected_profit", sa.Double, nullable=False, comment="Of the action"),
    sa.Column("expected_cost", sa.Double, nullable=False, comment="Of the action"),
    sa.Column("contact_by", sa.Date, nullable=False, comment="Last day to contact"),
    sa.Column("churned", sa.Boolean(create_constraint=False), comment="Outcome, once the campaign "
              "is closed; null where it is not known"),
    sa.Index("contacts_customer", "data_set", "customer"),
)  # fmt: skip

OF_A_CUSTOMER = tuple(table for table in metadata.sorted_tables if "customer" in table.columns)
"""Tables with rows of a customer: what an erasure goes through."""
