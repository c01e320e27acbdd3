"""CSV and its kin: fields that a character separates, a row a line, quotes where needed."""

import io
from pathlib import Path

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
from churn_pipeline.io.readers.encoding import find_encoding, open_bytes
from churn_pipeline.io.readers.separator import find_separator, said_separator

_MAX_COLUMNS = 10_000
_HEAD = 1 << 16  # characters that the separator is found from
NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


def read_text(path: Path) -> Contents:
    """Read a ``.csv``, ``.tsv`` or ``.txt`` file, whatever its encoding and separator.

    Raises
    ------
    DataError
        If it cannot be read as a table whose first line is the header.
    """
    encoding = find_encoding(path)
    separator, skipped = _separator(path, encoding)
    invalid: list[pyarrow.csv.InvalidRow] = []

    def set_aside(row: pyarrow.csv.InvalidRow) -> str:
        invalid.append(row)
        return "skip"

    is_utf8 = encoding.startswith("utf-8")
    try:
        with open_bytes(path) as file:
            table = pyarrow.csv.read_csv(
                file,
                # one thread, since only then are malformed rows numbered; the header is read as a
                # row like any other, so that names given twice survive
                read_options=pyarrow.csv.ReadOptions(
                    use_threads=False,
                    skip_rows=skipped,
                    autogenerate_column_names=True,
                    encoding="utf8" if is_utf8 else encoding,
                ),
                parse_options=pyarrow.csv.ParseOptions(
                    delimiter=separator,
                    newlines_in_values=True,
                    ignore_empty_lines=False,
                    invalid_row_handler=set_aside,
                ),
                convert_options=pyarrow.csv.ConvertOptions(
                    # as pandas holds texts, so that they are not copied
                    column_types={f"f{i}": pa.large_string() for i in range(_MAX_COLUMNS)},
                    strings_can_be_null=False,
                ),
            )
    except pa.ArrowInvalid as error:
        raise DataError(
            f"{path.name} is not a {NAMES[separator]}-separated table with a header "
            f"({_reason(error)}); save it again as CSV with encoding UTF-8"
        ) from None
    if not table.num_rows:
        raise DataError(f"{path.name} is empty; a table of customers is needed")
    invalid.sort(key=lambda row: row.number)
    is_valid, lines, spans = _locate_rows(table, invalid, skipped)
    malformed = malformed_rows(
        lines[~is_valid],
        spans[~is_valid],
        [row.text for row in invalid],
        [row.actual_columns for row in invalid],
        [wrong_number_of_fields(row.actual_columns, table.num_columns) for row in invalid],
    )
    names = [column[0].as_py() for column in table.columns]
    table = table.slice(1)
    lines, spans = lines[is_valid][1:], spans[is_valid][1:]
    filled = _is_filled(table)
    if not filled.all():  # an empty line is no customer, but a line of mere commas is a bad one
        filled |= _is_no_empty_line(path, encoding, lines, ~filled)
    columns = table.columns
    del table
    cells = frame_of(names, columns)
    if not filled.all():
        cells = cells[filled].reset_index(drop=True)
    return Contents(cells, lines[filled], spans[filled], malformed, encoding, separator)


def _separator(path: Path, encoding: str) -> tuple[str, int]:
    """Return the separator, and how many lines stand before the header."""
    with open_bytes(path) as file:
        text = io.TextIOWrapper(file, encoding, newline="")
        start = text.read(_HEAD)
        said = said_separator(start)
        return (said, 1) if said else (find_separator(start, is_whole=not text.read(1)), 0)


def _reason(error: pa.ArrowInvalid) -> str:
    reason = " ".join(str(error).split())[:200]
    if "Empty CSV" in reason:
        return "it has no rows"
    if "straddling" in reason:
        return "a row is longer than 1 MB: is there a quote that is never closed?"
    return reason


def _locate_rows(
    table: pa.Table, invalid: list[pyarrow.csv.InvalidRow], skipped: int
) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]:
    """Find first line and span of all rows, malformed ones included, from the quoted newlines."""
    is_valid = np.ones(table.num_rows + len(invalid), dtype=bool)
    spans = np.ones(len(is_valid), dtype=np.int64)
    for row in invalid:
        is_valid[row.number - skipped - 1] = False
        spans[row.number - skipped - 1] += row.text.count("\n")
    spans[is_valid] += sum(pc.count_substring(column, "\n").to_numpy() for column in table.columns)
    return is_valid, 1 + skipped + np.concatenate([[0], np.cumsum(spans)[:-1]]), spans


def _is_filled(table: pa.Table) -> NDArray[np.bool_]:
    filled = np.zeros(table.num_rows, dtype=bool)
    for column in table.columns:
        filled |= pc.binary_length(column).to_numpy() > 0
    return filled


def _is_no_empty_line(
    path: Path, encoding: str, lines: NDArray[np.int64], doubtful: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Tell of the doubtful rows whether their line has any character but spaces."""
    asked = iter(np.flatnonzero(doubtful))
    answer = np.zeros(len(lines), dtype=bool)
    place = next(asked, None)
    with open_bytes(path) as file:
        for number, text in enumerate(io.TextIOWrapper(file, encoding), start=1):
            if place is None:
                break
            if number == lines[place]:
                answer[place] = bool(text.strip())
                place = next(asked, None)
    return answer
