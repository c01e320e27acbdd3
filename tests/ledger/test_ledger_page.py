"""What docs/ledger.md says of tables, addresses and queries is so, in both databases."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy.dialects import postgresql, sqlite

from churn_pipeline.campaigns.actions import Action
from churn_pipeline.campaigns.draft import Terms, draft_campaign
from churn_pipeline.campaigns.planning import Limits
from churn_pipeline.campaigns.result import measure_campaign
from churn_pipeline.ledger.address import parse_ledger
from churn_pipeline.ledger.campaigns import close_campaign, record_campaign
from churn_pipeline.ledger.latest import latest_scores
from churn_pipeline.ledger.outcomes import Told, append_outcomes
from churn_pipeline.ledger.schema import metadata
from churn_pipeline.scorer.decisions import Economics
from tests.ledger.books import Book, scores
from tests.servers import PostgreSQL

MARCH = date(2026, 3, 31)
CALL = Action("call", Economics(0.0, 10.0, 1.0, 6, 14))
PAGE = Path(__file__).resolve().parents[2] / "docs" / "ledger.md"
TEXT = PAGE.read_text(encoding="utf-8")
QUERIES = dict(
    re.findall(
        r"^([A-Z][^\n]*(?:\n[^\n]+)*)[:.]\n\n```sql\n(.*?)```", TEXT, re.DOTALL | re.MULTILINE
    )
)


def query(start: str) -> str:
    (found,) = (sql for title, sql in QUERIES.items() if title.startswith(start))
    return str(found)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def seeded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Book:
    """Three months of two models, and another data set."""
    server: PostgreSQL | None = None
    if request.param == "postgresql":
        server = request.getfixturevalue("ledger_server")
        server.run("drop schema if exists ledger cascade")
    book = Book(tmp_path_factory.mktemp("seeded"), server)
    dataset = book.dataset("churn_pipeline")
    dataset.save(scores(200, "2026-01-31", "m1"))
    later = scores(180, "2026-02-28", "m1", shift=0.002)
    later.loc[:9, "tier"] = "high"
    later.loc[:9, "churn_probability"] += 0.6
    dataset.save(later)
    dataset.save(scores(180, "2026-02-28", "m2", shift=0.01))
    dataset.save(scores(150, "2026-03-31", "m2"))
    february = [date(2026, 2, day) for day in range(1, 11)]
    told = [Told(f"C{i:06d}", "churned", day, day) for i, day in enumerate(february)]
    told += [Told("C000004", "withdrawn", february[4], date(2026, 4, 1))]
    told += [Told("C000099", "stayed", february[4], february[4])]
    with book.ledger.writing() as opened:
        append_outcomes(opened, told, data_set="churn_pipeline", source="file")
    book.dataset("shop").save(scores(20, "2027-01-31", "m9"))
    with book.ledger.writing() as opened:
        table = pd.DataFrame(latest_scores(opened, "churn_pipeline", MARCH, MARCH))
        terms = Terms("spring", "", [CALL], Limits(), 0.3, 7, 30)
        drafted = draft_campaign(table, terms)
        rows = drafted.contacts.to_dict("records")
        now = datetime(2026, 4, 1, tzinfo=UTC)
        record_campaign(opened, "churn_pipeline", drafted.document, rows, now)
        left = {row["customer"]: i % 3 == 0 for i, row in enumerate(rows[:-1])}
        result = measure_campaign(drafted.document, drafted.contacts, left)
        close_campaign(opened, "churn_pipeline", "spring", left, result, now)
    return book


def run(book: Book, sql: str) -> list[Any]:
    return book.run(sql.strip().rstrip(";"))


def test_there_are_queries_enough_and_each_finds_something(seeded: Book) -> None:
    assert len(QUERIES) == TEXT.count("```sql") >= 8
    for title, sql in QUERIES.items():
        assert run(seeded, sql), title


def test_the_list_of_contacts_is_that_of_the_latest_day(seeded: Book) -> None:
    found = run(seeded, query("Whom to contact today"))
    latest = scores(150, "2026-03-31", "m2")
    wanted = latest[latest["contact"]].sort_values(
        ["expected_profit", "customer"], ascending=[False, True]
    )
    assert [row[0] for row in found] == wanted["customer"].tolist()


def test_the_history_of_a_customer_is_in_order(seeded: Book) -> None:
    found = run(seeded, query("All scores of one customer"))
    assert [(str(row[0]), row[2]) for row in found] == [
        ("2026-01-31", "m1"), ("2026-02-28", "m1"), ("2026-02-28", "m2"), ("2026-03-31", "m2"),
    ]  # fmt: skip


def test_who_moved_is_who_moved(seeded: Book) -> None:
    found = run(seeded, query("Who moved to another tier"))
    rose = [row for row in found if row[2:4] == ("low", "high")]
    assert sorted(row[0] for row in rose) == [f"C{i:06d}" for i in range(10)]
    assert {str(row[1]) for row in rose} == {"2026-02-28"}
    assert [round(row[4], 6) for row in rose] == [0.602] * 10
    assert len(found) == 20  # and back


def test_models_are_compared_on_the_same_customers(seeded: Book) -> None:
    ((model, other, n, difference, otherwise),) = run(seeded, query("How a new model differs"))
    assert (model, other, n, otherwise) == ("m1", "m2", 180, 0)
    assert round(difference, 6) == round(0.008 - 10 * 0.6 / 180, 6)


def test_sums_by_day_are_those_of_the_scores(seeded: Book) -> None:
    found = {str(day): rest for day, *rest in run(seeded, query("How many customers are expected"))}
    latest = scores(150, "2026-03-31", "m2")
    n, churners, contacts = found["2026-03-31"]
    assert (n, contacts) == (150, latest["contact"].sum())
    assert churners == pytest.approx(latest["churn_probability"].sum())
    fresh = run(seeded, query("How fresh"))
    assert [(row[0], str(row[2]), row[4]) for row in fresh] == [
        ("churn_pipeline", "2026-03-31", 710), ("shop", "2027-01-31", 20),
    ]  # fmt: skip


def test_who_has_churned_since_leaves_out_what_was_withdrawn(seeded: Book) -> None:
    found = {tuple(map(str, row[:2])): row[4] for row in run(seeded, query("Who has churned"))}
    assert found[("2026-01-31", "low")] == 9
    assert sum(found.values()) == 9  # all before the later scores


def test_what_a_campaign_did_is_what_it_was_said_to_have_done(seeded: Book) -> None:
    lines = {row[1]: row[2:] for row in run(seeded, query("What a closed campaign did"))}
    (text,) = seeded.run("select result from campaigns where campaign = 'spring'")[0]
    result = json.loads(text)
    for arm, key in (("contact", "contacted"), ("held_out", "held_out")):
        n, rate = lines[arm]
        assert n == result["customers"][key]
        assert float(rate) == pytest.approx(result["churn_rate"][key]["value"], abs=1e-6)


@pytest.mark.parametrize(
    ("start", "index"),
    [
        ("All scores of one customer", "scores_key"),
        ("Whom to contact today", "scores_as_of"),
        ("Who has churned since", "outcomes_key"),
    ],
)
def test_common_questions_use_an_index(seeded: Book, start: str, index: str) -> None:
    if seeded.server:
        pytest.skip("PostgreSQL reads a table as small as this whole")
    plan = " ".join(str(row[-1]) for row in run(seeded, f"explain query plan {query(start)}"))
    assert index in plan
    assert not re.search(r"SCAN (scores|a|b)\b(?! USING)", plan), plan


@pytest.mark.parametrize("table", list(metadata.tables))
def test_the_page_lists_every_column(table: str) -> None:
    stated = TEXT.split(f"`{table}`, one row")[1].split("\n\n")[1].splitlines()[2:]
    dialects: list[Any] = [sqlite.dialect(), postgresql.dialect()]  # type: ignore[no-untyped-call]
    expected = []
    for column in metadata.tables[table].columns:
        types = [column.type.compile(dialect=dialect).lower() for dialect in dialects]
        expected.append(f"| {' | '.join([f'`{column.name}`', *types, str(column.comment)])} |")
    assert stated == expected


def test_the_page_lists_every_index() -> None:
    kept = [index for table in metadata.tables.values() for index in table.indexes]
    assert len(kept) == 4
    for part in kept:
        columns = ", ".join(f"`{column.name}`" for column in part.columns)
        assert f"| `{part.name}` ({columns})" in TEXT


def test_the_addresses_of_the_page_are_addresses(root: Path) -> None:
    table = TEXT.split("| `ledger.address` | what |")[1].split("\n\n")[0]
    found = re.findall(r"^\| `([^`]+)`", table, re.MULTILINE)
    assert found[-1] == "null"
    for address in found[:-1]:
        parse_ledger(address)
    assert found[0] in (root / "params.yaml").read_text(encoding="utf-8")
