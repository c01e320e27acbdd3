"""CSV and its kin: fields that a character separates, a row a line, quotes where needed."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from churn_pipeline.contract.file_format import UNKNOWN, FileFormat
from churn_pipeline.errors import DataError
from churn_pipeline.io.readers.contents import Contents, Remark, counted, malformed_rows
from churn_pipeline.io.readers.encoding import Encoding, find_encoding
from churn_pipeline.io.readers.escapes import count_escapes
from churn_pipeline.io.readers.opening import refuse_foreign
from churn_pipeline.io.readers.text_layout import Layout, find_layout
from churn_pipeline.io.readers.text_rows import text_rows

_ROWS_COUNTED = 100_000


def read_text(path: Path, given: FileFormat = UNKNOWN) -> Contents:
    """Read a text file with a row a line; see :func:`stream_text`."""
    (contents,) = stream_text(path, given)
    return contents


def stream_text(
    path: Path, given: FileFormat = UNKNOWN, rows: int | None = None
) -> Iterator[Contents]:
    """Read a text file with a row a line, piece by piece.

    Parameters
    ----------
    path : Path
    given : FileFormat
        What is known of it; the rest is found out.
    rows : int, optional
        Of a piece, see :func:`churn_pipeline.io.readers.text_rows.text_rows`.

    Raises
    ------
    DataError
        If it cannot be read as a table.
    """
    refuse_foreign(path)
    encoding = find_encoding(path, given.encoding)
    layout, found, remarks = find_layout(path, encoding, given)
    remarks += _remarks_on_encoding(encoding)
    if encoding.has_escapes and given.escape is None and layout.quote == '"':
        found, layout = _settle_escapes(path, found, layout, remarks)
    if encoding.guesses or not (encoding.is_ascii or given.encoding or _is_marked(encoding)):
        found = replace(found, encoding=encoding.name)
    for contents in text_rows(path, layout, rows):
        contents = _without_swallowed(contents, layout.separator, remarks)
        yield replace(
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


def _settle_escapes(
    path: Path, found: FileFormat, layout: Layout, remarks: list[Remark]
) -> tuple[FileFormat, Layout]:
    r"""Choose between ``\"`` as a quote within a field and as a backslash at a field's end."""
    escaped_layout = replace(layout, escape="\\")
    inner, at_end, line = count_escapes(path, layout.encoding, layout.separator)
    if not inner and not at_end:
        return found, layout
    n_plain = _misfits(path, layout)
    try:
        n_escaped = _misfits(path, escaped_layout)
    except DataError:
        return found, layout
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
    return found, (escaped_layout if is_escape else layout)


def _misfits(path: Path, layout: Layout) -> int:
    """Count the lines of rows that do not fit the header."""
    parts = text_rows(path, layout, _ROWS_COUNTED)
    return sum(int(contents.malformed["span"].sum()) for contents in parts)


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
