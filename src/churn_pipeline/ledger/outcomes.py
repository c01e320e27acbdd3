"""What became of customers, and what that says of their scores."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, get_args

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from churn_pipeline.ledger.schema import outcomes, scores

Outcome = Literal["churned", "stayed", "withdrawn"]
OUTCOMES: tuple[str, ...] = get_args(Outcome)
STATES = ("churned", "stayed", "pending", "unknown")
_ROWS_A_PIECE = 1_000


@dataclass(frozen=True)
class Told:
    """What somebody says of a customer.

    Attributes
    ----------
    customer : str
    outcome : {"churned", "stayed", "withdrawn"}
        ``stayed``: was a customer on that day; ``withdrawn``: what was said of that day is wrong.
    happened_on : date
    known_at : date or None
        When it became known. Of what is said of a customer and day, the latest holds. None: nobody
        said when, so today, unless the ledger has the same statement of an earlier day.
    """

    customer: str
    outcome: str
    happened_on: date
    known_at: date | None


def append_outcomes(
    opened: sa.Connection, told: Sequence[Told], *, data_set: str, source: str
) -> int:
    """Add outcomes that the ledger does not have; none is ever changed.

    Of one that does not say since when it is known, any with the same customer, outcome and day is
    the same: a file that is given again on another day must not overrule later corrections.

    Parameters
    ----------
    opened : Connection
        Of :meth:`churn_pipeline.ledger.store.Ledger.writing`.
    told : sequence of Told
    data_set, source : str

    Returns
    -------
    int
        How many are new.
    """
    now = datetime.now(UTC)
    today = now.date()
    dialect = sqlite if opened.dialect.name == "sqlite" else postgresql
    added = 0
    repeated = _said_already(opened, told, data_set)
    new = [
        one if one.known_at else replace(one, known_at=today)
        for one in told
        if one.known_at or _statement(one) not in repeated
    ]
    # in one order, so that no two writers wait for each other
    ordered = sorted(new, key=lambda t: (t.customer, t.happened_on, t.known_at, t.outcome))
    for start in range(0, len(ordered), _ROWS_A_PIECE):
        rows = [
            {**vars(one), "data_set": data_set, "source": source, "recorded_at": now}
            for one in ordered[start : start + _ROWS_A_PIECE]
        ]
        insert = dialect.insert(outcomes).values(rows).on_conflict_do_nothing()
        added += len(opened.execute(insert.returning(outcomes.c.outcome_id)).all())
    return added


def _statement(one: Told) -> tuple[str, str, date]:
    return one.customer, one.outcome, one.happened_on


def _said_already(
    opened: sa.Connection, told: Sequence[Told], data_set: str
) -> set[tuple[str, str, date]]:
    """Return what is said without a day of being known, and was said before or is so with one."""
    undated = {_statement(one) for one in told if one.known_at is None}
    found = undated & {_statement(one) for one in told if one.known_at is not None}
    customers = sorted({customer for customer, _, _ in undated})
    named = (outcomes.c.customer, outcomes.c.outcome, outcomes.c.happened_on)
    for start in range(0, len(customers), _ROWS_A_PIECE):
        piece = customers[start : start + _ROWS_A_PIECE]
        rows = opened.execute(
            sa.select(*named).where(outcomes.c.data_set == data_set, outcomes.c.customer.in_(piece))
        )
        found |= undated & {(who, outcome, day) for who, outcome, day in rows}
    return found


def count_without_score(opened: sa.Connection, customers: Sequence[str], data_set: str) -> int:
    """Return how many of these customers have no score in the ledger."""
    unique = sorted(set(customers))
    known = 0
    for start in range(0, len(unique), _ROWS_A_PIECE):
        found = sa.select(sa.func.count(scores.c.customer.distinct())).where(
            scores.c.data_set == data_set,
            scores.c.customer.in_(unique[start : start + _ROWS_A_PIECE]),
        )
        known += opened.execute(found).scalar_one()
    return len(unique) - known


def states(dialect: str, data_set: str, horizon_days: int, today: date) -> sa.Select[Any]:
    """Return the query of what became of each score within the horizon.

    ``churned``: the customer churned after ``as_of``, at most ``horizon_days`` later. ``stayed``:
    the customer did not, and was seen, or churned, on the last of these days or later; that
    nobody said anything proves nothing. ``pending``: the last of these days is yet to come.
    ``unknown``: it has passed, and nobody knows.

    Parameters
    ----------
    dialect : {"sqlite", "postgresql"}
    data_set : str
    horizon_days : int
    today : date
        What became known later is left out.

    Returns
    -------
    Select
        ``score_id``, ``customer``, ``as_of``, ``model_version``, ``churn_probability``, ``state``.
    """
    later = outcomes.alias("later")
    said, correction = outcomes.alias("said"), later.c
    overruled = (
        sa.exists()
        .select_from(later)
        .where(
            correction.data_set == said.c.data_set,
            correction.customer == said.c.customer,
            correction.happened_on == said.c.happened_on,
            correction.known_at <= today,
            sa.or_(
                correction.known_at > said.c.known_at,
                sa.and_(
                    correction.known_at == said.c.known_at,
                    correction.outcome_id > said.c.outcome_id,
                ),
            ),
        )
    )
    end = _days_later(dialect, scores.c.as_of, horizon_days)

    def is_said(*conditions: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
        return (
            sa.exists()
            .select_from(said)
            .where(
                said.c.data_set == scores.c.data_set,
                said.c.customer == scores.c.customer,
                said.c.known_at <= today,
                *conditions,
                ~overruled,
            )
        )

    churned = is_said(
        said.c.outcome == "churned", said.c.happened_on > scores.c.as_of, said.c.happened_on <= end
    )
    seen = is_said(said.c.outcome.in_(["churned", "stayed"]), said.c.happened_on >= end)
    last = today - timedelta(days=horizon_days)
    state = sa.case(
        (churned, "churned"), (seen, "stayed"), (scores.c.as_of > last, "pending"), else_="unknown"
    )
    named = ("score_id", "customer", "as_of", "model_version", "churn_probability")
    return sa.select(*(scores.c[name] for name in named), state.label("state")).where(
        scores.c.data_set == data_set
    )


def count_states(
    opened: sa.Connection, data_set: str, horizon_days: int, today: date
) -> list[tuple[date, str, dict[str, int]]]:
    """Return how many scores of each day and model are in each state, by day."""
    query = states(opened.dialect.name, data_set, horizon_days, today).subquery()
    day, model, state = query.c.as_of, query.c.model_version, query.c.state
    found: dict[tuple[date, str], dict[str, int]] = {}
    counted = sa.select(day, model, state, sa.func.count()).group_by(day, model, state)
    for as_of, version, name, n in opened.execute(counted.order_by(day, model)):
        found.setdefault((as_of, version), dict.fromkeys(STATES, 0))[name] = n
    return [(as_of, version, counts) for (as_of, version), counts in found.items()]


def _days_later(dialect: str, day: sa.Column[Any], days: int) -> sa.ColumnElement[Any]:
    if dialect == "sqlite":  # whose days are texts
        return sa.func.date(day, f"+{days} days", type_=sa.Date)
    return sa.cast(day + sa.literal(days, sa.Integer), sa.Date)
