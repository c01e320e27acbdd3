"""Parquet files."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from churn_pipeline.errors import DataError
from churn_pipeline.io.readers.contents import Contents, Pieces, texts_of

_ROWS_A_PIECE = 1 << 16


def read_parquet(path: Path) -> Contents:
    """Read a Parquet file; its values become the texts that a CSV would hold.

    Raises
    ------
    DataError
        If it is not a Parquet file.
    """
    (contents,) = stream_parquet(path)
    return contents


def stream_parquet(path: Path, rows: int | None = None) -> Iterator[Contents]:
    """Read a Parquet file as :func:`read_parquet` does, in pieces of so many rows."""
    try:
        # not read_table, which trips over names given twice
        with pyarrow.parquet.ParquetFile(path) as file:
            schema = file.schema_arrow
            names = schema.names
            integers = frozenset(f.name for f in schema if pa.types.is_integer(f.type))
            pieces, first = Pieces(len(names)), 1
            for batch in file.iter_batches(min(_ROWS_A_PIECE, rows or _ROWS_A_PIECE)):
                if rows is not None and pieces.n_rows >= rows:
                    n_rows = pieces.n_rows
                    yield Contents.of_rows(pieces.frame(names), integers, first)
                    pieces, first = Pieces(len(names)), first + n_rows
                pieces.add([texts_of(column) for column in batch.columns])
            yield Contents.of_rows(pieces.frame(names), integers, first)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(
            f"{path.name} is not a Parquet file ({' '.join(str(error).split())[:200]}); "
            "write it again, or use a CSV file"
        ) from None
