"""Ledgers that are created, brought up to date, or refused."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from kedro.io import DatasetError

from churn_pipeline.errors import ChurnPipelineError, DataError, LedgerError
from churn_pipeline.io.databases import run
from churn_pipeline.ledger import migration, schema, store
from churn_pipeline.ledger.campaigns import close_campaign
from churn_pipeline.ledger.erasure import forget
from churn_pipeline.ledger.migration import version_of
from churn_pipeline.ledger.store import Ledger
from tests.ledger.books import Book, scores
from tests.ledger.writers import Writer
from tests.servers import PostgreSQL

MIGRATIONS = Path(migration.__file__).parent / "migrations"


def test_the_first_writer_creates_what_the_schema_says(book: Book) -> None:
    known = set(schema.metadata.tables)
    with book.ledger.writing() as opened:
        assert version_of(opened) == schema.VERSION
        context = MigrationContext.configure(
            opened,
            opts={
                "compare_type": True,
                "include_name": lambda name, kind, _: kind != "table" or name in known,
            },
        )
        assert compare_metadata(context, schema.metadata) == []
        found = sa.inspect(opened)
        tables = {*found.get_table_names()}
        assert known <= tables
        for name, table in schema.metadata.tables.items():
            columns = found.get_columns(name)
            assert [column["name"] for column in columns] == list(table.columns.keys())
            if opened.dialect.name == "postgresql":  # SQLite keeps no comments
                assert [c["comment"] for c in columns] == [c.comment for c in table.columns]


def test_versions_are_a_line_and_the_code_knows_the_last() -> None:
    script = ScriptDirectory(str(MIGRATIONS))
    revisions = [revision.revision for revision in script.walk_revisions()]
    assert revisions[0] == schema.VERSION == script.get_current_head()
    assert revisions == sorted(revisions, reverse=True)
    names = {path.stem for path in (MIGRATIONS / "versions").glob("v*.py")}
    assert sorted(name[1:5] for name in names) == revisions[::-1]


def test_a_file_is_durable_and_lets_readers_go_on(file_book: Book) -> None:
    file_book.ledger.upgrade()
    with file_book.ledger.writing() as opened:
        assert opened.exec_driver_sql("pragma journal_mode").scalar() == "wal"
        assert opened.exec_driver_sql("pragma synchronous").scalar() == 2  # FULL
        opened.exec_driver_sql("insert into erasures values (1, 'a', '2026-01-01', 'h', 'me', 0)")
        with file_book.ledger.reading() as reader:
            assert reader.exec_driver_sql("select count(*) from erasures").scalar() == 0
    assert file_book.run("select count(*) from erasures") == [(1,)]


def test_where_there_is_no_ledger_reading_says_how_to_get_one(book: Book) -> None:
    yet = r"no ledger at .* yet; `kedro run --pipelines scoring`"
    with pytest.raises(LedgerError, match=yet), book.ledger.reading():
        pass
    assert not book.path.parent.exists()


def test_a_newer_ledger_is_refused_and_left_alone(book: Book) -> None:
    book.dataset().save(scores(3))
    book.run("update ledger_version set version_num = '9999'")
    attempts: list[Any] = [book.ledger.writing, book.ledger.reading, book.ledger.looking]
    for attempt in attempts:
        with (
            pytest.raises(LedgerError, match="has schema version 9999, but this code knows up to"),
            attempt(),
        ):
            pass
    with pytest.raises(LedgerError, match="update churn_pipeline"):
        book.ledger.upgrade()
    assert book.run("select count(*) from scores") == [(3,)]


@pytest.fixture
def next_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A version of the code that has one more column."""
    folder = tmp_path / "migrations"
    (folder / "versions").mkdir(parents=True)
    for path in MIGRATIONS.rglob("*.py"):
        target = folder / path.relative_to(MIGRATIONS)
        target.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    later = f"{int(schema.VERSION) + 1:04}"
    (folder / "versions" / f"v{later}_note.py").write_text(
        f"import sqlalchemy as sa\nfrom alembic import op\nrevision = {later!r}\n"
        f"down_revision = {schema.VERSION!r}\n"
        "def upgrade():\n    op.add_column('scores', sa.Column('note', sa.Text))\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(migration, "_MIGRATIONS", str(folder))
    for module in (migration, store):
        monkeypatch.setattr(module, "VERSION", later)
    return later


def test_an_older_file_is_upgraded_by_the_first_writer(
    file_book: Book, request: pytest.FixtureRequest
) -> None:
    file_book.dataset().save(scores(3))
    later = request.getfixturevalue("next_version")
    with (
        pytest.raises(LedgerError, match=rf"has schema version {schema.VERSION}, .* needs {later}"),
        file_book.ledger.reading(),
    ):
        pass
    with file_book.ledger.writing() as opened:
        assert version_of(opened) == later
    assert file_book.run("select count(*), count(note) from scores") == [(3, 0)]


def test_an_older_schema_of_a_server_waits_for_the_command(
    server: PostgreSQL, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    book = Book(tmp_path, server)
    book.dataset().save(scores(3))
    later = request.getfixturevalue("next_version")
    with pytest.raises(LedgerError, match="run `kedro ledger upgrade`"), book.ledger.writing():
        pass
    assert book.ledger.upgrade() == (schema.VERSION, later)
    assert book.ledger.upgrade() == (later, later)
    book.dataset().save(scores(5))
    assert book.run("select count(*), count(note) from scores") == [(5, 0)]


def test_a_ledger_of_the_first_version_keeps_its_rows(
    book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tmp_path / "first"
    shutil.copytree(MIGRATIONS, first, ignore=shutil.ignore_patterns("v000[2-9]*", "__pycache__"))
    with monkeypatch.context() as patch:
        patch.setattr(migration, "_MIGRATIONS", str(first))
        for module in (migration, store):
            patch.setattr(module, "VERSION", "0001")
        book.dataset().save(scores(3))
    assert book.ledger.upgrade() == ("0001", schema.VERSION)
    assert book.runs() == [("bank", "2026-01-31", "m1", 3, 3)]
    for table in ("outcomes", "campaigns", "contacts"):
        assert book.run(f"select count(*) from {table}") == [(0,)]


def test_an_upgrade_that_fails_leaves_the_old_version(
    book: Book, request: pytest.FixtureRequest
) -> None:
    book.dataset().save(scores(3))
    request.getfixturevalue("next_version")
    book.run("alter table scores add column note text")  # so that there is one already
    with pytest.raises(ChurnPipelineError, match="note"):
        book.ledger.upgrade()
    assert book.run("select version_num from ledger_version") == [(schema.VERSION,)]
    assert book.run("select count(*) from scores") == [(3,)]


def test_tables_of_another_program_are_not_taken_for_a_ledger(file_book: Book) -> None:
    file_book.path.parent.mkdir()
    file_book.run("create table scores (id text)")
    with pytest.raises(LedgerError, match=r"has a table scores that is not of a ledger"):
        file_book.ledger.upgrade()
    assert file_book.run("select name from sqlite_master") == [("scores",)]


def test_a_user_who_may_not_create_the_schema_is_told_who_may(
    server: PostgreSQL, tmp_path: Path
) -> None:
    book = Book(tmp_path, server)
    server.run(
        "do $$ begin if not exists (select from pg_roles where rolname = 'writer') then "
        "create role writer login password 'w'; end if; end $$"
    )
    book.credentials = {"user": "writer", "password": "w"}
    with (
        pytest.raises(LedgerError, match=r"let an owner of the database run `kedro ledger upg"),
        book.ledger.writing(),
    ):
        pass
    owner = Ledger(book.ledger.address, server.credentials)
    owner.upgrade()
    server.run(
        "grant usage on schema ledger to writer",
        "grant select, insert, delete on all tables in schema ledger to writer",
    )
    book.dataset().save(scores(3))
    with book.ledger.writing() as opened:
        assert forget(opened, "bank", "C000001", customer_hash=None, by="me")["scores"] == 1
    assert book.run("select count(*) from scores") == [(2,)]
    close = partial(
        close_campaign, data_set="bank", name="spring", outcomes={"C000002": True},
        result={"profit": {"value": 1.0}}, closed_at=datetime.now(UTC),
    )  # fmt: skip
    with pytest.raises(LedgerError) as caught, book.ledger.writing() as opened:
        close(opened)
    assert str(caught.value) == (
        f"{book.ledger.name} cannot be used: permission denied for table contacts; reading a "
        "ledger needs USAGE on its schema and SELECT on its tables, writing also INSERT and "
        "DELETE, UPDATE on campaigns and contacts, and TEMPORARY on the database"
    )
    server.run("grant update on ledger.campaigns, ledger.contacts to writer")
    with book.ledger.writing() as opened:
        close(opened)


def test_a_reader_without_rights_is_told_which(server: PostgreSQL, tmp_path: Path) -> None:
    book = Book(tmp_path, server)
    book.dataset().save(scores(3))
    server.run(
        "do $$ begin if not exists (select from pg_roles where rolname = 'reader') then "
        "create role reader login password 'r'; end if; end $$",
        "grant usage on schema ledger to reader",
        "grant select on ledger.ledger_version to reader",
    )
    book.credentials = {"user": "reader", "password": "r"}
    needs = "permission denied for table scores; reading a ledger needs USAGE on its schema and"
    with pytest.raises(LedgerError, match=needs), book.ledger.reading() as opened:
        opened.execute(sa.select(schema.scores))
    with pytest.raises(DatasetError) as caught:
        book.dataset().save(scores(5))
    assert needs in str(caught.value.__cause__)
    server.run("drop owned by reader", "drop role reader")


def test_processes_that_create_the_ledger_at_once_create_one(book: Book) -> None:
    writers = [Writer(book) for _ in range(4)]
    for writer in writers:
        writer.go()
    for writer in writers:
        writer.finish()
    assert book.run("select version_num from ledger_version") == [(schema.VERSION,)]


# What the machine refuses


def refusal(book: Book) -> str:
    with pytest.raises(ChurnPipelineError) as caught, book.ledger.writing() as opened:
        opened.exec_driver_sql(
            "insert into erasures (data_set, erased_at, customer_hash, erased_by, rows_erased) "
            "values ('a', '2026-01-01', 'h', 'me', 0)"
        )
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_locked_file_is_one_sentence(file_book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    from churn_pipeline.io import databases

    file_book.ledger.upgrade()
    monkeypatch.setattr(databases, "SECONDS_TO_WAIT", 0.2)
    monkeypatch.setattr(store, "SECONDS_TO_WAIT", 0.2)
    blocker = sqlite3.connect(file_book.path, isolation_level=None)
    blocker.execute("begin immediate")
    message = refusal(file_book)
    blocker.close()
    assert message == (
        "ledger.sqlite is in use by another program, which locks it; close that program and run "
        "again"
    )


@pytest.fixture
def nobody() -> Iterator[Callable[[Path], None]]:
    """A function that closes a folder, and takes root's rights from this process."""
    was_root = os.geteuid() == 0

    def become(folder: Path) -> None:
        folder.chmod(0o555)
        if was_root:
            os.seteuid(65534)

    yield become
    if was_root:
        os.seteuid(0)


@pytest.mark.parametrize("is_there", [False, True])
def test_a_folder_that_cannot_be_written_is_one_sentence(
    is_there: bool, nobody: Callable[[Path], None]
) -> None:
    folder = Path(mkdtemp(prefix="churn_ledger_"))  # pytest's own is closed to others
    try:
        book = Book(folder, None)
        if is_there:
            book.dataset().save(scores(3))
            book.path.chmod(0o444)
        else:
            book.path.parent.mkdir()
        folder.chmod(0o755)
        nobody(book.path.parent)
        message = refusal(book)
        if is_there:  # SQLite's readers need to write beside it
            with pytest.raises(DataError, match="make the file and its folder writable"):
                book.ledger.reading().__enter__()
    finally:
        if os.geteuid() != os.getuid():
            os.seteuid(os.getuid())
        book.path.parent.chmod(0o755)
        shutil.rmtree(folder)
    assert message.startswith("ledger.sqlite cannot be used: ")
    assert message.endswith("; make the file and its folder writable")


def test_a_full_disk_is_one_sentence_and_loses_nothing(
    file_book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_book.dataset().save(scores(50))

    def run_on_a_small_disk(opened: sa.Connection, sql: str) -> Any:
        run(opened, "pragma max_page_count = 30")
        return run(opened, sql)

    monkeypatch.setattr(store, "run", run_on_a_small_disk)
    with pytest.raises(DatasetError) as caught:
        file_book.dataset().save(scores(5000, "2026-02-28"))
    assert str(caught.value.__cause__) == (
        "ledger.sqlite cannot be used: database or disk is full; free some disk space (until then, "
        "none of the scores of this run is in the ledger)"
    )
    monkeypatch.setattr(store, "run", run)
    assert file_book.runs() == [("bank", "2026-01-31", "m1", 50, 50)]
    file_book.dataset().save(scores(5000, "2026-02-28"))
    assert file_book.run("select count(*) from scores") == [(5050,)]


def test_a_file_that_is_no_database_is_one_sentence(file_book: Book) -> None:
    file_book.path.parent.mkdir()
    file_book.path.write_text("no database " * 200)
    message = refusal(file_book)
    assert message.startswith("ledger.sqlite cannot be used: file is not a database; set ledger.")


def test_a_server_that_is_not_there_is_one_sentence(file_book: Book) -> None:
    file_book.address = "postgresql://127.0.0.1:1/bank"
    file_book.credentials = {"user": "me", "password": "hush"}
    message = refusal(file_book)
    assert message.startswith("postgresql://127.0.0.1:1/bank cannot be reached")
    assert "is ledger.address its address?" in message
    assert "hush" not in message
