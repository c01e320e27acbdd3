"""Tables and queries of SQLite, DuckDB and PostgreSQL."""

import math
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from churn_pipeline.errors import DataError
from churn_pipeline.io.addresses import Address
from churn_pipeline.io.databases import connection, quoted, run, table_names
from churn_pipeline.io.readers.contents import Contents, Pieces

_ROWS_A_PIECE = 20_000
_SHOWN = 20
_POSTGRESQL_BOOLEAN = 16  # its number in the catalog of types


def read_database(address: Address, credentials: Mapping[str, Any] | None = None) -> Contents:
    """Read a table or the result of a query, ordered by all columns.

    A database returns rows in no particular order. Ordered by every column, equal tables give equal
    results wherever they come from; rows that tie have equal texts.

    Values become the texts that a CSV would hold. PostgreSQL and DuckDB spell theirs themselves,
    every digit of which reads back as the same number; booleans are ``True`` and ``False``; null
    and NaN are an empty text.

    Raises
    ------
    DataError
        If the database cannot be used or has no such table.
    """
    with connection(address, credentials) as opened:
        source = _source(address, opened)
        head = run(opened, f"select * from {source} limit 0")
        names = list(head.keys())
        types = [column[1] for column in head.cursor.description] if head.cursor else []
        head.close()
        select = _select(names, types, source, opened.dialect.name)
        pieces = Pieces(len(names))
        result = run(opened.execution_options(stream_results=True), select)
        spell = _python_text if opened.dialect.name == "sqlite" else None
        while rows := result.fetchmany(_ROWS_A_PIECE):
            pieces.add([_piece(column, spell) for column in zip(*rows, strict=True)])
    return Contents.of_rows(pieces.frame(names))


def _source(address: Address, opened: sa.Connection) -> str:
    assert address.part is not None
    if address.is_query:
        return f"({address.part}) as asked"
    tables = table_names(opened)
    if address.part in tables:
        return quoted(address.part)
    schema, _, name = address.part.partition(".")
    if name in tables and schema in ("main", "public"):
        return quoted(address.part)
    more = f" and {len(tables) - _SHOWN} more" if len(tables) > _SHOWN else ""
    raise DataError(
        f"{address.name.partition('::')[0]} has no table {address.part!r}; "
        + (f"its tables are {', '.join(tables[:_SHOWN])}{more}" if tables else "it has no tables")
    )


def _select(names: list[str], types: list[Any], source: str, dialect: str) -> str:
    columns = ['"' + name.replace('"', '""') + '"' for name in names]
    if dialect == "sqlite":  # not by texts: its texts of numbers have 15 digits only
        order = [f"{column} collate binary" for column in columns]
        order += [f"typeof({column})" for column in columns]  # 1 is equal to 1.0
        return f"select * from {source} order by {', '.join(order)}"
    collation = ' collate "C"' if dialect == "postgresql" else ""
    texts = []
    for column, kind in zip(columns, types, strict=True):
        text = f"cast({column} as varchar)"
        if kind == _POSTGRESQL_BOOLEAN or str(kind) == "BOOLEAN":
            text = f"case when {column} then 'True' when not {column} then 'False' end"
        texts.append(f"{text} as {column}")
    order = [f"{place}{collation}" for place in range(1, len(texts) + 1)]
    inner = f"select {', '.join(texts)} from {source}"
    if dialect == "duckdb":
        return f"{inner} order by {', '.join(order)}"
    order = [f"{column}{collation}" for column in columns]
    return f"select * from ({inner}) as texts order by {', '.join(order)}"


def _piece(column: tuple[Any, ...], spell: Any) -> pa.Array:
    if spell is not None:
        return pa.array([spell(value) for value in column], pa.large_string())
    texts = ["" if x is None or x in ("NaN", "nan") else x for x in column]
    return pa.array(texts, pa.large_string())


def _python_text(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return (
        value if isinstance(value, str) else repr(value) if isinstance(value, float) else str(value)
    )
