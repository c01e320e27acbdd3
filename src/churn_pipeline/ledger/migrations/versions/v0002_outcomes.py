"""What became of customers."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "outcomes",
        sa.Column(
            "outcome_id",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            sa.Identity(),
            primary_key=True,
            comment="Number, in the order of recording",
        ),
        _text("data_set", "dataset.name of params.yaml"),
        _text("customer", "Id of the customer"),
        _text("outcome", "churned, stayed (still a customer on that day) or withdrawn"),
        _day("happened_on", "Day of the event, or on which the customer was seen"),
        _day("known_at", "Day on which that became known"),
        _text("source", "What told of it: file"),
        sa.Column(
            "recorded_at", sa.DateTime(timezone=True), nullable=False, comment="When recorded, UTC"
        ),
    )
    key = ["data_set", "customer", "happened_on", "known_at", "outcome"]
    op.create_index("outcomes_key", "outcomes", key, unique=True)


def _text(name: str, comment: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, comment=comment)


def _day(name: str, comment: str) -> sa.Column[object]:
    return sa.Column(name, sa.Date, nullable=False, comment=comment)
