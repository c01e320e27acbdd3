from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from churn_pipeline.errors import DataError
from churn_pipeline.io.raw_table import RawTable, RawTableDataset, read_raw_table
from tests.servers import PASSWORD, PostgreSQL, free_port

CREATE = "create table customers (id text, n integer, x {float}, ok boolean, day date)"
ROWS = (
    "insert into customers values ('b', 2, 0.1, true, '2026-01-31'), "
    "('é', null, null, null, null), ('a', -9007199254740993, 1e22, false, '1999-12-01')"
)
TEXTS = [
    ["a", "-9007199254740993", "1e+22", "False", "1999-12-01"],
    ["b", "2", "0.1", "True", "2026-01-31"],
    ["é", "", "", "", ""],
]


def cells(raw: RawTable) -> list[list[str]]:
    return raw.cells.to_numpy().tolist()


def sqlite_file(path: Path, *statements: str) -> str:
    with sqlite3.connect(path) as opened:
        for statement in statements:
            opened.execute(statement)
    opened.close()
    return f"sqlite:///{path}"


def duckdb_file(path: Path, *statements: str) -> str:
    with duckdb.connect(str(path)) as opened:
        for statement in statements:
            opened.execute(statement)
    return f"duckdb:///{path}"


@pytest.fixture(params=["sqlite", "duckdb", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, dict[str, Any] | None]:
    """An address with the table ``customers``, and its credentials."""
    create = CREATE.format(float="double precision").replace("n integer", "n bigint")
    if request.param == "sqlite":
        return sqlite_file(tmp_path / "bank.db", create, ROWS), None
    if request.param == "duckdb":
        return duckdb_file(tmp_path / "bank.duckdb", create, ROWS), None
    server: PostgreSQL = request.getfixturevalue("postgresql")
    server.run("drop schema public cascade", "create schema public", create, ROWS)
    return server.address, server.credentials


def error_of(source: str, credentials: dict[str, Any] | None = None) -> str:
    with pytest.raises(DataError) as caught:
        read_raw_table(source, "ingestion.source", credentials)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    message = str(caught.value)
    assert "\n" not in message
    assert PASSWORD not in message
    return message


def test_values_become_texts_without_loss_in_a_stable_order(
    database: tuple[str, dict[str, Any] | None],
) -> None:
    address, credentials = database
    raw = read_raw_table(f"{address}::customers", credentials=credentials)
    assert raw.cells.columns.tolist() == ["id", "n", "x", "ok", "day"]
    expected = TEXTS
    if address.startswith("sqlite"):  # which keeps truths as numbers
        truth = {"True": "1", "False": "0", "": ""}
        expected = [[*row[:3], truth[row[3]], row[4]] for row in TEXTS]
    assert cells(raw) == expected
    assert raw.lines.tolist() == [1, 2, 3]
    assert raw.spans.tolist() == [1, 1, 1]
    assert raw.malformed.empty
    assert raw.encoding is None


def test_the_hash_is_that_of_the_cells_whatever_the_order(
    database: tuple[str, dict[str, Any] | None],
) -> None:
    address, credentials = database
    table = read_raw_table(f"{address}::customers", credentials=credentials)
    query = f"{address}::select * from customers order by day desc;"
    assert read_raw_table(query, credentials=credentials).sha256 == table.sha256
    fewer = f"{address}::select * from customers where n > 0"
    assert read_raw_table(fewer, credentials=credentials).sha256 != table.sha256


def test_queries_may_be_anything_that_selects(
    database: tuple[str, dict[str, Any] | None],
) -> None:
    address, credentials = database
    query = (
        "WITH known AS (select * from customers where id like 'a%' or id like '%:b%') "
        'select id as "the % id", n + 1 as more from known'
    )
    raw = read_raw_table(f"{address}::{query}", credentials=credentials)
    assert raw.cells.to_dict("list") == {"the % id": ["a"], "more": ["-9007199254740992"]}


def test_a_query_may_end_in_a_comment(database: tuple[str, dict[str, Any] | None]) -> None:
    address, credentials = database
    query = "select id from customers\nwhere n > 0 -- (those that buy"
    raw = read_raw_table(f"{address}::{query}", credentials=credentials)
    assert cells(raw) == [["b"]]


def test_an_absent_table_names_those_that_are_there(
    database: tuple[str, dict[str, Any] | None],
) -> None:
    address, credentials = database
    error = error_of(f"{address}::clients", credentials)
    assert "has no table 'clients'; its tables are customers" in error


def test_an_empty_table_is_an_error(database: tuple[str, dict[str, Any] | None]) -> None:
    address, credentials = database
    query = f"{address}::select * from customers where n = 7"
    assert "has no rows; ingestion.source needs a customer table" in error_of(query, credentials)


def test_a_wrong_query_is_one_sentence(database: tuple[str, dict[str, Any] | None]) -> None:
    address, credentials = database
    assert "salary" in error_of(f"{address}::select salary from customers", credentials)


def test_reading_changes_nothing(database: tuple[str, dict[str, Any] | None]) -> None:
    address, credentials = database
    for change in ("drop table customers", "delete from customers"):
        error_of(f"{address}::{change}", credentials)
        error_of(f"{address}::select * from customers) as x; {change}; --", credentials)
    assert len(read_raw_table(f"{address}::customers", credentials=credentials).cells) == 3


def test_tables_of_other_schemas_and_views_are_found(
    database: tuple[str, dict[str, Any] | None], postgresql: PostgreSQL
) -> None:
    address, credentials = database
    statements = ["create view seen as select id from customers"]
    if address.startswith("sqlite"):
        sqlite_file(Path(address.removeprefix("sqlite:///")), *statements)
    else:
        statements += ['create schema "Crm"', 'create table "Crm"."All" as select 1 as one']
        if address.startswith("duckdb"):
            duckdb_file(Path(address.removeprefix("duckdb:///")), *statements)
        else:
            postgresql.run('drop schema if exists "Crm" cascade', *statements)
        assert cells(read_raw_table(f"{address}::Crm.All", credentials=credentials)) == [["1"]]
        assert "Crm.All" in error_of(f"{address}::x", credentials)
    assert len(read_raw_table(f"{address}::seen", credentials=credentials).cells) == 3


def test_a_column_given_twice_is_an_error(postgresql: PostgreSQL) -> None:
    query = f'{postgresql.address}::select 1 as a, 2 as " a"'
    assert "has the column 'a' twice" in error_of(query, postgresql.credentials)


def test_numbers_that_differ_in_the_last_digit_only_have_one_order(tmp_path: Path) -> None:
    values = ["0.1", "0.10000000000000002", "0.10000000000000003", "1", "1.0", "'1'"]
    hashes = set()
    for turn in range(3):
        some = values[turn:] + values[:turn]
        rows = ", ".join(f"({value})" for value in some)
        address = sqlite_file(
            tmp_path / f"{turn}.db", "create table t (x)", f"insert into t values {rows}"
        )
        hashes.add(read_raw_table(f"{address}::t").sha256)
    assert len(hashes) == 1


def test_the_text_nan_is_no_missing_number(
    database: tuple[str, dict[str, Any] | None],
) -> None:
    address, credentials = database
    raw = read_raw_table(
        f"{address}::select 'NaN' as name, 'nan' as other", credentials=credentials
    )
    assert cells(raw) == [["NaN", "nan"]]
    if not address.startswith("sqlite"):
        query = (
            f"{address}::select cast('NaN' as double precision) as x, cast('-inf' as float) as y"
        )
        assert cells(read_raw_table(query, credentials=credentials))[0][0] == ""


# Files


def test_an_absent_file_is_named_and_not_created(tmp_path: Path) -> None:
    for kind in ("sqlite", "duckdb"):
        path = tmp_path / f"absent.{kind}"
        assert f"{path} does not exist" in error_of(f"{kind}:///{path}::t")
        assert not path.exists()


def test_what_is_no_database_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "bank.db"
    path.write_bytes(b"id,n\n" * 1000)
    for kind in ("sqlite", "duckdb"):
        assert error_of(f"{kind}:///{path}::t").startswith("bank.db")


def test_a_duckdb_file_in_use_is_told(tmp_path: Path) -> None:
    address = duckdb_file(tmp_path / "bank.duckdb", "create table t as select 1 as a")
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(1, flush=True); input()"
    command = [sys.executable, "-c", code, str(tmp_path / "bank.duckdb")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert "bank.duckdb is in use by another program" in error_of(f"{address}::t")
        other.kill()
    assert cells(read_raw_table(f"{address}::t")) == [["1"]]


def test_numbers_and_bytes_of_sqlite_keep_every_digit(tmp_path: Path) -> None:
    address = sqlite_file(
        tmp_path / "a.db",
        "create table t (x)",
        "insert into t values (0.1), (1234567.1234567892), (5e-324), (9223372036854775807), "
        "(x'ff00'), (''), ('007')",
    )
    texts = set(read_raw_table(f"{address}::t").cells["x"])
    assert texts == {
        "0.1",
        "1234567.1234567892",
        "5e-324",
        "9223372036854775807",
        "b'\\xff\\x00'",
        "",
        "007",
    }


# Servers


def test_every_type_of_postgresql_is_some_text(postgresql: PostgreSQL) -> None:
    raw = read_raw_table(
        f"{postgresql.address}::select 1.10::numeric(9,2) as dec, 1e-30::numeric as small, "
        "'NaN'::float8 as nan, 0.1::real as short, 123456.789::float8 as long, "
        "'2026-01-31 10:00:00.5'::timestamp as at, '1 mon 2 days'::interval as span, "
        "'{\"a\": [1]}'::jsonb as doc, array[1,2] as list, 'infinity'::date as far, "
        "'\\xff'::bytea as raw, '10:00'::time as clock, 'x'::char(3) as padded, "
        "point(1,2) as place",
        credentials=postgresql.credentials,
    )
    assert raw.cells.iloc[0].to_dict() == {
        "dec": "1.10",
        "small": "0." + "0" * 29 + "1",
        "nan": "",
        "short": "0.1",
        "long": "123456.789",
        "at": "2026-01-31 10:00:00.5",
        "span": "1 mon 2 days",
        "doc": '{"a": [1]}',
        "list": "{1,2}",
        "far": "infinity",
        "raw": "\\xff",
        "clock": "10:00:00",
        "padded": "x",
        "place": "(1,2)",
    }


def test_a_wrong_password_is_one_sentence_without_it(postgresql: PostgreSQL) -> None:
    wrong = {"user": "owner", "password": "Tr0ub4dor"}
    error = error_of(f"{postgresql.address}::t", wrong)
    assert "refused user and password" in error
    assert "conf/local/credentials.yml" in error
    assert "Tr0ub4dor" not in error


def test_a_server_that_is_not_there_is_told() -> None:
    error = error_of(f"postgresql://127.0.0.1:{free_port()}/bank::t", {"password": PASSWORD})
    assert "cannot be reached" in error
    assert "ingestion.source" in error


def test_the_whole_address_may_be_a_secret(postgresql: PostgreSQL) -> None:
    postgresql.run("drop table if exists t", "create table t as select 1 as a")
    url = f"postgresql://owner:s3cret%20w%25rd@127.0.0.1:{postgresql.port}/postgres"
    assert cells(read_raw_table("postgresql://::t", credentials={"url": url})) == [["1"]]


def test_the_usual_variables_hold(postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch) -> None:
    postgresql.run("drop table if exists t", "create table t as select 1 as a")
    monkeypatch.setenv("PGUSER", "owner")
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    monkeypatch.setenv("PGPORT", str(postgresql.port))
    assert cells(read_raw_table("postgresql://127.0.0.1/postgres::t")) == [["1"]]


def test_unknown_credentials_are_named_without_their_value(postgresql: PostgreSQL) -> None:
    error = error_of(f"{postgresql.address}::t", {"pasword": PASSWORD})
    assert "has the key 'pasword'; for a database it takes url, user, password" in error


def test_a_relative_path_starts_from_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.kedro]\npackage_name = 'x'\n")
    (tmp_path / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "deep" / "er")
    sqlite_file(tmp_path / "bank.db", "create table t (a)", "insert into t values (1)")
    dataset = RawTableDataset(filepath="sqlite:///bank.db::t")
    assert cells(dataset.load()) == [["1"]]
    assert dataset.exists()
    assert "does not exist" in error_of("sqlite:///bank.db::t")


VALUES = (
    "select '2026-02-01'::date as day, '2026-02-01 23:30+00'::timestamptz as moment, "
    "'1 mon 2 days 03:00'::interval as span, 0.1::float8 + 0.2 as sum, '\\xff'::bytea as raw, "
    "1234.5::money as price, 'é' as text"
)


@pytest.mark.parametrize(
    "setting",
    [
        "datestyle = 'SQL, DMY'",
        "datestyle = 'German'",
        "datestyle = 'Postgres'",
        "timezone = 'Asia/Tokyo'",
        "intervalstyle = 'iso_8601'",
        "extra_float_digits = -10",
        "bytea_output = 'escape'",
        "client_encoding = 'LATIN1'",
        "standard_conforming_strings = off",
        "default_transaction_isolation = 'serializable'",
    ],
)
def test_settings_of_a_user_change_no_text(postgresql: PostgreSQL, setting: str) -> None:
    source = f"{postgresql.address}::{VALUES}"
    expected = read_raw_table(source, credentials=postgresql.credentials)
    assert expected.cells.iloc[0].tolist() == [
        "2026-02-01",
        "2026-02-01 23:30:00+00",
        "1 mon 2 days 03:00:00",
        "0.30000000000000004",
        "\\xff",
        "1234.50",
        "é",
    ]
    postgresql.run(f"alter role owner set {setting}")
    try:
        found = read_raw_table(source, credentials=postgresql.credentials)
    finally:
        postgresql.run("alter role owner reset all")
    assert found.sha256 == expected.sha256


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PGTZ", "America/New_York"),
        ("PGDATESTYLE", "SQL, DMY"),
        ("PGOPTIONS", "-c datestyle=German -c extra_float_digits=-5"),
        ("PGCLIENTENCODING", "LATIN1"),
    ],
)
def test_variables_of_the_environment_change_no_text(
    postgresql: PostgreSQL, variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = f"{postgresql.address}::{VALUES}"
    expected = read_raw_table(source, credentials=postgresql.credentials).sha256
    monkeypatch.setenv(variable, value)
    assert read_raw_table(source, credentials=postgresql.credentials).sha256 == expected


def test_the_time_zone_of_the_machine_changes_no_text_of_duckdb(tmp_path: Path) -> None:
    address = duckdb_file(
        tmp_path / "bank.duckdb",
        "set timezone = 'Asia/Tokyo'",
        "create table t as select timestamptz '2026-02-01 23:30:00+00' as moment",
    )
    code = (
        "import sys; from churn_pipeline.io.raw_table import read_raw_table; "
        "print(read_raw_table(sys.argv[1]).cells.iloc[0, 0])"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", code, f"{address}::t"],
            env={**os.environ, "TZ": zone},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for zone in ("UTC", "America/New_York")
    }
    assert texts == {"2026-02-01 23:30:00+00\n"}


def test_a_missing_database_or_schema_is_named(postgresql: PostgreSQL) -> None:
    place = postgresql.address.rpartition("/")[0]
    error = error_of(f"{place}/none::t", postgresql.credentials)
    assert "refused the connection" in error
    assert '"none" does not exist' in error
    assert "check the database" in error
    assert "is the server running" not in error
    error = error_of(f"{postgresql.address}::nowhere.t", postgresql.credentials)
    assert "has no schema 'nowhere'; its schemas are" in error


def test_a_table_that_one_may_not_read_is_not_absent(postgresql: PostgreSQL) -> None:
    postgresql.run(
        "drop schema if exists hidden cascade",
        "create schema hidden",
        "create table hidden.t as select 1 as a, 2 as b",
        "drop role if exists reader",
        "create role reader login password 'hush'",
        "grant usage on schema hidden to reader",
    )
    reader = {"user": "reader", "password": "hush"}
    source = f"{postgresql.address}::hidden.t"
    try:
        error = error_of(source, reader)
        assert "permission denied for table t" in error
        assert "a source needs SELECT on the table and USAGE on its schema" in error
        postgresql.run("grant select on hidden.t to reader")
        assert cells(read_raw_table(source, credentials=reader)) == [["1", "2"]]
    finally:
        postgresql.run("drop owned by reader", "drop role reader")


def test_columns_that_the_source_holds_as_integers_are_known(
    database: tuple[str, dict[str, Any] | None], tmp_path: Path
) -> None:
    address, credentials = database
    raw = read_raw_table(f"{address}::select id, n, x, day from customers", credentials=credentials)
    assert raw.integers == {"n"}
