"""The customer table as a stream: a large file is never held as a whole."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet

from churn_pipeline.contract.file_format import UNKNOWN, FileFormat
from churn_pipeline.errors import DataError, SourceChangedError
from churn_pipeline.io.addresses import Address, parse_address, project_folder
from churn_pipeline.io.raw_table import (
    RawTable,
    RawTableDataset,
    raw_table,
    read_raw_table,
    require_file,
)
from churn_pipeline.io.readers.contents import Contents
from churn_pipeline.io.readers.finishing import (
    require_rows,
    unnamed_and_empty,
    with_header,
    with_names,
    without_repeated_header,
)
from churn_pipeline.io.readers.footer import without_footer
from churn_pipeline.io.readers.opening import is_compressed
from churn_pipeline.io.readers.separator import NAMES
from churn_pipeline.progress import Progress

ROWS_A_PART = 100_000
_BLOCK = 1 << 20
_ROWS_LOOKED_AT = 1000  # first rows, which tell the names of the columns


@dataclass(frozen=True)
class RawStream:
    """An unchecked customer table, read part by part.

    Attributes
    ----------
    name, sha256 : str
        See :class:`churn_pipeline.io.raw_table.RawTable`.
    columns : tuple of str
    rows_a_part : int
        The last part may have up to twice as many.
    rows : int or None
        How many the table has, where that is known.
    is_about : bool
        Whether that is an estimate.
    file : FileFormat
        What was known of the file's layout.
    parts : callable
        Returns an iterator over the table's parts, each a
        :class:`~churn_pipeline.io.raw_table.RawTable` with rows labelled from 0; at least one. It
        raises a SourceChangedError, and no part, if the file is no longer that of the hash.
    """

    name: str
    sha256: str
    columns: tuple[str, ...]
    rows_a_part: int
    rows: int | None
    is_about: bool
    file: FileFormat
    parts: Callable[[], Iterator[RawTable]]

    @classmethod
    def of_table(
        cls, table: RawTable, rows: int = ROWS_A_PART, file: FileFormat = UNKNOWN
    ) -> "RawStream":
        """Return a table that was read as a whole as a stream."""
        names = tuple(map(str, table.cells.columns))
        n_rows = len(table.cells) + len(table.malformed)
        parts = partial(_slices, table, rows)
        return cls(table.name, table.sha256, names, rows, n_rows, False, file, parts)


def _slices(table: RawTable, rows: int) -> Iterator[RawTable]:
    starts = [*range(0, max(len(table.cells) - rows, 0) + 1, rows)]
    bounds = [-np.inf, *(int(table.lines[start]) for start in starts[1:]), np.inf]
    of_malformed = np.searchsorted(bounds, table.malformed["line"], side="right") - 1
    for number, start in enumerate(starts):
        stop = start + rows if number + 1 < len(starts) else len(table.cells)
        yield replace(
            table,
            cells=table.cells.iloc[start:stop].reset_index(drop=True),
            lines=table.lines[start:stop],
            spans=table.spans[start:stop],
            malformed=table.malformed[of_malformed == number].reset_index(drop=True),
        )


class RawStreamDataset(RawTableDataset):
    """Loads a table from any source as a :class:`RawStream`; read-only.

    Text and Parquet files are read part by part, each time that the parts are asked for. Other
    sources (workbooks, JSON lines, databases, whose rows have to be sorted) are read at once.

    Parameters
    ----------
    rows_a_part : int
    **arguments
        See :class:`churn_pipeline.io.raw_table.RawTableDataset`.
    """

    def __init__(self, *, rows_a_part: int = ROWS_A_PART, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._rows = rows_a_part
        self._stream: RawStream | None = None
        self._fetched = ExitStack()

    def load(self) -> RawStream:  # type: ignore[override]
        if self._stream is None:
            folder = project_folder()
            address = parse_address(self._filepath, self._setting).within(folder)
            file = self._file(folder)
            if address.kind not in ("text", "parquet") or address.is_database:
                table = read_raw_table(
                    self._filepath, self._setting, self._credentials, folder, file
                )
                self._stream = RawStream.of_table(table, self._rows, file)
            else:
                path = self._path(address, self._credentials)
                self._stream = _stream_file(path, address, file, self._rows)
        return self._stream

    def _path(self, address: Address, credentials: Mapping[str, Any] | None) -> Path:
        if not address.is_on_s3:
            path = Path(address.place)
            require_file(path, self._setting)
            return path
        from churn_pipeline.io.readers.storage import fetched

        return self._fetched.enter_context(fetched(address, credentials))

    def _release(self) -> None:
        super()._release()
        self._stream = None
        self._fetched.close()


def _stream_file(path: Path, address: Address, file: FileFormat, rows: int) -> RawStream:
    if not path.stat().st_size:
        raise DataError(f"{address.name} is empty; a customer table is needed")
    unchanged = _Unchanged(path, address.name)
    with unchanged.required():
        first = _first_with_rows(_finished(path, address, file, min(rows, _ROWS_LOOKED_AT)))
        kind = NAMES.get(first.separator or "")
        require_rows(first, address.name, f"{kind}-separated" if kind else "", address.setting)
        sha256, n_lines = _hashed(path)
        n_rows: int | None = None if is_compressed(path) else n_lines
        if address.kind == "parquet":
            n_rows = pyarrow.parquet.read_metadata(path).num_rows

    def parts() -> Iterator[RawTable]:
        pieces = _finished(path, address, file, rows)
        while True:
            with unchanged.required():  # after each part is read, and before it is used
                contents = next(pieces, None)
            if contents is None:
                return
            yield raw_table(address.name, sha256, contents)

    names = tuple(map(str, first.cells.columns))
    is_about = address.kind == "text"
    return RawStream(address.name, sha256, names, rows, n_rows, is_about, file, parts)


class _Unchanged:
    """Notices that a file is no longer the one that it was at first."""

    def __init__(self, path: Path, name: str) -> None:
        self._path, self._name = path, name
        self._first = self._state()

    @contextmanager
    def required(self) -> Iterator[None]:
        """Refuse what was read meanwhile if the file has changed, whatever else was wrong with it.

        Raises
        ------
        SourceChangedError
        """
        try:
            yield
        finally:
            if self._state() != self._first:
                raise SourceChangedError(
                    f"{self._name} was changed while it was read; run again when it is complete"
                )

    def _state(self) -> tuple[int, int, int] | None:
        try:
            now = self._path.stat()
        except OSError:
            return None
        return now.st_size, now.st_mtime_ns, now.st_ino


def _first_with_rows(pieces: Iterator[Contents]) -> Contents:
    """Return the first piece that has rows; else one with malformed rows, if there is any."""
    found: Contents | None = None
    for contents in pieces:
        if len(contents.cells):
            return contents
        if found is None or not len(found.malformed):
            found = contents
    assert found is not None
    return found


def _hashed(path: Path) -> tuple[str, int]:
    """Return the hash of a file, and how many lines it has."""
    sha256, n_lines = hashlib.sha256(), 0
    with path.open("rb") as opened, Progress("hashed", path.stat().st_size, "bytes") as progress:
        while block := opened.read(_BLOCK):
            sha256.update(block)
            n_lines += block.count(b"\n")
            progress.advance(len(block))
    return sha256.hexdigest(), n_lines


def _finished(path: Path, address: Address, file: FileFormat, rows: int) -> Iterator[Contents]:
    """Settle names and leave out what is no customer, part by part, as ``finish`` does at once."""
    empty: set[int] | None = None
    ahead: Contents | None = None
    for contents in _headed(path, address, file, rows):
        if empty is None:
            empty = unnamed_and_empty(contents.cells)
            if empty:  # so far: a column without a name is left out if it is empty to its end
                others = _headed(path, address, file, rows)
                empty = empty.intersection(*(unnamed_and_empty(part.cells) for part in others))
        if ahead is not None:
            yield ahead
        ahead = with_names(contents, empty)
    assert ahead is not None
    yield without_footer(ahead, file.footer) if file.footer else ahead


def _headed(path: Path, address: Address, file: FileFormat, rows: int) -> Iterator[Contents]:
    names = None
    for contents in _pieces(path, address, file, rows):
        if names is None:
            header_rows = file.header_rows
            if header_rows is None:
                header_rows = contents.found.header_rows
            contents = with_header(
                contents, 1 if header_rows is None else header_rows, address.name
            )
            names = contents.cells.columns
        else:
            contents = replace(contents, cells=contents.cells.set_axis(names, axis=1))
        yield without_repeated_header(contents)


def _pieces(path: Path, address: Address, file: FileFormat, rows: int) -> Iterator[Contents]:
    if address.kind == "parquet":
        from churn_pipeline.io.readers.parquet import stream_parquet

        return stream_parquet(path, rows)
    from churn_pipeline.io.readers.text import stream_text

    return stream_text(path, file, rows)
