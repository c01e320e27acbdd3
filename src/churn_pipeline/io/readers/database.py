"""Tables and queries of SQLite, DuckDB and PostgreSQL."""

import math
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from churn_pipeline.errors import DataError
from churn_pipeline.io.addresses import Address
from churn_pipeline.io.databases import connection, quoted, run, table_names
from churn_pipeline.io.readers.contents import Contents, Pieces, texts_of
from churn_pipeline.progress import Progress

_ROWS_A_PIECE = 20_000
_SHOWN = 20
# PostgreSQL's numbers of types, DuckDB's names
_INTEGERS = ("20", "21", "23", "BIGINT", "INTEGER", "SMALLINT", "HUGEINT", "UBIGINT", "UINTEGER")
_BOOLEAN = ("16", "BOOLEAN")
_MONEY = ("790",)
_WITH_NAN = ("700", "701", "1700", "FLOAT", "DOUBLE")


def read_database(address: Address, credentials: Mapping[str, Any] | None = None) -> Contents:
    """Read a table or the result of a query, ordered by all columns.

    A database returns rows in no particular order. Ordered by the texts of every column, equal
    tables give equal results wherever they come from. They are sorted here, not by the database,
    whose order depends on its language, and which would be slower.

    Values become the texts that a CSV would hold. PostgreSQL and DuckDB spell theirs themselves,
    every digit of which reads back as the same number; booleans are ``True`` and ``False``; null
    and NaN are an empty text.

    Raises
    ------
    DataError
        If the database cannot be used or has no such table.
    """
    with connection(address, credentials) as opened, Progress("read", None) as progress:
        source = _source(address, opened)
        head = run(opened, f"select * from {source} limit 0")
        names = list(head.keys())
        types = [column[1] for column in head.cursor.description] if head.cursor else []
        head.close()
        select = _select(names, types, source, opened.dialect.name)
        integers = {n for n, kind in zip(names, types, strict=True) if str(kind) in _INTEGERS}
        pieces = Pieces(len(names))
        if opened.dialect.name == "duckdb":
            duckdb: Any = opened.connection.driver_connection
            for batch in duckdb.execute(select).to_arrow_reader(_ROWS_A_PIECE):
                pieces.add([texts_of(column) for column in batch.columns])
                progress.advance(batch.num_rows)
        else:
            if opened.dialect.name == "sqlite":  # types are those of the values
                integers = set(names)
            result = run(opened.execution_options(stream_results=True), select)
            while rows := result.fetchmany(_ROWS_A_PIECE):
                columns = list(zip(*rows, strict=True))
                if opened.dialect.name == "sqlite":
                    integers -= {n for n, c in zip(names, columns, strict=True) if not _whole(c)}
                pieces.add([pa.array(map(_text, column), pa.large_string()) for column in columns])
                progress.advance(len(rows))
    return Contents.of_rows(pieces.sorted_frame(names), frozenset(integers))


def _source(address: Address, opened: sa.Connection) -> str:
    assert address.part is not None
    if address.is_query:
        return f"({address.part}\n) as asked"  # it may end in a comment
    schema, _, name = address.part.rpartition(".")
    inspector = sa.inspect(opened)
    if inspector.has_table(name, schema=schema or None):
        return quoted(address.part)
    place = address.name.partition("::")[0]
    schemas = inspector.get_schema_names()
    if schema and schema not in schemas:
        raise DataError(f"{place} has no schema {schema!r}; its schemas are {_some(schemas)}")
    tables = table_names(opened)
    raise DataError(
        f"{place} has no table {address.part!r}; "
        + (f"its tables are {_some(tables)}" if tables else "it has no tables that can be read")
    )


def _some(names: list[str]) -> str:
    shown = sorted(name for name in names if name != "information_schema")
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return f"{', '.join(shown[:_SHOWN])}{more}"


def _select(names: list[str], types: list[Any], source: str, dialect: str) -> str:
    if dialect == "sqlite":  # its own texts of numbers have 15 digits only
        return f"select * from {source}"
    texts = []
    for name, kind in zip(names, types, strict=True):
        column = '"' + name.replace('"', '""') + '"'
        # of money, the digits only: its currency sign and separators are the server's
        number = f"cast({column} as numeric)" if str(kind) in _MONEY else column
        text = f"cast({number} as varchar)"
        if str(kind) in _WITH_NAN:
            text = f"nullif(lower({text}), 'nan')"
        if str(kind) in _BOOLEAN:
            text = f"case when {column} then 'True' when not {column} then 'False' end"
        texts.append(f"{text} as {column}")
    return f"select {', '.join(texts)} from {source}"


def _whole(values: tuple[Any, ...]) -> bool:
    return all(kind in (int, type(None)) for kind in set(map(type, values)))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return repr(value) if isinstance(value, float) else str(value)
