"""Campaigns in a ledger of SQLite and of PostgreSQL."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pandas as pd
import pytest

from churn_pipeline.campaigns.actions import Action
from churn_pipeline.campaigns.draft import Draft, Terms, draft_campaign
from churn_pipeline.campaigns.planning import Limits
from churn_pipeline.errors import LedgerError
from churn_pipeline.ledger.campaigns import (
    campaigns_of,
    close_campaign,
    contacts_of,
    find_campaign,
    not_to_contact,
    outcomes_of,
    record_campaign,
)
from churn_pipeline.ledger.erasure import forget
from churn_pipeline.ledger.latest import last_day, latest_scores
from churn_pipeline.ledger.outcomes import Told, append_outcomes
from churn_pipeline.scorer.decisions import Economics
from tests.ledger.books import Book, scores

CALL = Action("call", Economics(0.0, 10.0, 1.0, 6, 14))
JANUARY = date(2026, 1, 31)
NOW = datetime(2026, 2, 1, 9, tzinfo=UTC)


def draft(book: Book, name: str = "spring", contacts: int | None = None) -> Draft:
    with book.ledger.reading() as opened:
        found = pd.DataFrame(latest_scores(opened, "bank", JANUARY, JANUARY))
    return draft_campaign(found, Terms(name, "", [CALL], Limits(None, contacts), 0.3, 7, 30))


def confirm(book: Book, drafted: Draft) -> bool:
    with book.ledger.writing() as opened:
        rows = drafted.contacts.to_dict("records")
        return record_campaign(opened, "bank", drafted.document, rows, NOW)


@pytest.fixture
def filled(book: Book) -> Book:
    book.dataset().save(scores(200))
    return book


def test_the_latest_scores_are_of_the_last_day_and_model(filled: Book) -> None:
    filled.dataset().save(scores(50, "2026-02-28", "m2"))
    filled.dataset().save(scores(30, "2026-02-28", "m3"))
    filled.dataset("shop").save(scores(10, "2026-03-31", "m9"))
    with filled.ledger.reading() as opened:
        day = last_day(opened, "bank")
        latest = latest_scores(opened, "bank", day, date(2026, 2, 1))
        earlier = latest_scores(opened, "bank", JANUARY, date(2026, 1, 1))
        with pytest.raises(LedgerError, match="no scores of bank as of 2025-01-01"):
            latest_scores(opened, "bank", date(2025, 1, 1), date(2025, 1, 1))
        with pytest.raises(LedgerError, match="no scores of other"):
            last_day(opened, "other")
    assert day == date(2026, 2, 28)
    assert (len(latest), {row["model_version"] for row in latest}) == (30, {"m3"})
    assert (len(earlier), earlier[0]["as_of"]) == (200, "2026-01-31")
    assert earlier[7]["lifetime_value"] == 200.0


def test_customers_of_a_period_may_have_different_days(book: Book) -> None:
    book.dataset().save(scores(20, "2026-02-03"))
    book.dataset().save(scores(20, "2026-02-10", start=10, shift=0.001))
    book.dataset().save(scores(20, "2026-01-10", start=20))
    with book.ledger.reading() as opened:
        rows = latest_scores(opened, "bank", date(2026, 2, 10), date(2026, 2, 1))
    found = {row["customer"]: row["churn_probability"] for row in rows}
    assert len(found) == 30
    assert found["C000012"] == pytest.approx(0.121)  # the later one
    assert found["C000003"] == pytest.approx(0.03)
    assert {row["as_of"] for row in rows} == {"2026-02-10"}


def test_of_several_rows_of_a_customer_the_most_profitable_counts(book: Book) -> None:
    table = scores(4)
    table["customer"] = pd.array(["A", "A", "B", "B"], dtype="str")
    book.dataset().save(table)
    with book.ledger.reading() as opened:
        rows = latest_scores(opened, "bank", JANUARY, JANUARY)
    assert [(row["customer"], row["churn_probability"]) for row in rows] == [
        ("A", 0.01),
        ("B", 0.03),
    ]


def test_a_campaign_is_recorded_once_and_never_changes(filled: Book) -> None:
    drafted = draft(filled)
    assert confirm(filled, drafted)
    assert not confirm(filled, drafted)
    with pytest.raises(LedgerError, match="spring was confirmed already, on 2026-02-01"):
        confirm(filled, draft(filled, contacts=5))
    with filled.ledger.reading() as opened:
        (row,) = campaigns_of(opened, "bank")
        selected = contacts_of(opened, "bank", "spring")
        assert find_campaign(opened, "bank", "autumn") is None
    assert (row["status"], row["contact_by"], row["matures_on"]) == (
        "confirmed",
        date(2026, 2, 7),
        date(2026, 3, 2),
    )
    assert [line["customer"] for line in selected] == drafted.contacts["customer"].tolist()
    assert [line["arm"] for line in selected] == drafted.contacts["arm"].tolist()
    assert row["contacted"] + row["held_out"] == len(selected)


def test_a_failure_in_the_middle_leaves_nothing(filled: Book) -> None:
    drafted = draft(filled)
    broken: list[dict[str, Any]] = [
        *({str(k): v for k, v in row.items()} for row in drafted.contacts.to_dict("records")),
        {"customer": "X", "contact_by": "no day"},
    ]
    with pytest.raises(ValueError, match="no day"), filled.ledger.writing() as opened:
        record_campaign(opened, "bank", drafted.document, broken, NOW)
    with filled.ledger.reading() as opened:
        assert campaigns_of(opened, "bank") == []
        assert contacts_of(opened, "bank", "spring") == []


def test_customers_of_other_campaigns_are_left_alone(filled: Book) -> None:
    drafted = draft(filled)
    confirm(filled, drafted)
    arms = dict(zip(drafted.contacts["customer"], drafted.contacts["arm"], strict=True))
    said = {"contact": "contacted by spring", "held_out": "held out of spring"}

    def left_alone(day: date, campaign: str = "autumn", days: int = 30) -> dict[str, str]:
        with filled.ledger.reading() as opened:
            return not_to_contact(opened, "bank", campaign, day, days)

    assert left_alone(date(2026, 2, 15)) == {who: said[arm] for who, arm in arms.items()}
    held = {who: said[arm] for who, arm in arms.items() if arm == "held_out"}
    # contacted long ago; the others until the campaign is closed
    assert left_alone(date(2026, 3, 15)) == held
    assert left_alone(date(2026, 2, 15), "spring") == {}
    with filled.ledger.writing() as opened:
        close_campaign(opened, "bank", "spring", {}, {"profit": {"value": 1.0}}, NOW)
    assert left_alone(date(2026, 3, 15)) == {}


def test_closing_keeps_the_outcomes_and_can_be_repeated(filled: Book) -> None:
    drafted = draft(filled)
    confirm(filled, drafted)
    one, two, *_ = drafted.contacts["customer"]
    for outcomes in ({one: True, two: True}, {one: False}):
        with filled.ledger.writing() as opened:
            result = {"profit": {"value": float(len(outcomes))}}
            close_campaign(opened, "bank", "spring", outcomes, result, NOW)
    with filled.ledger.reading() as opened:
        row = find_campaign(opened, "bank", "spring")
        found = {
            line["customer"]: line["churned"] for line in contacts_of(opened, "bank", "spring")
        }
    assert row is not None
    assert (row["status"], row["profit"]) == ("closed", 1.0)
    assert (found[one], found[two]) == (False, None)


def test_recorded_outcomes_say_who_churned_in_time(filled: Book) -> None:
    drafted = draft(filled)
    confirm(filled, drafted)
    one, two, three, four, *_ = drafted.contacts["customer"]
    told = [
        Told(one, "churned", date(2026, 2, 10), date(2026, 2, 12)),
        Told(two, "churned", date(2026, 4, 10), date(2026, 4, 10)),  # after the horizon: stayed
        Told(three, "stayed", date(2026, 3, 5), date(2026, 3, 5)),
        Told(four, "stayed", date(2026, 2, 10), date(2026, 2, 10)),  # proves too little
    ]
    with filled.ledger.writing() as opened:
        append_outcomes(opened, told, data_set="bank", source="file")
    with filled.ledger.reading() as opened:
        found = outcomes_of(opened, "bank", "spring", 30, date(2026, 5, 1))
        early = outcomes_of(opened, "bank", "spring", 30, date(2026, 2, 15))
    assert found == {one: True, two: False, three: False}
    assert early == {one: True}


def test_a_forgotten_customer_is_in_no_campaign(filled: Book) -> None:
    drafted = draft(filled)
    confirm(filled, drafted)
    who = drafted.contacts["customer"][0]
    with filled.ledger.writing() as opened:
        removed = forget(opened, "bank", who, customer_hash=None, by="me")
    assert removed == {"scores": 1, "outcomes": 0, "contacts": 1}
    with filled.ledger.reading() as opened:
        assert who not in {line["customer"] for line in contacts_of(opened, "bank", "spring")}
