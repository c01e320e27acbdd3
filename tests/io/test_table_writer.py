from __future__ import annotations

import datetime
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from kedro.io import DatasetError

from churn_pipeline.errors import DataError
from churn_pipeline.io.database_table import DatabaseTableDataset
from churn_pipeline.io.raw_table import read_raw_table
from tests.servers import PASSWORD, PostgreSQL
from tests.sizes import size

KEYS = ["model_version", "scoring_date"]
JANUARY, FEBRUARY = datetime.date(2026, 1, 31), datetime.date(2026, 2, 28)


def scores(n: int, date: datetime.date, version: str = "m1", shift: float = 0.0) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": [f"C{i}" for i in range(n)],
            "churn_probability": (np.arange(n) + shift) / (n + 1),
            "contact": np.arange(n) % 2 == 0,
            "rank": np.arange(n),
            "reason": pd.Series(
                [None if i % 3 else "it's 50% \t\\N é" for i in range(n)], dtype="str"
            ),
            "at": pd.to_datetime(["2026-01-01 10:00"] * n),
            "model_version": version,
            "scoring_date": date,
        }
    )


TYPES = (
    "text varchar",
    "double",
    "boolean",
    "bigint",
    "text varchar",
    "timestamp datetime",
    "text varchar",
    "date",
)


class Sink:
    """A database of one of the three kinds."""

    def __init__(self, kind: str, folder: Path, server: PostgreSQL | None) -> None:
        self.kind, self.folder, self.server = kind, folder, server
        self.credentials = server.credentials if server else None

    @property
    def address(self) -> str:
        place = self.server.address if self.server else f"{self.kind}:///{self.folder}/out/s.db"
        return f"{place}::scores"

    def dataset(self) -> Any:
        return DatabaseTableDataset(
            address=self.address, keys=KEYS, setting="scoring.sink", credentials=self.credentials
        )

    def run(self, *statements: str) -> list[Any]:
        if self.server:
            return self.server.run(*statements)
        path = self.folder / "out" / "s.db"
        path.parent.mkdir(exist_ok=True)
        if self.kind == "duckdb":
            with duckdb.connect(str(path)) as opened:
                for statement in statements:
                    result = opened.execute(statement)
                return result.fetchall()
        with sqlite3.connect(path) as database:
            for statement in statements:
                rows = database.execute(statement).fetchall()
        database.close()
        return rows

    def runs(self) -> list[tuple[Any, ...]]:
        """Version, day, number of rows and of customers of each run."""
        rows = self.run(
            "select model_version, scoring_date, count(*), count(distinct id) from scores "
            "group by 1, 2 order by 1, 2"
        )
        return [(version, str(day), n, m) for version, day, n, m in rows]


@pytest.fixture(params=["sqlite", "duckdb", "postgresql"])
def sink(request: pytest.FixtureRequest, tmp_path: Path) -> Sink:
    server = None
    if request.param == "postgresql":
        server = request.getfixturevalue("postgresql")
        server.run("drop schema public cascade", "create schema public")
    return Sink(request.param, tmp_path, server)


def test_the_table_is_created_with_typed_columns(sink: Sink) -> None:
    table = scores(7, JANUARY)
    sink.dataset().save(table)
    loaded = sink.dataset().load()
    assert list(loaded.columns) == list(table.columns)
    loaded = loaded.sort_values("rank", ignore_index=True)
    for name in ("id", "churn_probability", "rank", "contact"):
        assert loaded[name].tolist() == table[name].tolist()
    assert [None if x != x else x for x in loaded["reason"]] == [
        None if x != x else x for x in table["reason"]
    ]
    assert loaded["scoring_date"].astype(str).tolist() == ["2026-01-31"] * 7
    assert loaded["at"].astype(str).tolist() == ["2026-01-01 10:00:00"] * 7
    types = {
        "sqlite": "select type from pragma_table_info('scores')",
        "duckdb": "select data_type from information_schema.columns order by ordinal_position",
        "postgresql": "select data_type from information_schema.columns "
        "where table_name = 'scores' order by ordinal_position",
    }
    found = [row[0].lower() for row in sink.run(types[sink.kind])]
    for kind, names in zip(
        found,
        TYPES,
        strict=True,
    ):
        assert any(kind.startswith(name) for name in names.split()), (kind, names)


def test_a_repeated_run_is_the_same_as_one(sink: Sink) -> None:
    sink.dataset().save(scores(50, JANUARY))
    sink.dataset().save(scores(50, JANUARY))
    assert sink.runs() == [("m1", "2026-01-31", 50, 50)]
    sink.dataset().save(scores(20, JANUARY, shift=0.5))  # the new rows only
    assert sink.runs() == [("m1", "2026-01-31", 20, 20)]
    assert sink.run("select min(churn_probability) from scores")[0][0] == 0.5 / 21


def test_other_runs_stay(sink: Sink) -> None:
    sink.dataset().save(scores(5, JANUARY))
    sink.dataset().save(scores(6, FEBRUARY))
    sink.dataset().save(scores(7, JANUARY, version="m2"))
    sink.dataset().save(pd.concat([scores(3, JANUARY), scores(4, FEBRUARY)]))
    assert sink.runs() == [
        ("m1", "2026-01-31", 3, 3),
        ("m1", "2026-02-28", 4, 4),
        ("m2", "2026-01-31", 7, 7),
    ]


def test_a_write_that_fails_leaves_the_old_rows(sink: Sink) -> None:
    sink.dataset().save(scores(5, JANUARY))
    if sink.kind == "duckdb":
        pytest.skip("DuckDB has no constraint to add to a table that is there")
    unique = "create unique index only_once on scores (rank)"
    sink.run("delete from scores", unique)
    sink.dataset().save(scores(5, JANUARY))
    twice = pd.concat([scores(9, JANUARY), scores(1, JANUARY)])
    with pytest.raises(DatasetError) as caught:
        sink.dataset().save(twice)
    assert isinstance(caught.value.__cause__, DataError)
    assert sink.runs() == [("m1", "2026-01-31", 5, 5)]


def test_a_table_that_lacks_a_column_is_named(sink: Sink) -> None:
    sink.dataset().save(scores(5, JANUARY).drop(columns="reason"))
    statement = 'ask its owner to run ALTER TABLE "scores" ADD COLUMN "reason" TEXT;'
    with pytest.raises(DatasetError, match=f"no column reason; {statement}"):
        sink.dataset().save(scores(5, JANUARY))
    assert sink.runs() == [("m1", "2026-01-31", 5, 5)]


@pytest.mark.parametrize("start", ["x", "é"])
def test_long_names_of_columns_keep_their_values_apart(sink: Sink, start: str) -> None:
    names = [f"{start * 70}_{i}" for i in range(2)]
    table = scores(5, JANUARY).assign(**{names[0]: 3, names[1]: 4})
    for _ in range(2):
        sink.dataset().save(table)
    loaded = sink.dataset().load()
    assert sink.runs() == [("m1", "2026-01-31", 5, 5)]
    assert loaded.iloc[:, -2:].to_numpy().tolist() == [[3, 4]] * 5
    found = loaded.columns[-2:].tolist()
    assert all(name.startswith(start * 20) for name in found)
    if sink.kind != "postgresql":
        assert found == names


def test_columns_that_differ_by_case_only(sink: Sink) -> None:
    table = scores(5, JANUARY).assign(RANK=1)
    if sink.kind == "postgresql":
        sink.dataset().save(table)
        assert sink.run('select sum("RANK"), sum(rank) from scores') == [(5, 10)]
        return
    with pytest.raises(DatasetError, match=r"'rank' and 'RANK' differ only in case, .* rename"):
        sink.dataset().save(table)


def test_a_table_may_have_more_columns(sink: Sink) -> None:
    sink.dataset().save(scores(5, JANUARY))
    sink.run("alter table scores add column note text")
    sink.dataset().save(scores(5, JANUARY))
    assert sink.run("select count(*), count(note) from scores") == [(5, 0)]


def test_rows_without_key_are_refused(sink: Sink) -> None:
    table = scores(5, JANUARY)
    table.loc[2, "scoring_date"] = None
    with pytest.raises(DatasetError, match="have no scoring_date"):
        sink.dataset().save(table)


def test_a_null_address_writes_nothing(tmp_path: Path) -> None:
    dataset: Any = DatabaseTableDataset(address=None, keys=KEYS, setting="scoring.sink")
    dataset.save(scores(3, JANUARY))
    assert not dataset.exists()
    assert not list(tmp_path.iterdir())
    with pytest.raises(DatasetError, match=r"scoring\.sink is null"):
        dataset.load()


def test_it_exists_once_written(sink: Sink) -> None:
    assert not sink.dataset().exists()
    sink.dataset().save(scores(1, JANUARY))
    assert sink.dataset().exists()


@pytest.mark.parametrize("name", ["incoming_rows", "order", 'a "b" c'])
def test_a_table_may_have_any_name(tmp_path: Path, name: str) -> None:
    for kind in ("duckdb", "sqlite"):
        dataset: Any = DatabaseTableDataset(
            address=f"{kind}:///{tmp_path}/{kind}.db::{name}", keys=KEYS, setting="scoring.sink"
        )
        for _ in range(2):
            dataset.save(scores(5, JANUARY))
        assert len(dataset.load()) == 5


def test_the_last_dot_parts_schema_and_table(sink: Sink) -> None:
    if sink.kind != "postgresql":
        pytest.skip("what is before the dots has no dot in the others")
    sink.run('create schema "a.b"')
    dataset: Any = DatabaseTableDataset(
        address=sink.address.replace("::scores", "::a.b.c"), keys=KEYS, setting="scoring.sink",
        credentials=sink.credentials,
    )  # fmt: skip
    for _ in range(2):
        dataset.save(scores(5, JANUARY))
    assert sink.run('select count(*) from "a.b".c') == [(5,)]
    assert len(dataset.load()) == 5
    raw = read_raw_table(f"{sink.address.partition('::')[0]}::a.b.c", credentials=sink.credentials)
    assert len(raw.cells) == 5


def test_large_tables_are_written_in_pieces(sink: Sink) -> None:
    sink.dataset().save(scores(45_000, JANUARY))
    assert sink.runs() == [("m1", "2026-01-31", 45_000, 45_000)]


WRITER = """
import sys, datetime, os
sys.path.insert(0, {tests!r})
from tests.io import test_table_writer as t
from churn_pipeline.io import table_writer
from churn_pipeline.io.database_table import DatabaseTableDataset
pause = {pause!r}
if pause:
    def told(*args, original=table_writer._driver):
        print("inside", flush=True)
        sys.stdin.readline()
        return original(*args)
    table_writer._driver = told
table_writer._ROWS_A_PIECE = 100
print("ready", flush=True)
sys.stdin.readline()
dataset = DatabaseTableDataset(address={address!r}, keys=t.KEYS, setting="scoring.sink",
                               credentials={credentials!r})
for turn in range({turns}):
    dataset.save(t.scores({n}, t.JANUARY, shift={shift}))
"""


def writer(sink: Sink, n: int, shift: float, turns: int = 1, pause: bool = False) -> Any:
    root = Path(__file__).resolve().parents[2]
    code = WRITER.format(
        tests=str(root),
        address=sink.address,
        credentials=sink.credentials,
        n=n,
        shift=shift,
        turns=turns,
        pause=pause,
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root / "src")},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def go(process: Any) -> None:
    process.stdin.write("\n")
    process.stdin.flush()


@pytest.mark.slow
def test_two_writers_at_a_time_leave_the_rows_of_one(sink: Sink) -> None:
    processes = [writer(sink, 300, shift, turns=size(3, 8)) for shift in (0.25, 0.75)]
    for process in processes:  # neither has found a table yet
        go(process)
    for process in processes:
        _, error = process.communicate(timeout=120)
        assert process.returncode == 0, error
    assert sink.runs() == [("m1", "2026-01-31", 300, 300)]
    shifts = sink.run("select count(distinct churn_probability * 301 - rank) from scores")
    assert sink.run("select min(churn_probability) from scores")[0][0] in (0.25 / 301, 0.75 / 301)
    assert shifts[0][0] >= 1


@pytest.mark.slow
def test_a_killed_writer_leaves_the_old_rows_and_no_lock(sink: Sink) -> None:
    sink.dataset().save(scores(50, JANUARY))
    process = writer(sink, 300, 0.5, pause=True)
    go(process)
    assert process.stdout.readline() == "inside\n"  # the old rows are deleted
    go(process)
    assert process.stdout.readline() == "inside\n"  # and a hundred new ones are in
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert sink.runs() == [("m1", "2026-01-31", 50, 50)]
    start = time.monotonic()
    sink.dataset().save(scores(60, JANUARY))
    assert time.monotonic() - start < 30
    assert sink.runs() == [("m1", "2026-01-31", 60, 60)]


@pytest.mark.slow
def test_readers_see_the_old_rows_meanwhile(postgresql: PostgreSQL, tmp_path: Path) -> None:
    postgresql.run("drop schema public cascade", "create schema public")
    sink = Sink("postgresql", tmp_path, postgresql)
    sink.dataset().save(scores(50, JANUARY))
    process = writer(sink, 300, 0.5, pause=True)
    for _ in range(2):
        go(process)
        assert process.stdout.readline() == "inside\n"
    assert sink.runs() == [("m1", "2026-01-31", 50, 50)]
    process.kill()
    process.communicate()


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("scores.csv", "takes a table of a database only"),
        ("s3://bucket/scores.csv", "takes a table of a database only"),
        ("sqlite:///s.db::select 1", "takes a table of a database only"),
        ("sqlite:///s.db", "names no table"),
        ("postgresql://me:hush@host/db::t", "contains a password"),
    ],
)
def test_unusable_addresses_are_one_sentence(address: str, message: str) -> None:
    dataset: Any = DatabaseTableDataset(address=address, keys=KEYS, setting="scoring.sink")
    with pytest.raises(DatasetError, match=message) as caught:
        dataset.save(scores(1, JANUARY))
    assert "scoring.sink" in str(caught.value.__cause__)
    assert "hush" not in f"{caught.value} {caught.value.__cause__} {dataset!r}"


def test_no_error_and_no_description_shows_the_password(postgresql: PostgreSQL) -> None:
    credentials = {"user": "nobody", "password": PASSWORD}
    dataset: Any = DatabaseTableDataset(
        address=f"{postgresql.address}::t",
        keys=KEYS,
        setting="scoring.sink",
        credentials=credentials,
    )
    with pytest.raises(DatasetError) as caught:
        dataset.save(scores(1, JANUARY))
    assert "refused user and password" in str(caught.value.__cause__)
    assert PASSWORD not in f"{caught.value} {caught.value.__cause__} {dataset!r}"


# Somebody else's table


def writer_of(server: PostgreSQL, *grants: str) -> Any:
    """Return a sink for a user who owns nothing and has these privileges."""
    if not server.run("select 1 from pg_roles where rolname = 'writer'"):
        server.run("create role writer login password 'hush'")
    server.run("drop owned by writer", *grants)
    return DatabaseTableDataset(
        address=f"{server.address}::own.scores",
        keys=KEYS,
        setting="scoring.sink",
        credentials={"user": "writer", "password": "hush"},
    )


@pytest.fixture
def others(postgresql: PostgreSQL) -> PostgreSQL:
    """A server with a table of somebody else, in types of their own."""
    postgresql.run(
        "drop schema if exists own cascade",
        "create schema own",
        "create table own.scores (added_at timestamp default now(), id varchar(40), "
        'churn_probability numeric, contact boolean, "rank" integer, reason text, at timestamp, '
        "model_version varchar(20), scoring_date date)",
    )
    return postgresql


def test_a_table_of_somebody_else_needs_privileges_on_its_rows_only(others: PostgreSQL) -> None:
    sink = writer_of(
        others,
        "grant usage on schema own to writer",
        "grant select, insert, delete on own.scores to writer",
    )
    for n in (5, 3):
        sink.save(scores(n, JANUARY))
    assert others.run("select count(*), count(added_at) from own.scores") == [(3, 3)]
    assert others.run("select count(*) from pg_indexes where schemaname = 'own'") == [(0,)]


@pytest.mark.parametrize(
    ("grants", "sentence"),
    [
        (("grant usage on schema own to writer",), "a sink needs SELECT, INSERT and DELETE"),
        ((), "a sink needs SELECT, INSERT and DELETE"),
        (
            (
                "drop table own.scores",
                "grant usage on schema own to writer",
            ),
            "may not create it; ask an owner of the schema to run CREATE TABLE own.scores|"
            'may not create it; ask an owner of the schema to run CREATE TABLE "own"."scores"',
        ),
        (("drop schema own cascade",), 'schema "own" does not exist; create the schema'),
        (
            (
                "alter table own.scores drop column reason, drop column contact",
                "grant usage on schema own to writer",
                "grant select, insert, delete on own.scores to writer",
            ),
            'no column contact, reason; ask its owner to run ALTER TABLE "own"."scores" '
            'ADD COLUMN contact BOOLEAN; |ADD COLUMN "contact" BOOLEAN; ',
        ),
    ],
)
def test_what_a_writer_lacks_is_one_sentence(
    others: PostgreSQL, grants: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(DatasetError) as caught:
        writer_of(others, *grants).save(scores(3, JANUARY))
    message = str(caught.value.__cause__)
    assert "\n" not in message
    assert re.search(sentence, message), message


def test_a_writer_whose_transactions_are_read_only_by_default_writes(others: PostgreSQL) -> None:
    sink = writer_of(
        others,
        "grant usage on schema own to writer",
        "grant select, insert, delete on own.scores to writer",
        "alter role writer set default_transaction_read_only = on",
        "alter role writer set datestyle = 'SQL, DMY'",
    )
    try:
        sink.save(scores(3, datetime.date(2026, 2, 1)))
    finally:
        others.run("alter role writer reset all")
    assert others.run("select distinct scoring_date::text from own.scores") == [("2026-02-01",)]
