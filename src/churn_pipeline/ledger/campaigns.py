"""Campaigns in the ledger: the scores they are planned from, whom they contact, what came of it."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from churn_pipeline.errors import LedgerError
from churn_pipeline.ledger.outcomes import states
from churn_pipeline.ledger.schema import campaigns, contacts

CONFIRMED, CLOSED = "confirmed", "closed"
_ROWS_A_PIECE = 10_000


def wait_for_campaigns(opened: sa.Connection) -> None:
    """Keep others from recording campaigns until the transaction ends; SQLite always does."""
    if opened.dialect.name == "postgresql":
        opened.execute(sa.text("lock table campaigns in share row exclusive mode"))


def not_to_contact(
    opened: sa.Connection, data_set: str, campaign: str, as_of: date, days_between: int
) -> dict[str, str]:
    """Return who takes part in another campaign, and why that keeps them from this one.

    Those who were to be contacted less than so many days before, and those who are held out of a
    campaign whose outcomes are not known yet: contacting them would spoil the comparison.
    """
    of_others = sa.and_(
        campaigns.c.data_set == contacts.c.data_set,
        campaigns.c.campaign == contacts.c.campaign,
        campaigns.c.campaign != campaign,
    )
    recent = campaigns.c.as_of > as_of - timedelta(days=days_between)
    open_still = sa.and_(contacts.c.arm == "held_out", campaigns.c.status != CLOSED)
    rows = opened.execute(
        sa.select(contacts.c.customer, contacts.c.arm, contacts.c.campaign)
        .select_from(contacts.join(campaigns, of_others))
        .where(
            contacts.c.data_set == data_set,
            sa.or_(sa.and_(contacts.c.arm == "contact", recent), open_still),
        )
        .order_by(contacts.c.customer, contacts.c.campaign)
    )
    said = {"contact": "contacted by", "held_out": "held out of"}
    return {customer: f"{said[arm]} {name}" for customer, arm, name in rows}


def record_campaign(
    opened: sa.Connection,
    data_set: str,
    document: Mapping[str, Any],
    selected: Iterable[Mapping[Any, Any]],
    confirmed_at: datetime,
) -> bool:
    """Add a confirmed campaign and its contacts, which never change from then on.

    Parameters
    ----------
    opened : Connection
        Of :meth:`churn_pipeline.ledger.store.Ledger.writing`.
    data_set : str
    document : mapping
        See :func:`churn_pipeline.campaigns.draft.draft_campaign`.
    selected : iterable of mapping
        Likewise, row by row.
    confirmed_at : datetime
        With a time zone.

    Returns
    -------
    bool
        False if the ledger has this very campaign already.

    Raises
    ------
    LedgerError
        If it has another one of this name.
    """
    name = document["campaign"]
    text = json.dumps(document, sort_keys=True, ensure_ascii=False)
    there = find_campaign(opened, data_set, name)
    if there is not None:
        if there["document"] == text:
            return False
        raise LedgerError(
            f"the campaign {name} was confirmed already, on {there['confirmed_at']:%Y-%m-%d}, with "
            "another plan; a confirmed campaign does not change: plan another one, of another name"
        )
    as_of = date.fromisoformat(document["as_of"])
    horizon = document["horizon_days"]
    row = {
        "data_set": data_set,
        "campaign": name,
        "status": CONFIRMED,
        "purpose": document["purpose"],
        "as_of": as_of,
        "model_version": document["model_version"],
        "held_out_share": document["held_out_share"],
        "contacted": document["customers"]["contacted"],
        "held_out": document["customers"]["held_out"],
        "expected_profit": document["expected"]["profit"],
        "expected_cost": document["expected"]["cost"],
        "contact_by": as_of + timedelta(days=document["contact_days"]),
        "matures_on": None if horizon is None else as_of + timedelta(days=horizon),
        "confirmed_at": confirmed_at.astimezone(UTC),
        "document": text,
    }
    try:
        opened.execute(campaigns.insert().values(row))
    except sa.exc.IntegrityError:
        raise LedgerError(
            f"the campaign {name} is being confirmed by somebody else; `kedro campaign show {name}`"
        ) from None
    piece: list[dict[str, Any]] = []
    for line in selected:
        values = {key: line[key] for key in contacts.c.keys() & line.keys()}
        day = date.fromisoformat(str(line["contact_by"]))
        piece.append({**values, "data_set": data_set, "campaign": name, "contact_by": day})
        if len(piece) == _ROWS_A_PIECE:
            opened.execute(contacts.insert(), piece)
            piece = []
    if piece:
        opened.execute(contacts.insert(), piece)
    return True


def find_campaign(opened: sa.Connection, data_set: str, name: str) -> dict[str, Any] | None:
    """Return a campaign's row, None if there is none of this name."""
    found = opened.execute(
        sa.select(campaigns).where(campaigns.c.data_set == data_set, campaigns.c.campaign == name)
    ).mappings()
    row = found.one_or_none()
    return None if row is None else dict(row)


def campaigns_of(opened: sa.Connection, data_set: str) -> list[dict[str, Any]]:
    """Return all campaigns of a data set, the earliest first."""
    rows = opened.execute(
        sa.select(campaigns)
        .where(campaigns.c.data_set == data_set)
        .order_by(campaigns.c.as_of, campaigns.c.campaign)
    )
    return [dict(row) for row in rows.mappings()]


def contacts_of(opened: sa.Connection, data_set: str, name: str) -> list[dict[str, Any]]:
    """Return all selected customers of a campaign by rank, held-out ones included."""
    rows = opened.execute(
        sa.select(contacts)
        .where(contacts.c.data_set == data_set, contacts.c.campaign == name)
        .order_by(contacts.c.rank)
    )
    return [dict(row) for row in rows.mappings()]


def outcomes_of(
    opened: sa.Connection, data_set: str, name: str, horizon_days: int, today: date
) -> dict[str, bool]:
    """Return which of a campaign's customers churned within the horizon of their score.

    By :func:`churn_pipeline.ledger.outcomes.states`; those whose state is pending or unknown are
    not in it.
    """
    state = states(opened.dialect.name, data_set, horizon_days, today).subquery()
    rows = opened.execute(
        sa.select(contacts.c.customer, state.c.state)
        .join(state, state.c.score_id == contacts.c.score_id)
        .where(
            contacts.c.data_set == data_set,
            contacts.c.campaign == name,
            state.c.state.in_(["churned", "stayed"]),
        )
    )
    return {customer: found == "churned" for customer, found in rows}


def close_campaign(
    opened: sa.Connection,
    data_set: str,
    name: str,
    outcomes: Mapping[str, bool],
    result: Mapping[str, Any],
    closed_at: datetime,
) -> None:
    """Add what came of a campaign; closing it again replaces that.

    Parameters
    ----------
    opened : Connection
        Of :meth:`churn_pipeline.ledger.store.Ledger.writing`.
    data_set, name : str
    outcomes : mapping of str to bool
        Customer → whether they churned.
    result : mapping
        See :func:`churn_pipeline.campaigns.result.measure_campaign`.
    closed_at : datetime
        With a time zone.
    """
    of_campaign = [contacts.c.data_set == data_set, contacts.c.campaign == name]
    opened.execute(contacts.update().where(*of_campaign).values(churned=None))
    of_customer = (
        contacts.update()
        .where(*of_campaign, contacts.c.customer == sa.bindparam("who"))
        .values(churned=sa.bindparam("left"))
    )
    for piece in _pieces([{"who": who, "left": left} for who, left in sorted(outcomes.items())]):
        opened.execute(of_customer, piece)
    opened.execute(
        campaigns.update()
        .where(campaigns.c.data_set == data_set, campaigns.c.campaign == name)
        .values(
            status=CLOSED,
            closed_at=closed_at.astimezone(UTC),
            profit=None if result["profit"] is None else result["profit"]["value"],
            result=json.dumps(result, sort_keys=True, ensure_ascii=False),
        )
    )


def _pieces(rows: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, len(rows), _ROWS_A_PIECE):
        yield rows[start : start + _ROWS_A_PIECE]
