"""The latest scores of a batch, one a customer."""

from datetime import date
from typing import Any

import sqlalchemy as sa

from churn_pipeline.errors import LedgerError
from churn_pipeline.ledger.schema import scores

_SCORE = (
    "customer", "score_id", "as_of", "model_version", "churn_probability", "lifetime_value", "tier",
    "reason_1", "reason_2", "reason_3",
)  # fmt: skip


def last_day(opened: sa.Connection, data_set: str) -> date:
    """Return the latest day that a batch has scores of.

    Raises
    ------
    LedgerError
        If there are none.
    """
    day: date | None = opened.execute(
        sa.select(sa.func.max(scores.c.as_of)).where(
            scores.c.data_set == data_set, scores.c.source == "batch"
        )
    ).scalar()
    if day is None:
        raise _no_scores(data_set)
    return day


def latest_scores(
    opened: sa.Connection, data_set: str, day: date, first_day: date
) -> list[dict[str, Any]]:
    """Return each customer's latest score of some days, by the model that scored last.

    Of several scores of a customer and day, the one whose contact would pay most counts.

    Parameters
    ----------
    opened : Connection
        Of :meth:`churn_pipeline.ledger.store.Ledger.reading`.
    data_set : str
    day : date
        The last of the days, which the scores are taken for.
    first_day : date
        The first: customers of one period may have different snapshots.

    Raises
    ------
    LedgerError
        If there are none of the last day.
    """
    of_day = [scores.c.data_set == data_set, scores.c.source == "batch", scores.c.as_of == day]
    version = opened.execute(
        sa.select(scores.c.model_version)
        .where(*of_day)
        .order_by(scores.c.scored_at.desc(), scores.c.model_version)
        .limit(1)
    ).scalar()
    if version is None:
        raise _no_scores(data_set, day)
    place = sa.func.row_number().over(
        partition_by=scores.c.customer,
        order_by=(scores.c.as_of.desc(), scores.c.expected_profit.desc(), scores.c.row_id),
    )
    ranked = (
        sa.select(*(scores.c[name] for name in _SCORE), place.label("place"))
        .where(*of_day[:2], scores.c.as_of.between(first_day, day))
        .where(scores.c.model_version == version)
        .subquery()
    )
    rows = opened.execute(
        sa.select(*(ranked.c[name] for name in _SCORE))
        .where(ranked.c.place == 1)
        .order_by(ranked.c.customer)
    )
    return [{**row, "as_of": day.isoformat()} for row in rows.mappings()]


def _no_scores(data_set: str, day: date | None = None) -> LedgerError:
    return LedgerError(
        f"the ledger has no scores of {data_set}{f' as of {day}' if day else ''}; "
        "`kedro run --pipelines scoring` writes them, `kedro ledger status` lists those there"
    )
