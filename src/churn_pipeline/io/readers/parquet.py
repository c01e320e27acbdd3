"""Parquet files."""

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
    try:
        # not read_table, which trips over names given twice
        with pyarrow.parquet.ParquetFile(path) as file:
            schema = file.schema_arrow
            names = schema.names
            integers = frozenset(f.name for f in schema if pa.types.is_integer(f.type))
            pieces = Pieces(len(names))
            for batch in file.iter_batches(_ROWS_A_PIECE):
                pieces.add([texts_of(column) for column in batch.columns])
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(
            f"{path.name} is not a Parquet file ({' '.join(str(error).split())[:200]}); "
            "write it again, or use a CSV file"
        ) from None
    return Contents.of_rows(pieces.frame(names), integers)
