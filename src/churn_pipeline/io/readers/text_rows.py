"""Rows of a text file, piece by piece: cells, lines, and what does not fit the header."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, TypeAlias, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from numpy.typing import NDArray

from churn_pipeline.errors import DataError
from churn_pipeline.io.readers.contents import (
    Contents,
    frame_of,
    malformed_rows,
    wrong_number_of_fields,
)
from churn_pipeline.io.readers.escapes import Unescaped
from churn_pipeline.io.readers.opening import UNREADABLE, open_bytes
from churn_pipeline.io.readers.separator import NAMES
from churn_pipeline.io.readers.text_layout import MAX_COLUMNS, Layout

_BLOCK = 1 << 20  # bytes, which the parser reads several of ahead
Invalid: TypeAlias = Any  # pyarrow.csv.InvalidRow


def text_rows(path: Path, layout: Layout, rows: int | None = None) -> Iterator[Contents]:
    """Read a text file of a known layout.

    Parameters
    ----------
    path : Path
    layout : Layout
    rows : int, optional
        Of each piece, the last of which may have up to twice as many; None for one piece.

    Yields
    ------
    Contents
        At least one, in the order of the file, malformed rows included.

    Raises
    ------
    DataError
        If it cannot be read, or has no rows.
    """
    kept: list[_Piece] = []
    n_kept, n_rows, names = 0, 0, layout.names
    lines = _LineTexts(path, layout.encoding)
    for piece in _pieces(path, layout):
        n_rows += piece.table.num_rows
        if names is None and piece.table.num_rows:
            names = [column[0].as_py() for column in piece.table.columns]
            piece = _Piece(piece.table.slice(1), piece.lines[1:], piece.spans[1:], piece.invalid)
        piece = _without_empty_lines(piece, lines)
        kept.append(piece)
        n_kept += piece.table.num_rows
        while rows is not None and n_kept >= 2 * rows:
            whole = _joined(kept)
            yield _contents(whole.above(rows), names or [])
            kept, n_kept = [whole.below(rows)], n_kept - rows
    if not n_rows:
        raise DataError(f"{path.name} is empty; a customer table is needed")
    whole = _joined(kept)
    del kept, piece
    yield _contents(whole, names or [])


class _Piece:
    """Some rows of the file.

    Parameters
    ----------
    table : Table
        The cells of the rows that fit.
    lines, spans : ndarray of int
        Of those rows.
    invalid : list of (int, int, InvalidRow)
        Line and span of the others.
    """

    def __init__(
        self,
        table: pa.Table,
        lines: NDArray[np.int64],
        spans: NDArray[np.int64],
        invalid: list[tuple[int, int, Invalid]],
    ) -> None:
        self.table, self.lines, self.spans, self.invalid = table, lines, spans, invalid

    def above(self, row: int) -> "_Piece":
        """Return the first rows."""
        invalid = [found for found in self.invalid if found[0] < self.lines[row]]
        return _Piece(self.table.slice(0, row), self.lines[:row], self.spans[:row], invalid)

    def below(self, row: int) -> "_Piece":
        """Return the rows from one on."""
        invalid = [found for found in self.invalid if found[0] >= self.lines[row]]
        return _Piece(self.table.slice(row), self.lines[row:], self.spans[row:], invalid)


def _joined(pieces: list[_Piece]) -> _Piece:
    if len(pieces) == 1:
        return pieces[0]
    return _Piece(
        pa.concat_tables([piece.table for piece in pieces]),
        np.concatenate([piece.lines for piece in pieces]),
        np.concatenate([piece.spans for piece in pieces]),
        [found for piece in pieces for found in piece.invalid],
    )


def _pieces(path: Path, layout: Layout) -> Iterator[_Piece]:
    """Yield the batches of the parser, each row with its line."""
    invalid: list[Invalid] = []

    def set_aside(row: Invalid) -> str:
        invalid.append(row)
        return "skip"

    encoding = layout.encoding
    is_utf8 = encoding.startswith("utf-8") or layout.escape is not None
    names = layout.names
    try:
        with _opened(path, layout) as file:
            reader = pyarrow.csv.open_csv(
                file,
                # one thread, since only then are malformed rows numbered; the header is read as a
                # row like any other, so that names given twice survive
                read_options=pyarrow.csv.ReadOptions(
                    use_threads=False,
                    block_size=_BLOCK,
                    skip_rows=layout.skipped,
                    column_names=names and [f"f{i}" for i in range(len(names))],
                    autogenerate_column_names=names is None,
                    encoding="utf8" if is_utf8 else encoding,
                ),
                parse_options=pyarrow.csv.ParseOptions(
                    delimiter=layout.separator,
                    quote_char=layout.quote or False,
                    escape_char=layout.escape or False,
                    newlines_in_values=layout.quote is not None,
                    ignore_empty_lines=False,
                    invalid_row_handler=set_aside,
                ),
                convert_options=pyarrow.csv.ConvertOptions(
                    # as pandas holds texts, so that they are not copied
                    column_types={f"f{i}": pa.large_string() for i in range(MAX_COLUMNS)},
                    strings_can_be_null=False,
                ),
            )
            row, line = 0, 1 + layout.skipped  # of what follows
            empty = pa.Table.from_batches([], reader.schema)
            for batch in reader:
                table = pa.Table.from_batches([batch])
                before = _before(table.num_rows, invalid, layout.skipped + 1 + row)
                piece, row, line = _located(table, invalid[:before], layout.skipped, row, line)
                del invalid[:before]
                yield piece
            if invalid:
                invalid.sort(key=lambda found: found.number)
                yield _located(empty, invalid, layout.skipped, row, line)[0]
    except pa.ArrowInvalid as error:
        name = NAMES.get(layout.separator, repr(layout.separator))
        raise DataError(
            f"{path.name} is not a {name}-separated table with a header "
            f"({_reason(error)}); save it again as CSV with encoding UTF-8"
        ) from None
    except UNREADABLE as error:
        raise DataError(f"{path.name} cannot be read ({_reason(error)})") from None


def _before(n_rows: int, invalid: list[Invalid], first: int) -> int:
    """Count the invalid rows before the last of some rows; the parser is ahead of them."""
    invalid.sort(key=lambda found: found.number)
    for place, found in enumerate(invalid):
        if found.number - first - place >= n_rows:
            return place
    return len(invalid)


def _located(
    table: pa.Table, invalid: list[Invalid], skipped: int, row: int, line: int
) -> tuple[_Piece, int, int]:
    """Find first line and span of all rows, malformed ones included, from the quoted newlines."""
    is_valid = np.ones(table.num_rows + len(invalid), dtype=bool)
    spans = np.ones(len(is_valid), dtype=np.int64)
    places = [found.number - skipped - 1 - row for found in invalid]
    for place, found in zip(places, invalid, strict=True):
        is_valid[place] = False
        spans[place] += found.text.count("\n")
    if table.num_rows:
        spans[is_valid] += sum(
            pc.count_substring(column, "\n").to_numpy() for column in table.columns
        )
    lines = line + np.concatenate([[0], np.cumsum(spans)])
    bad = [
        (int(lines[place]), int(spans[place]), found)
        for place, found in zip(places, invalid, strict=True)
    ]
    piece = _Piece(table, lines[:-1][is_valid], spans[is_valid], bad)
    return piece, row + len(is_valid), int(lines[-1])


def _without_empty_lines(piece: _Piece, texts: "_LineTexts") -> _Piece:
    filled = _is_filled(piece.table)
    if filled.all():
        return piece
    # an empty line is no customer, but a line of mere commas is a bad one
    filled |= texts.are_filled(piece.lines, ~filled)
    table = piece.table.filter(pa.array(filled))
    return _Piece(table, piece.lines[filled], piece.spans[filled], piece.invalid)


def _contents(piece: _Piece, names: list[str]) -> Contents:
    table, n_columns = piece.table, piece.table.num_columns
    malformed = malformed_rows(
        [line for line, _, _ in piece.invalid],
        [span for _, span, _ in piece.invalid],
        [found.text for _, _, found in piece.invalid],
        [found.actual_columns for _, _, found in piece.invalid],
        [wrong_number_of_fields(found.actual_columns, n_columns) for _, _, found in piece.invalid],
    )
    columns = table.columns
    piece.table = table = None
    cells = frame_of(names, columns)
    return Contents(cells, piece.lines, piece.spans, malformed)


def _opened(path: Path, layout: Layout) -> IO[bytes]:
    file = open_bytes(path)
    if layout.escape is None:
        return file
    return cast(IO[bytes], Unescaped(file, layout.encoding, layout.separator, layout.quote))


def _reason(error: BaseException) -> str:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    if "Empty CSV" in reason:
        return "it has no rows"
    if "straddling" in reason:
        return "a row is longer than 1 MB: is there a quote that is never closed?"
    return reason


def _is_filled(table: pa.Table) -> NDArray[np.bool_]:
    filled = np.zeros(table.num_rows, dtype=bool)
    for column in table.columns:
        filled |= pc.binary_length(column).to_numpy() > 0
    return filled


class _LineTexts:
    """Looks lines of a text file up, which are asked for in their order."""

    def __init__(self, path: Path, encoding: str) -> None:
        self._path, self._encoding = path, encoding
        self._lines: Iterator[tuple[int, str]] | None = None

    def are_filled(
        self, lines: NDArray[np.int64], doubtful: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Tell of the doubtful rows whether their line has any character but spaces."""
        answer = np.zeros(len(lines), dtype=bool)
        if self._lines is None:
            self._lines = self._read()
        for place in np.flatnonzero(doubtful).tolist():
            for number, text in self._lines:
                if number == lines[place]:
                    answer[place] = bool(text.strip())
                    break
        return answer

    def _read(self) -> Iterator[tuple[int, str]]:
        with open_bytes(self._path) as file:
            yield from enumerate(io.TextIOWrapper(file, self._encoding), start=1)
