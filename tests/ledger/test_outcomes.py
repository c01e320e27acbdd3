"""What became of scores, by hand-made histories of customers."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from churn_pipeline.ledger.outcomes import (
    Told,
    append_outcomes,
    count_states,
    count_without_score,
    states,
)
from tests.ledger.books import Book, scores

SCORED = date(2026, 1, 31)
HORIZON = 90
END = SCORED + timedelta(days=HORIZON)
LATE = date(2026, 12, 31)


def days(n: int) -> date:
    return SCORED + timedelta(days=n)


def record(book: Book, *told: tuple[str, int, int | None]) -> int:
    """Say of C000000: outcome, when, and when that became known, in days after the score."""
    rows = [
        Told("C000000", outcome, days(day), None if known is None else days(known))
        for outcome, day, known in told
    ]
    with book.ledger.writing() as opened:
        return append_outcomes(opened, rows, data_set="bank", source="file")


def state(book: Book, today: date = LATE) -> str:
    with book.ledger.reading() as opened:
        query = states(opened.dialect.name, "bank", HORIZON, today)
        (row,) = opened.execute(query).all()
        return str(row.state)


@pytest.fixture
def one_score(book: Book) -> Book:
    book.dataset().save(scores(1, str(SCORED)))
    book.dataset("shop").save(scores(1, str(SCORED)))
    return book


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ([], "unknown"),
        ([("churned", 1, 1)], "churned"),
        ([("churned", HORIZON, HORIZON)], "churned"),
        ([("churned", 0, 0)], "unknown"),  # before the score
        ([("churned", HORIZON + 1, HORIZON + 1)], "stayed"),  # was there until then
        ([("stayed", HORIZON, HORIZON)], "stayed"),
        ([("stayed", HORIZON + 30, HORIZON + 30)], "stayed"),
        ([("stayed", HORIZON - 1, HORIZON - 1)], "unknown"),  # might have left on the last day
        ([("churned", 5, 5), ("stayed", HORIZON + 3, HORIZON + 3)], "churned"),  # came back
        # corrections: the latest known of a day holds, in whatever order it is recorded
        ([("churned", 5, 5), ("withdrawn", 5, 9)], "unknown"),
        ([("withdrawn", 5, 9), ("churned", 5, 5)], "unknown"),
        ([("churned", 5, 5), ("withdrawn", 5, 9), ("churned", 5, 12)], "churned"),
        ([("churned", 5, 5), ("withdrawn", 5, 9), ("stayed", HORIZON, HORIZON)], "stayed"),
        ([("churned", 5, 5), ("withdrawn", 6, 9)], "churned"),  # of another day
        ([("stayed", HORIZON, HORIZON), ("churned", HORIZON, HORIZON + 9)], "churned"),
    ],
)
def test_each_history_has_its_state(
    one_score: Book, told: list[tuple[str, int, int]], expected: str
) -> None:
    assert record(one_score, *told) == len(told) if told else True
    assert state(one_score) == expected


def test_what_was_recorded_last_holds_where_both_became_known_on_one_day(one_score: Book) -> None:
    record(one_score, ("churned", 5, 9))
    record(one_score, ("withdrawn", 5, 9))
    assert state(one_score) == "unknown"


def test_a_score_is_pending_until_its_last_day(one_score: Book) -> None:
    assert state(one_score, END - timedelta(days=1)) == "pending"
    assert state(one_score, END) == "unknown"
    record(one_score, ("churned", 5, 20), ("stayed", HORIZON, HORIZON + 4))
    assert state(one_score, days(19)) == "pending"  # not known yet
    assert state(one_score, days(20)) == "churned"


def test_repeated_and_late_files_lose_and_double_nothing(one_score: Book) -> None:
    assert record(one_score, ("churned", 5, 5), ("stayed", 2, 2)) == 2
    assert record(one_score, ("churned", 5, 5), ("stayed", 2, 2)) == 0
    assert record(one_score, ("churned", 5, 5), ("withdrawn", 5, 9)) == 1
    found = one_score.run("select outcome from outcomes order by outcome_id")
    assert [row[0] for row in found] == ["stayed", "churned", "withdrawn"]


def test_what_is_said_again_without_a_day_is_not_news(one_score: Book) -> None:
    assert record(one_score, ("churned", 5, 5), ("withdrawn", 5, 9)) == 2
    assert record(one_score, ("churned", 5, None)) == 0
    assert state(one_score) == "unknown"
    # of another day or of another kind; equal ones of a file are one
    assert record(one_score, ("churned", 6, None), ("churned", 6, None), ("stayed", 5, None)) == 2
    assert record(one_score, ("churned", 7, 8), ("churned", 7, None)) == 1
    today = one_score.run("select known_at from outcomes where outcome = 'stayed'")[0][0]
    assert str(today) == str(datetime.now(UTC).date())


def test_states_are_counted_by_day_and_model(book: Book) -> None:
    book.dataset().save(scores(10, "2026-01-31"))
    book.dataset().save(scores(10, "2026-03-31", "m2"))
    rows = [Told(f"C{i:06d}", "churned", date(2026, 4, 1), date(2026, 4, 2)) for i in range(3)]
    rows += [Told(f"C{i:06d}", "stayed", date(2026, 5, 31), date(2026, 5, 31)) for i in (3, 4, 50)]
    with book.ledger.writing() as opened:
        assert append_outcomes(opened, rows, data_set="bank", source="file") == 6
        assert count_without_score(opened, [row.customer for row in rows], "bank") == 1
    with book.ledger.reading() as opened:
        assert count_states(opened, "bank", HORIZON, date(2026, 5, 31)) == [
            (date(2026, 1, 31), "m1", {"churned": 3, "stayed": 2, "pending": 0, "unknown": 5}),
            (date(2026, 3, 31), "m2", {"churned": 3, "stayed": 0, "pending": 7, "unknown": 0}),
        ]
        assert count_states(opened, "shop", HORIZON, LATE) == []


def test_many_outcomes_are_recorded_in_pieces(book: Book) -> None:
    rows = [Told(f"C{i:06d}", "stayed", SCORED, SCORED) for i in range(2500)]
    with book.ledger.writing() as opened:
        assert append_outcomes(opened, rows, data_set="bank", source="file") == 2500
        assert append_outcomes(opened, rows, data_set="bank", source="file") == 0
        assert count_without_score(opened, [row.customer for row in rows], "bank") == 2500
