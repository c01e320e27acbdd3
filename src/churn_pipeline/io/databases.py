"""Connections to SQLite, DuckDB and PostgreSQL, whose problems are reported in one sentence."""

import os
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from churn_pipeline.errors import DataError
from churn_pipeline.io.addresses import Address
from churn_pipeline.io.credentials import database_credentials
from churn_pipeline.io.database_errors import explained

SECONDS_TO_CONNECT = 10
SECONDS_TO_WAIT = 60  # for the lock of another writer
_DUCKDB_MEMORY = "500MB"

_TABLES = {
    "sqlite": "select 'main', name from sqlite_master where type in ('table', 'view') "
    "and name not like 'sqlite~_%' escape '~'",
    "duckdb": "select table_schema, table_name from information_schema.tables "
    "where table_catalog = current_database()",
    "postgresql": "select n.nspname, c.relname from pg_class c join pg_namespace n "
    "on n.oid = c.relnamespace where c.relkind in ('r', 'v', 'm', 'p', 'f') "
    "and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' "
    "and has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select')",
}

# Texts of values, and so the hash of a table, must not depend on settings of a role, a database,
# the server's configuration or the environment (PGTZ, PGDATESTYLE, PGOPTIONS).
_SESSION = {
    "postgresql": (
        "set local datestyle = 'ISO, YMD'",
        "set local intervalstyle = 'postgres'",
        "set local timezone = 'UTC'",
        "set local extra_float_digits = 1",
        "set local bytea_output = 'hex'",
        "set local lc_monetary = 'C'",
        "set local xmloption = 'content'",
        "set local standard_conforming_strings = on",
    ),
    "duckdb": ("set timezone = 'UTC'",),
    "sqlite": (),
}


@contextmanager
def connection(
    address: Address, credentials: Mapping[str, Any] | None = None, *, write: bool = False
) -> Iterator[sa.Connection]:
    """Open a connection in a transaction, which is committed at the end if all went well.

    Parameters
    ----------
    address : Address
        Of a database.
    credentials : mapping, optional
        ``url``, ``user`` and ``password`` of a server, as far as the address and the environment
        (``PGUSER``, ``PGPASSWORD``, …) do not give them.
    write : bool
        Whether the transaction writes; else the database refuses to.

    Raises
    ------
    DataError
        Whatever the database refuses, in one sentence without passwords.
    """
    secrets = database_credentials(credentials)
    # what does not fit into memory goes there, not beside the user's file
    with TemporaryDirectory(prefix="churn_pipeline_") as folder:
        engine = _engine(address, secrets, write, folder)
        with _transaction(engine, address, secrets, write) as opened:
            yield opened


@contextmanager
def _transaction(
    engine: sa.Engine, address: Address, secrets: Mapping[str, str], write: bool
) -> Iterator[sa.Connection]:
    refusals = (sa.exc.SQLAlchemyError, engine.dialect.loaded_dbapi.Error)
    try:
        with _connected(engine, write) as opened, opened.begin():
            for statement in _SESSION[opened.dialect.name]:
                run(opened, statement)
            yield opened
    except refusals as error:
        raise explained(error, address, secrets, write=write) from None
    finally:
        engine.dispose()


def table_names(opened: sa.Connection) -> list[str]:
    """Return the tables and views that can be read: ``schema.name``, or ``name`` of the default."""
    dialect = opened.dialect.name
    rows: list[Any] = list(run(opened, _TABLES[dialect]).fetchall())
    default = "main"
    if dialect == "postgresql":
        default = run(opened, "select current_schema()").scalar_one()
    return sorted(name if schema == default else f"{schema}.{name}" for schema, name in rows)


def quoted(table: str) -> str:
    """Return ``table`` or ``schema.table`` as SQL."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in table.rsplit(".", 1))


def run(opened: sa.Connection, sql: str) -> sa.CursorResult[Any]:
    """Execute SQL verbatim: no character marks a parameter."""
    return opened.execution_options(no_parameters=True).exec_driver_sql(sql)


def _connected(engine: sa.Engine, write: bool) -> sa.Connection:
    """Connect; DuckDB gives its file to one writer and does not wait for it to become free."""
    end = time.monotonic() + (SECONDS_TO_WAIT if write else 0)
    while True:
        try:
            return engine.connect()
        except sa.exc.OperationalError as error:
            if "lock on file" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.05)


def _engine(address: Address, secrets: Mapping[str, str], write: bool, folder: str) -> sa.Engine:
    if address.kind == "postgresql":
        return _postgresql(address, secrets, write)
    path = Path(address.place)
    if write:
        path.parent.mkdir(parents=True, exist_ok=True)
    elif not path.is_file():
        raise DataError(f"{path} does not exist; set {address.setting} to a database that does")
    return _sqlite(path, write) if address.kind == "sqlite" else _duckdb(path, write, folder)


def _postgresql(address: Address, secrets: Mapping[str, str], write: bool) -> sa.Engine:
    try:
        url = sa.make_url(address.place).set(drivername="postgresql+psycopg")
        known = sa.make_url(secrets["url"]) if "url" in secrets else url
    except (sa.exc.ArgumentError, ValueError):
        raise DataError(
            f"{address.setting} or the url of its credentials is not the address of a server; "
            "write "
            "postgresql://HOST:PORT/DATABASE"
        ) from None
    url = url.set(
        username=url.username or secrets.get("user") or known.username,
        password=secrets.get("password") or known.password,
        host=url.host or known.host,
        port=url.port or known.port,
        database=url.database or known.database,
        query={**known.query, **url.query},
    )
    # part of the transaction, so that it holds behind a connection pooler too
    options = {
        "isolation_level": "READ COMMITTED" if write else "REPEATABLE READ",
        "postgresql_readonly": not write,
    }
    # whatever PGCLIENTENCODING says: every text of the database can be read
    connect_args: dict[str, Any] = {"application_name": "churn_pipeline", "client_encoding": "utf8"}
    if "connect_timeout" not in url.query and "PGCONNECT_TIMEOUT" not in os.environ:
        connect_args["connect_timeout"] = SECONDS_TO_CONNECT
    engine = sa.create_engine(url, poolclass=NullPool, connect_args=connect_args)
    return engine.execution_options(**options)


def _sqlite(path: Path, write: bool) -> sa.Engine:
    def connect() -> sqlite3.Connection:
        # mode ro neither creates nor changes the file
        uri = f"{path.absolute().as_uri()}?mode={'rwc' if write else 'ro'}"
        return sqlite3.connect(
            uri,
            uri=True,
            timeout=SECONDS_TO_WAIT if write else SECONDS_TO_CONNECT,
            isolation_level=None,
        )

    engine = sa.create_engine("sqlite://", creator=connect, poolclass=NullPool)

    @sa.event.listens_for(engine, "begin")
    def begin(opened: sa.Connection) -> None:
        # the driver would begin only before the first change, and never before DDL
        opened.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _duckdb(path: Path, write: bool, folder: str) -> sa.Engine:
    config = {
        "memory_limit": _DUCKDB_MEMORY,
        "temp_directory": folder,
        "preserve_insertion_order": "false",
        "arrow_large_buffer_size": "true",
    }
    return sa.create_engine(
        sa.URL.create("duckdb", database=str(path)),
        poolclass=NullPool,
        connect_args={"read_only": not write, "config": config},
    )
