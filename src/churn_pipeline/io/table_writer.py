"""Writing rows into a table of a database: all of them, or the table stays as it was."""

import datetime
import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import sqlalchemy as sa

from churn_pipeline.errors import DataError
from churn_pipeline.io.databases import quoted, run
from churn_pipeline.io.frames import frames_of
from churn_pipeline.io.sink_types import DATE

_ROWS_A_PIECE = 20_000
_LONGEST_NAME = 63  # bytes, of PostgreSQL, which cuts longer ones off
_DIGITS = 8
_NO_PRIVILEGE = "42501"  # the SQLSTATE


def replace_rows(
    opened: sa.Connection,
    name: str,
    tables: pd.DataFrame | Iterable[pd.DataFrame],
    keys: Sequence[str],
) -> tuple[int, int]:
    """Replace the rows that have the same keys; create the table only if there is none.

    Names of columns that are too long for PostgreSQL are shortened: their start, and some digits of
    a hash of the whole name.

    All happens in the connection's transaction. Writers of the same table take turns: SQLite and
    DuckDB lock the file, PostgreSQL keeps a lock for the table until the transaction ends.

    Parameters
    ----------
    opened : Connection
        Of :func:`churn_pipeline.io.databases.connection`, for writing.
    name : str
        ``table`` or ``schema.table``.
    tables : DataFrame or iterable of DataFrame, (n_rows, n_columns)
        The new rows, at once or frame by frame; missing values become null.
    keys : sequence of str
        Columns whose values tell which rows belong together.

    Returns
    -------
    tuple of int
        How many rows were written, and how many were there with these keys.

    Raises
    ------
    DataError
        If the table that is there lacks a column, there is none and the user may not create it, a
        key is missing, or two columns differ by case
        only and the database does not tell them apart.
    """
    written = replaced = 0
    done: set[tuple[Any, ...]] = set()  # keys whose former rows are gone
    for table in frames_of(tables):
        if len(table):
            written += len(table)
            replaced += _replace(opened, name, table, keys, done)
    return written, replaced


def _replace(
    opened: sa.Connection,
    name: str,
    table: pd.DataFrame,
    keys: Sequence[str],
    done: set[tuple[Any, ...]],
) -> int:
    for key in keys:
        if table[key].isna().any():
            raise DataError(f"rows for {name} have no {key}, which is needed to replace them")
    schema, _, plain = name.rpartition(".")
    if opened.dialect.name == "postgresql":
        if not done:
            _wait_for_turn(opened, schema, plain)
        table = table.rename(columns=_shortened)
        keys = [_shortened(key) for key in keys]
    else:
        _require_distinct(table, name)
    target = _target(table, schema, plain)
    if not done:
        if sa.inspect(opened).has_table(plain, schema=schema or None):
            # it may belong to somebody else: the writer needs no more than its rows
            _require_columns(opened, name, target)
        else:
            _create(opened, name, target, keys)
    replaced = 0
    for values in table[list(keys)].drop_duplicates().itertuples(index=False, name=None):
        if values not in done:
            conditions = [target.c[key] == _plain(x) for key, x in zip(keys, values, strict=True)]
            replaced += max(opened.execute(target.delete().where(*conditions)).rowcount, 0)
            done.add(values)
    insert = {"sqlite": _insert_sqlite, "duckdb": _insert_duckdb, "postgresql": _insert_postgresql}
    for start in range(0, len(table), _ROWS_A_PIECE):
        insert[opened.dialect.name](opened, name, table.iloc[start : start + _ROWS_A_PIECE])
    return replaced


def _target(table: pd.DataFrame, schema: str, plain: str) -> sa.Table:
    # always quoted: what are words of SQL differs from database to database
    columns = [sa.Column(str(name), _type(table[name]), quote=True) for name in table.columns]
    return sa.Table(
        plain, sa.MetaData(), *columns, schema=schema or None, quote=True, quote_schema=True
    )


def _require_columns(opened: sa.Connection, name: str, target: sa.Table) -> None:
    """Raise a DataError with the statements that add the columns that the table lacks."""
    there = list(run(opened, f"select * from {quoted(name)} limit 0").keys())
    absent = [column for column in target.columns if column.name not in there]
    if not absent:
        return
    table = quoted(name)
    columns = [sa.schema.CreateColumn(column).compile(dialect=opened.dialect) for column in absent]
    additions = [f"ALTER TABLE {table} ADD COLUMN {column};" for column in columns]
    raise DataError(
        f"the table {name} has no column {', '.join(column.name for column in absent)}; ask its "
        f"owner to run {' '.join(additions)} or choose another table, which will be created"
    )


def _create(opened: sa.Connection, name: str, target: sa.Table, keys: Sequence[str]) -> None:
    """Create the table with an index on its keys; a DataError says who has to where we may not."""
    statement = sa.schema.CreateTable(target)
    try:
        opened.execute(statement)
        if opened.dialect.name != "duckdb":  # which needs none
            index = sa.Index(f"{target.name}_{'_'.join(keys)}"[:60], *(target.c[k] for k in keys))
            opened.execute(sa.schema.CreateIndex(index, if_not_exists=True))
    except sa.exc.ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) != _NO_PRIVILEGE:
            raise
        sql = " ".join(str(statement.compile(dialect=opened.dialect)).split())
        raise DataError(
            f"the table {name} does not exist, and this user may not create it; ask an owner of "
            f"the schema to run {sql}; and grant SELECT, INSERT and DELETE on it, or set the sink "
            "to "
            "a table that exists"
        ) from None


def _require_distinct(table: pd.DataFrame, name: str) -> None:
    """Raise a DataError where SQLite and DuckDB would take two columns for one."""
    known: dict[str, str] = {}
    for column in map(str, table.columns):
        other = known.setdefault(column.lower(), column)
        if other != column:
            raise DataError(
                f"the columns {other!r} and {column!r} differ only in case, which the database of "
                f"{name} does not distinguish; rename one of them"
            )


def _shortened(name: Any) -> str:
    start = str(name).encode()
    if len(start) <= _LONGEST_NAME:
        return str(name)
    digits = hashlib.sha256(start).hexdigest()[:_DIGITS]
    # a character that is cut in two is left out
    return f"{start[: _LONGEST_NAME - _DIGITS - 1].decode(errors='ignore')}_{digits}"


def _wait_for_turn(opened: sa.Connection, schema: str, name: str) -> None:
    # a table that does not exist yet cannot be locked, hence a lock by name
    schema = schema or run(opened, "select current_schema()").scalar_one()
    opened.execute(sa.text("set local lock_timeout = '10min'"))
    opened.execute(
        sa.text("select pg_advisory_xact_lock(hashtextextended(:name, 0))"),
        {"name": f"churn_pipeline {schema}.{name}"},
    )


def _type(column: pd.Series) -> sa.types.TypeEngine[Any]:
    if pd.api.types.is_bool_dtype(column):
        return sa.Boolean(create_constraint=False)
    if pd.api.types.is_integer_dtype(column):
        return sa.BigInteger()
    if pd.api.types.is_float_dtype(column):
        return sa.Double()
    if column.dtype == DATE:
        return sa.Date()
    if pd.api.types.is_datetime64_any_dtype(column):
        return sa.DateTime()
    is_day = [type(value) is datetime.date for value in column.dropna().iloc[:1]]
    return sa.Date() if all(is_day) and is_day else sa.Text()


def _plain(value: Any) -> Any:
    """Return a value as Python's own kind of it."""
    return value.item() if isinstance(value, np.generic) else value


def _values(column: pd.Series) -> list[Any]:
    return column.astype(object).where(column.notna(), None).tolist()


def _into(name: str, rows: pd.DataFrame) -> str:
    return f"{quoted(name)} ({', '.join(map(_identifier, rows.columns))})"


def _identifier(column: Any) -> str:
    return '"' + str(column).replace('"', '""') + '"'


def _insert_sqlite(opened: sa.Connection, name: str, rows: pd.DataFrame) -> None:
    columns = []
    for column in rows.columns:
        values = _values(rows[column])
        if any(isinstance(value, datetime.date) for value in values):  # SQLite keeps them as text
            values = [None if value is None else str(value) for value in values]
        columns.append(values)
    marks = ", ".join("?" * len(columns))
    cursor = _driver(opened).cursor()
    cursor.executemany(
        f"insert into {_into(name, rows)} values ({marks})", zip(*columns, strict=True)
    )


def _insert_postgresql(opened: sa.Connection, name: str, rows: pd.DataFrame) -> None:
    columns = [_values(rows[column]) for column in rows.columns]
    cursor = _driver(opened).cursor()
    with cursor.copy(f"copy {_into(name, rows)} from stdin".encode()) as copy:
        for row in zip(*columns, strict=True):
            copy.write_row(row)


def _insert_duckdb(opened: sa.Connection, name: str, rows: pd.DataFrame) -> None:
    driver = _driver(opened)
    incoming = f"incoming {name}"  # another name than that of the table, which it would hide
    driver.register(incoming, pa.Table.from_pandas(rows, preserve_index=False))
    columns = ", ".join(map(_identifier, rows.columns))
    source = _identifier(incoming)
    driver.execute(f"insert into {_into(name, rows)} select {columns} from {source}")
    driver.unregister(incoming)


def _driver(opened: sa.Connection) -> Any:
    """Return the driver's own connection, which is in the same transaction."""
    return opened.connection.driver_connection
