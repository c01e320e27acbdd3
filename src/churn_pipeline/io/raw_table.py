"""The customer table as it stands in the user's file: every cell as text, with its line number."""

import codecs
import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
from kedro.io import AbstractDataset
from numpy.typing import NDArray

from churn_pipeline.errors import DataError


@dataclass(frozen=True)
class RawTable:
    """An unchecked customer table.

    Attributes
    ----------
    name : str
        File name without its folder.
    sha256 : str
        Hash of the file's bytes.
    cells : DataFrame of str, (n_rows, n_columns)
        The cells as text; an empty text where Parquet holds null.
    lines : ndarray of int, (n_rows,)
        Line of the file on which each row starts (the header is line 1); for Parquet the row's
        number, starting with 1.
    spans : ndarray of int, (n_rows,)
        How many lines of the file each row covers; above 1 where a quoted cell holds a newline.
    malformed : DataFrame
        Rows that do not have one field a column: ``line``, ``span``, ``text``, ``fields``.
    """

    name: str
    sha256: str
    cells: pd.DataFrame
    lines: NDArray[np.int64]
    spans: NDArray[np.int64]
    malformed: pd.DataFrame


_Table = tuple[pd.DataFrame, NDArray[np.int64], NDArray[np.int64], pd.DataFrame]
_MAX_COLUMNS = 10_000


class RawTableDataset(AbstractDataset[None, RawTable]):
    """Loads a CSV or Parquet file (told apart by the ending) as a :class:`RawTable`; read-only.

    Parameters
    ----------
    filepath : str
        Path of a ``.csv`` (comma-separated UTF-8 with a header) or ``.parquet`` file.
    knob : str
        Key of ``params.yaml`` that the path is from, for the messages.
    metadata : dict, optional
        Free-form, ignored by Kedro.
    """

    def __init__(
        self,
        *,
        filepath: str,
        knob: str = "ingestion.source",
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._filepath = Path(filepath)
        self._knob = knob
        self.metadata = metadata
        self._loaded: RawTable | None = None

    def load(self) -> RawTable:
        # several nodes need it; the runner calls release after the last
        if self._loaded is None:
            self._loaded = self._read()
        return self._loaded

    def _release(self) -> None:
        self._loaded = None

    def _read(self) -> RawTable:
        path = self._filepath
        readers = {".csv": _read_csv, ".parquet": _read_parquet}
        if path.suffix.lower() not in readers:
            raise DataError(
                f"{path.name} has the ending {path.suffix!r}; {self._knob} takes "
                f"{' or '.join(readers)} files"
            )
        if not path.is_file():
            raise DataError(
                f"{path} does not exist; set {self._knob} in params.yaml to your customer table"
            )
        cells, lines, spans, malformed = readers[path.suffix.lower()](path)
        twice = [name for name, count in Counter(cells.columns).items() if count > 1]
        if twice:
            raise DataError(f"{path.name} has the column {twice[0]!r} twice; rename one of them")
        if not len(cells) and len(malformed):
            raise DataError(
                f"{path.name} has no row of as many fields as its header ({cells.shape[1]}); "
                f"{self._knob} needs a comma-separated table whose first line is the header"
            )
        if not len(cells):
            raise DataError(f"{path.name} has no rows; {self._knob} needs a table of customers")
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return RawTable(path.name, sha256, cells, lines, spans, malformed)

    def save(self, data: None) -> None:
        raise DataError(f"{self._filepath.name} is the user's file; the pipeline never writes it")

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}

    def _exists(self) -> bool:
        return self._filepath.exists()


def _read_csv(path: Path) -> _Table:
    invalid: list[pyarrow.csv.InvalidRow] = []

    def set_aside(row: pyarrow.csv.InvalidRow) -> str:
        invalid.append(row)
        return "skip"

    _require_utf8(path)
    try:
        table = pyarrow.csv.read_csv(
            path,
            # one thread, since only then are malformed rows numbered; the header is read as a row
            # like any other, so that names given twice survive
            read_options=pyarrow.csv.ReadOptions(use_threads=False, autogenerate_column_names=True),
            parse_options=pyarrow.csv.ParseOptions(
                newlines_in_values=True, ignore_empty_lines=False, invalid_row_handler=set_aside
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types={f"f{i}": pa.string() for i in range(_MAX_COLUMNS)},
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid as error:
        reason = " ".join(str(error).split())[:200]
        if "Empty CSV" in reason:
            reason = "it has no rows"
        if "straddling" in reason:
            reason = "a row is longer than 1 MB: is there a quote that is never closed?"
        raise DataError(
            f"{path.name} is not a comma-separated table with a header ({reason}); save it again "
            "as CSV with encoding UTF-8"
        ) from None
    if not table.num_rows:
        raise DataError(f"{path.name} is empty; a table of customers is needed")
    invalid.sort(key=lambda row: row.number)
    is_valid, lines, spans = _locate_rows(table, invalid)
    malformed = _malformed_rows(invalid, lines[~is_valid], spans[~is_valid])
    cells = table.slice(1).rename_columns([column[0].as_py().strip() for column in table.columns])
    frame = cells.to_pandas()
    filled = (frame != "").any(axis=1).to_numpy()
    if not filled.all():  # an empty line is no customer, but a line of mere commas is a bad one
        text = dict(enumerate(path.read_bytes().splitlines(), start=1))
        starts = lines[is_valid][1:]
        filled = filled | np.array([bool(text.get(start, b"").strip()) for start in starts])
    return (
        frame[filled].reset_index(drop=True),
        lines[is_valid][1:][filled],
        spans[is_valid][1:][filled],
        malformed,
    )


def _require_utf8(path: Path) -> None:
    """Refuse other encodings; Arrow would notice too, but not say where."""
    line = 1
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        while True:
            chunk = file.read(1 << 20)
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                # what the decoder kept of the chunk before stands in front of the chunk
                line += error.object[: error.start].count(b"\n")
                raise DataError(
                    f"{path.name} is not UTF-8 text (line {line}); save it again as CSV with "
                    "encoding UTF-8"
                ) from None
            if not chunk:
                return
            line += chunk.count(b"\n")


def _locate_rows(
    table: pa.Table, invalid: list[pyarrow.csv.InvalidRow]
) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]:
    """Find first line and span of all rows, malformed ones included, from the quoted newlines."""
    is_valid = np.ones(table.num_rows + len(invalid), dtype=bool)
    spans = np.ones(len(is_valid), dtype=np.int64)
    for row in invalid:
        is_valid[row.number - 1] = False
        spans[row.number - 1] += row.text.count("\n")
    spans[is_valid] += sum(pc.count_substring(column, "\n").to_numpy() for column in table.columns)
    return is_valid, 1 + np.concatenate([[0], np.cumsum(spans)[:-1]]), spans


def _malformed_rows(
    rows: list[pyarrow.csv.InvalidRow], lines: NDArray[np.int64], spans: NDArray[np.int64]
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "line": lines,
            "span": spans,
            "text": pd.Series([row.text for row in rows], dtype="str"),
            "fields": pd.Series([row.actual_columns for row in rows], dtype="int64"),
        }
    )


def _read_parquet(path: Path) -> _Table:
    try:
        # not read_table, which trips over names given twice
        table = pyarrow.parquet.ParquetFile(path).read()
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(
            f"{path.name} is not a Parquet file ({' '.join(str(error).split())[:200]}); "
            "write it again, or bring a CSV"
        ) from None
    frame = pd.DataFrame({i: _as_text(column) for i, column in enumerate(table.columns)})
    frame.columns = pd.Index([name.strip() for name in table.column_names], dtype="str")
    lines = np.arange(1, len(frame) + 1)
    none = np.array([], dtype=np.int64)
    return frame, lines, np.ones_like(lines), _malformed_rows([], none, none)


def _as_text(column: pa.ChunkedArray) -> pd.Series:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_integer(column.type):
        column = column.cast(pa.string())  # pandas would turn integers with nulls into floats
    values = column.to_pandas()
    text = values.map(repr if pa.types.is_floating(column.type) else str, na_action="ignore")
    return text.astype("str").fillna("")
