"""A table of the ledger into a file."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from churn_pipeline.errors import LedgerError
from churn_pipeline.io.storage import writing
from churn_pipeline.ledger.schema import metadata
from churn_pipeline.staging import staged_path

_ROWS_A_PIECE = 20_000


def export(
    opened: sa.Connection,
    table: str,
    path: Path,
    data_set: str,
    *,
    since: date | None = None,
    until: date | None = None,
    equal: dict[str, str | None] | None = None,
) -> int:
    """Write rows of a table into a file, which appears whole or not at all.

    Parameters
    ----------
    opened : Connection
        Of :meth:`churn_pipeline.ledger.store.Ledger.reading`.
    table : str
    path : Path
        Ends in .csv or .parquet.
    data_set : str
        Whose rows.
    since, until : date, optional
        First and last day of ``as_of``.
    equal : dict, optional
        Values of columns; those that are None do not matter.

    Returns
    -------
    int
        Number of rows.

    Raises
    ------
    LedgerError
        If the table has no such column.
    StorageError
        If the file cannot be written.
    """
    source = metadata.tables[table]
    wanted = {name: value for name, value in (equal or {}).items() if value is not None}
    named = [*wanted, *(["as_of"] if since or until else [])]
    for name in named:
        if name not in source.columns:
            raise LedgerError(f"the table {table} has no column {name} to choose rows by")
    conditions = [
        source.c[name] == value for name, value in {"data_set": data_set, **wanted}.items()
    ]
    if since:
        conditions.append(source.c.as_of >= since)
    if until:
        conditions.append(source.c.as_of <= until)
    query = sa.select(source).where(*conditions).order_by(*source.primary_key.columns)
    streaming = opened.execution_options(stream_results=True, yield_per=_ROWS_A_PIECE)
    pieces = streaming.execute(query).partitions()
    write = _write_csv if path.suffix == ".csv" else _write_parquet
    staged = staged_path(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            n = write(staged, source, pieces)
            staged.replace(path)
        finally:
            staged.unlink(missing_ok=True)
    return n


def _write_csv(path: Path, source: sa.Table, pieces: Iterable[Sequence[Any]]) -> int:
    n = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(source.columns.keys())
        for columns in _columns(source, pieces):
            spelled = [[_spelled(value) for value in column] for column in columns]
            writer.writerows(zip(*spelled, strict=True))
            n += len(columns[0])
    return n


def _spelled(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _write_parquet(path: Path, source: sa.Table, pieces: Iterable[Sequence[Any]]) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {
        sa.Date: pa.date32(),
        sa.DateTime: pa.timestamp("us", tz="UTC"),
        sa.Double: pa.float64(),
        sa.Boolean: pa.bool_(),
        sa.BigInteger: pa.int64(),
        sa.Integer: pa.int64(),
    }
    fields = [(column.name, kinds.get(type(column.type), pa.string())) for column in source.columns]
    schema = pa.schema(fields)
    n = 0
    with pq.ParquetWriter(path, schema) as writer:
        for columns in _columns(source, pieces):
            arrays = [pa.array(c, type=f.type) for c, f in zip(columns, schema, strict=True)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            n += len(columns[0])
    return n


def _columns(source: sa.Table, pieces: Iterable[Sequence[Any]]) -> Iterator[list[list[Any]]]:
    """Yield the columns of each piece; times with their zone, which SQLite does not keep."""
    moments = [type(column.type) is sa.DateTime for column in source.columns]
    for piece in pieces:
        columns = [list(values) for values in zip(*piece, strict=True)]
        for place in (place for place, is_moment in enumerate(moments) if is_moment):
            columns[place] = [_in_utc(value) for value in columns[place]]
        yield columns


def _in_utc(value: datetime | None) -> datetime | None:
    if value is None:
        return None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
