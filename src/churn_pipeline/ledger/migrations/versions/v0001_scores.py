"""Scores, and the record of erasures."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create both tables."""
    reasons = [
        column
        for place in (1, 2, 3)
        for column in (
            sa.Column(
                f"reason_{place}", sa.Text, comment=f"Reason {place} of the score in words, if any"
            ),
            sa.Column(
                f"contribution_{place}",
                sa.Double,
                comment=f"What reason {place} adds to the log-odds of churning",
            ),
        )
    ]
    op.create_table(
        "scores",
        sa.Column(
            "score_id",
            sa.Text().with_variant(postgresql.UUID(as_uuid=False), "postgresql"),
            primary_key=True,
            comment="The day, and a hash of the key; the same for the same key",
        ),
        _text("data_set", "dataset.name of params.yaml"),
        _text("customer", "Id of the customer"),
        _text(
            "row_id",
            "Id of the row that was scored; that of the customer where the table has no ids of "
            "rows",
        ),
        sa.Column(
            "as_of",
            sa.Date,
            nullable=False,
            comment="Day on which the row describes the customer",
        ),
        _time("scored_at", "When the score was recorded, UTC"),
        _text("source", "batch or online"),
        _number("churn_probability", "Calibrated, 0 to 1"),
        _number(
            "lifetime_value",
            "What the customer is worth if retained, in economics.currency",
        ),
        _text("tier", "Of the churn probability"),
        _text("recommended_action", "How to contact the customer"),
        sa.Column(
            "contact",
            sa.Boolean(create_constraint=False),
            nullable=False,
            comment="Whether a contact is expected to pay",
        ),
        _number(
            "expected_profit", "Of contacting the customer rather than not, in economics.currency"
        ),
        *reasons,
        _text("model_version", "Version of the bundle that answered"),
    )
    key = ["data_set", "customer", "row_id", "as_of", "model_version", "source"]
    op.create_index("scores_key", "scores", key, unique=True)
    op.create_index("scores_as_of", "scores", ["as_of", "data_set", "model_version", "source"])
    op.create_table(
        "erasures",
        # an identity, not a sequence, which every writer would need a right to
        sa.Column("erasure_id", sa.Integer, sa.Identity(), primary_key=True, comment="Number"),
        _text("data_set", "dataset.name of params.yaml"),
        _time("erased_at", "UTC"),
        sa.Column(
            "customer_hash",
            sa.Text,
            comment="Keyed hash of the id, as in the audit log; null where there was no file of "
            "API keys",
        ),
        _text("erased_by", "User of the operating system"),
        sa.Column("rows_erased", sa.BigInteger, nullable=False, comment="In all tables"),
    )


def _text(name: str, comment: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, comment=comment)


def _number(name: str, comment: str) -> sa.Column[float]:
    return sa.Column(name, sa.Double, nullable=False, comment=comment)


def _time(name: str, comment: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, comment=comment)
