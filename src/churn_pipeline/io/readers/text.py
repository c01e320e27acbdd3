"""CSV and its kin: fields that a character separates, a row a line, quotes where needed."""

import io
import re
from dataclasses import replace
from pathlib import Path
from typing import IO, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from numpy.typing import NDArray

from churn_pipeline.contract.file_format import UNKNOWN, FileFormat
from churn_pipeline.errors import DataError
from churn_pipeline.io.readers.contents import (
    Contents,
    Remark,
    counted,
    frame_of,
    malformed_rows,
    wrong_number_of_fields,
)
from churn_pipeline.io.readers.encoding import Encoding, find_encoding
from churn_pipeline.io.readers.escapes import Unescaped, count_escapes
from churn_pipeline.io.readers.opening import UNREADABLE, open_bytes, refuse_foreign
from churn_pipeline.io.readers.separator import NAMES
from churn_pipeline.io.readers.text_layout import MAX_COLUMNS, Layout, find_layout


def read_text(path: Path, given: FileFormat = UNKNOWN) -> Contents:
    """Read a text file with a row a line.

    Parameters
    ----------
    path : Path
    given : FileFormat
        What is known of it; the rest is found out.

    Raises
    ------
    DataError
        If it cannot be read as a table.
    """
    refuse_foreign(path)
    encoding = find_encoding(path, given.encoding)
    layout, found, remarks = find_layout(path, encoding, given)
    remarks += _remarks_on_encoding(encoding)
    contents = _parse(path, layout)
    if encoding.has_escapes and given.escape is None and layout.quote == '"':
        contents, found, layout = _settle_escapes(path, contents, found, layout, remarks)
    contents = _without_swallowed(contents, layout.separator, remarks)
    if encoding.guesses or not (encoding.is_ascii or given.encoding or _is_marked(encoding)):
        found = replace(found, encoding=encoding.name)
    return replace(
        contents,
        encoding=encoding.name,
        separator=layout.separator,
        first_line=layout.header_line,
        found=found,
        remarks=remarks,
    )


def _is_marked(encoding: Encoding) -> bool:
    return encoding.name in ("utf-8-sig", "utf-16", "utf-32")


def _remarks_on_encoding(encoding: Encoding) -> list[Remark]:
    remarks = []
    if encoding.guesses:
        shown = "; ".join(
            f"{guess.name}: {', '.join(map(repr, guess.samples))}" for guess in encoding.guesses
        )
        remarks.append(
            Remark(
                f"The file is not UTF-8. Is it {encoding.name}? It could be read as {shown}.",
                "--encoding NAME (key file.encoding)",
            )
        )
    if encoding.zero_line is not None:
        remarks.append(
            Remark(
                f"The file has NUL characters (first on line {encoding.zero_line}), which are kept "
                "in the cells: is it damaged, or padded?"
            )
        )
    return remarks


def _parse(path: Path, layout: Layout) -> Contents:
    invalid: list[pyarrow.csv.InvalidRow] = []

    def set_aside(row: pyarrow.csv.InvalidRow) -> str:
        invalid.append(row)
        return "skip"

    encoding = layout.encoding
    is_utf8 = encoding.startswith("utf-8") or layout.escape is not None
    names = layout.names
    try:
        with _opened(path, layout) as file:
            table = pyarrow.csv.read_csv(
                file,
                # one thread, since only then are malformed rows numbered; the header is read as a
                # row like any other, so that names given twice survive
                read_options=pyarrow.csv.ReadOptions(
                    use_threads=False,
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
    except pa.ArrowInvalid as error:
        name = NAMES.get(layout.separator, repr(layout.separator))
        raise DataError(
            f"{path.name} is not a {name}-separated table with a header "
            f"({_reason(error)}); save it again as CSV with encoding UTF-8"
        ) from None
    except UNREADABLE as error:
        raise DataError(f"{path.name} cannot be read ({_reason(error)})") from None
    if not table.num_rows:
        raise DataError(f"{path.name} is empty; a customer table is needed")
    invalid.sort(key=lambda row: row.number)
    is_valid, lines, spans = _locate_rows(table, invalid, layout.skipped)
    malformed = malformed_rows(
        lines[~is_valid],
        spans[~is_valid],
        [row.text for row in invalid],
        [row.actual_columns for row in invalid],
        [wrong_number_of_fields(row.actual_columns, table.num_columns) for row in invalid],
    )
    lines, spans = lines[is_valid], spans[is_valid]
    if names is None:
        names = [column[0].as_py() for column in table.columns]
        table = table.slice(1)
        lines, spans = lines[1:], spans[1:]
    filled = _is_filled(table)
    if not filled.all():  # an empty line is no customer, but a line of mere commas is a bad one
        filled |= _is_no_empty_line(path, encoding, lines, ~filled)
    columns = table.columns
    del table
    cells = frame_of(names, columns)
    if not filled.all():
        cells = cells[filled].reset_index(drop=True)
    return Contents(cells, lines[filled], spans[filled], malformed)


def _opened(path: Path, layout: Layout) -> IO[bytes]:
    file = open_bytes(path)
    if layout.escape is None:
        return file
    return cast(IO[bytes], Unescaped(file, layout.encoding, layout.separator, layout.quote))


def _settle_escapes(
    path: Path, plain: Contents, found: FileFormat, layout: Layout, remarks: list[Remark]
) -> tuple[Contents, FileFormat, Layout]:
    r"""Choose between ``\"`` as a quote within a field and as a backslash at a field's end."""
    escaped_layout = replace(layout, escape="\\")
    inner, at_end, line = count_escapes(path, layout.encoding, layout.separator)
    if not inner and not at_end:
        return plain, found, layout
    try:
        escaped = _parse(path, escaped_layout)
    except DataError:
        return plain, found, layout
    n_plain, n_escaped = (int(c.malformed["span"].sum()) for c in (plain, escaped))
    is_escape = n_escaped < n_plain or (n_escaped == n_plain and inner > 0)
    answer = "none" if is_escape else "backslash"
    reading = r"a quote within a field" if is_escape else "a backslash at the end of a field"
    remarks.append(
        Remark(
            rf"\" occurs {inner + at_end:,} times in the file (first on line {line}). "
            f"Is it {reading}, as it is read?",
            f"--escape {answer} (key file.escape)",
        )
    )
    found = replace(found, escape="backslash" if is_escape else "none")
    return (escaped, found, escaped_layout) if is_escape else (plain, found, layout)


def _without_swallowed(contents: Contents, separator: str, remarks: list[Remark]) -> Contents:
    """Set rows aside in which a stray quote has swallowed the rows after it.

    Such a cell has as many separators as the rows that it goes over, and values between them.
    """
    spans = contents.spans
    n_columns = contents.cells.shape[1]
    doubtful = np.flatnonzero(spans > max(1, 5 - n_columns))
    if not len(doubtful) or n_columns < 2:
        return contents
    is_bad = np.zeros(len(doubtful), dtype=bool)
    rows = contents.cells.iloc[doubtful]
    for place in range(n_columns):
        texts = rows.iloc[:, place]
        breaks = texts.str.count("\n").to_numpy(dtype=np.int64)
        separators = texts.str.count(re.escape(separator)).to_numpy(dtype=np.int64)
        for row in np.flatnonzero((breaks > 0) & (separators == breaks * (n_columns - 1))):
            parts = re.split(f"[{re.escape(separator)}\n]", texts.iloc[row])
            is_bad[row] |= sum(map(bool, parts)) * 2 > len(parts) + 1
    if not is_bad.any():
        return contents
    bad = doubtful[is_bad]
    keep = np.ones(len(spans), dtype=bool)
    keep[bad] = False
    lines = contents.lines
    reasons = [
        f"a quote that is open at the end of line {lines[i]} is closed {spans[i] - 1} lines below, "
        "and those lines look like rows."
        for i in bad
    ]
    whole = [separator.join(row) for row in contents.cells.iloc[bad].to_numpy().tolist()]
    remarks.append(
        Remark(
            f"Set aside: {counted(len(bad), 'row')} with line breaks and what looks like whole "
            f"rows in a cell (first on line {lines[bad[0]]}, over {spans[bad[0]]} lines). Is there "
            "a quote too few or too many, or are quotes ordinary characters in this file?",
            "--quote none (key file.quote)",
        )
    )
    swallowed = malformed_rows(lines[bad], spans[bad], whole, [n_columns] * len(bad), reasons)
    return contents.set_aside(keep, swallowed)


def _reason(error: BaseException) -> str:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
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
