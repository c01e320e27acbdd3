"""Scores in the ledger: each once, whoever writes, and whatever kills the writer."""

from __future__ import annotations

import datetime
import logging
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from kedro.io import DatasetError

from churn_pipeline.errors import DataError
from churn_pipeline.io import ledger_dataset
from churn_pipeline.io.frames import Frames
from churn_pipeline.io.ledger_dataset import ScoresLedgerDataset
from churn_pipeline.ledger import appending
from tests.ledger.books import Book, scores
from tests.ledger.writers import Writer
from tests.sizes import size


def own_messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the project's messages: Alembic has some of its own where a test enables them."""
    records = [r for r in caplog.records if r.name.startswith("churn_pipeline.")]
    return [record.getMessage() for record in records]


def test_what_is_recorded_is_what_was_scored(book: Book) -> None:
    table = scores(200)
    before = datetime.datetime.now(datetime.UTC)
    book.dataset().save(table)
    found = book.dataset().load().sort_values("customer", ignore_index=True)
    for name in table.columns:
        expected = table[name].astype(object).where(table[name].notna(), None).tolist()
        values = found[name].astype(object).where(found[name].notna(), None)
        if name == "as_of":
            values = values.astype(str)
        assert values.tolist() == expected, name
    assert set(found["data_set"]) == {"bank"}
    assert set(found["source"]) == {"batch"}
    assert found["score_id"].is_unique
    (moment,) = set(pd.to_datetime(found["scored_at"], utc=True))
    assert before <= moment <= datetime.datetime.now(datetime.UTC)


def test_saves_add_up_and_a_repeated_one_adds_nothing(book: Book) -> None:
    for start in (0, 100):  # the chunks of a run
        book.dataset().save(scores(100, start=start))
    once = book.run("select * from scores order by score_id")
    for start in (0, 100):
        book.dataset().save(scores(100, start=start))
    assert book.run("select * from scores order by score_id") == once
    book.dataset().save(scores(150, start=100))  # of a run that was killed in between
    book.dataset().save(scores(250, "2026-02-28"))
    book.dataset().save(scores(250, version="m2"))
    book.dataset("shop").save(scores(10))
    assert book.runs() == [
        ("bank", "2026-01-31", "m1", 250, 250),
        ("bank", "2026-01-31", "m2", 250, 250),
        ("bank", "2026-02-28", "m1", 250, 250),
        ("shop", "2026-01-31", "m1", 10, 10),
    ]
    assert len(book.dataset("shop").load()) == 10


def test_the_first_score_stays_and_who_differs_is_told(
    book: Book, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(appending, "_ROWS_A_PIECE", 7)
    book.dataset().save(scores(20))
    changed = scores(30)
    changed.loc[:4, "churn_probability"] += 0.001
    caplog.clear()
    with caplog.at_level(logging.INFO, logger="churn_pipeline"):
        book.dataset().save(changed)
    told, warned = own_messages(caplog)
    assert told.startswith("Recorded   10 scores as of 2026-01-31 in ")
    assert told.endswith(", which had 20 others of this run")
    assert warned.startswith("5 customers have another score of that day and model in the ledger")
    kept = book.dataset().load().sort_values("customer", ignore_index=True)
    assert kept["churn_probability"].tolist()[:5] == scores(5)["churn_probability"].tolist()


def test_a_row_without_a_day_gets_that_of_the_run(
    book: Book, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="churn_pipeline"):
        book.dataset().save(scores(3, None))
    today = {str(moment.date()) for moment in book.dataset().load()["scored_at"]}
    assert {str(day) for day in book.dataset().load()["as_of"]} == today
    (message,) = own_messages(caplog)
    assert "today, as there is neither a snapshot nor scoring.date" in message


def test_the_parts_of_a_run_have_one_moment_and_one_line(
    book: Book, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    nights = [datetime.datetime(2026, 1, 31 - n, 23, 59, 59, tzinfo=datetime.UTC) for n in range(4)]

    class Clock:
        @staticmethod
        def now(_: Any) -> datetime.datetime:
            return nights.pop(0)

    monkeypatch.setattr(ledger_dataset, "datetime", Clock)
    book.dataset().save(scores(20, "2026-01-31"))
    caplog.clear()
    parts = [scores(10, None, start=start) for start in (0, 10, 20, 30)]
    parts[1].loc[:2, "churn_probability"] += 0.001
    parts[2] = parts[2][:0]  # nobody of a part is scored
    nights.insert(0, datetime.datetime(2026, 1, 31, 23, 59, 59, tzinfo=datetime.UTC))
    with caplog.at_level(logging.INFO, logger="churn_pipeline"):
        book.dataset().save(Frames(lambda: iter(parts)))
    told, warned = own_messages(caplog)
    assert told.startswith("Recorded   10 scores as of 2026-01-31, today, as there is neither")
    assert told.endswith(", which had 20 others of this run")
    assert warned.startswith("3 customers have another score")
    assert book.runs() == [("bank", "2026-01-31", "m1", 30, 30)]


def test_a_run_that_fails_in_a_later_part_records_nothing(book: Book) -> None:
    book.dataset().save(scores(5, "2026-01-31"))

    def parts() -> Iterator[pd.DataFrame]:
        yield scores(100, "2026-02-28")
        raise DataError("the second part cannot be read")

    with pytest.raises(DatasetError) as caught:
        book.dataset().save(Frames(parts))
    assert str(caught.value.__cause__) == (
        "the second part cannot be read (until then, none of the scores of this run is in the "
        "ledger)"
    )
    assert book.runs() == [("bank", "2026-01-31", "m1", 5, 5)]


def test_rows_of_a_customer_are_scores_of_their_own(book: Book) -> None:
    table = scores(6).assign(customer=["A", "A", "A", "B", "B", "B"])
    book.dataset().save(table)
    found = book.run("select customer, row_id from scores order by row_id")
    assert found == list(zip(table["customer"], table["row_id"], strict=True))


def test_the_key_is_unique_whatever_the_names(book: Book) -> None:
    book.dataset().save(scores(1))
    columns = ", ".join(name for name in appending._NAMES if name != "score_id")
    with pytest.raises(Exception, match=r"(?i)unique"):
        book.run(
            f"insert into scores (score_id, {columns}) select "
            f"'20260131-0000-8000-8000-000000000000', {columns} from scores"
        )


def test_a_null_address_and_no_rows_write_nothing(file_book: Book, tmp_path: Path) -> None:
    off: Any = ScoresLedgerDataset(address=None, data_set="bank")
    off.save(scores(3))
    assert not off.exists()
    with pytest.raises(DatasetError, match=r"ledger\.address is null"):
        off.load()
    file_book.dataset().save(scores(3)[:0])
    file_book.dataset().save(Frames(lambda: iter([scores(3)[:0]] * 2)))
    assert not list(tmp_path.iterdir())
    assert not file_book.dataset().exists()
    file_book.dataset().save(scores(3))
    assert file_book.dataset().exists()


def test_no_description_shows_a_password() -> None:
    dataset: Any = ScoresLedgerDataset(address="postgresql://me:hush@h/d", data_set="bank")
    assert "hush" not in repr(dataset)
    with pytest.raises(DatasetError) as caught:
        dataset.save(scores(1))
    assert "hush" not in f"{caught.value} {caught.value.__cause__}"


# Several writers, and killed ones


def test_writers_at_once_lose_and_double_nothing(book: Book) -> None:
    # the first two write the same customers, in other chunks
    writers = [
        Writer(book, *given) for given in ((0, 3000, 300), (0, 3000, 500), (2000, 4000, 250))
    ]
    for writer in writers:  # nobody has found a ledger yet
        writer.go()
    for writer in writers:
        writer.finish()
    assert book.runs() == [("bank", "2026-01-31", "m1", 4000, 4000)]
    expected = scores(4000)["churn_probability"].tolist()
    found = book.run("select churn_probability from scores order by customer")
    assert [row[0] for row in found] == expected


def test_runs_at_once_record_the_same_customers_in_any_order(book: Book) -> None:
    writers = [
        Writer(book, *given, is_run=True)
        for given in ((0, 3000, 300), (1500, 3000, 500), (0, 4000, 250))
    ]
    for writer in writers:
        writer.go()
    for writer in writers:
        writer.finish()
    assert book.runs() == [("bank", "2026-01-31", "m1", 4000, 4000)]


@pytest.mark.parametrize("part", [1, 9])
def test_a_run_that_is_killed_between_its_parts_leaves_none_of_them(book: Book, part: int) -> None:
    book.dataset().save(scores(100, "2025-12-31"))
    writer = Writer(book, 0, 4000, 400, is_run=True)
    writer.go()
    writer.wait_for_part(part)
    writer.kill()
    assert book.runs() == [("bank", "2025-12-31", "m1", 100, 100)]
    again = Writer(book, 0, 4000, 400, is_run=True)
    again.go()
    again.finish()
    assert book.runs()[1:] == [("bank", "2026-01-31", "m1", 4000, 4000)]


def test_kills_at_any_moment_lose_nothing_that_was_saved_and_double_nothing(book: Book) -> None:
    chunk, last = 400, 400 * 200
    moments = random.Random(7)
    saved = 0
    turns = size(5, 30)
    for turn in range(turns):
        writer = Writer(book, 0, last, chunk)
        writer.go()
        if turn == turns - 1:
            writer.wait_for_a_save()
        time.sleep(moments.uniform(0.02, 0.8))
        saved = max(saved, writer.kill())
        if not saved:
            continue
        n, names, customers = book.run(
            "select count(*), count(distinct score_id), count(distinct customer) from scores"
        )[0]
        assert n == names == customers
        assert n >= saved
        assert n % chunk == 0  # a save is there as a whole or not at all
    assert saved
    book.dataset().save(scores(saved + chunk))
    assert book.runs()[0][3:] == (max(saved + chunk, n), max(saved + chunk, n))
