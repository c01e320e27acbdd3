"""Where a text file's header is and what separates its fields."""

import io
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from churn_pipeline.contract.file_format import ESCAPES, QUOTES, FileFormat
from churn_pipeline.errors import DataError
from churn_pipeline.io.readers.contents import Remark, header_of_several
from churn_pipeline.io.readers.encoding import Encoding
from churn_pipeline.io.readers.layout import find_header
from churn_pipeline.io.readers.opening import open_bytes
from churn_pipeline.io.readers.separator import (
    NAMES,
    Beginning,
    find_quote,
    find_separator,
    read_beginning,
    said_separator,
)

MAX_COLUMNS = 10_000
_HEAD = 1 << 18  # characters that the layout is found from
_SHOWN = 60
_MOST_ROWS = 0.9


@dataclass(frozen=True)
class Layout:
    """How the file is to be split.

    Attributes
    ----------
    skipped : int
        Lines above the header.
    names : list of str or None
        Names of the columns where the header has another number of fields than the rows; None
        where the first row after those skipped has them.
    header_line : int
        Line of the header.
    """

    encoding: str
    separator: str
    quote: str | None
    escape: str | None
    skipped: int
    names: list[str] | None
    header_line: int


def find_layout(
    path: Path, encoding: Encoding, given: FileFormat
) -> tuple[Layout, FileFormat, list[Remark]]:
    """Return the layout, what of it the file does not say plainly, and the remarks on that."""
    with open_bytes(path) as file:
        text = io.TextIOWrapper(file, encoding.name, newline="")
        start = text.read(_HEAD)
        is_whole = not text.read(1)
    if not start:
        raise DataError(f"{path.name} is empty; a customer table is needed")
    found, remarks = FileFormat(), list[Remark]()
    quote = given.quote
    if quote is None:
        quote = find_quote(start, is_whole)
        if quote != '"':
            found = replace(found, quote=quote)
            remarks.append(Remark("Do single quotes enclose the fields?", "--quote '\"'"))
    escape = ESCAPES[given.escape] if given.escape else None
    said = said_separator(start)
    separator = given.separator or said
    if separator is None:
        separator = find_separator(start, is_whole, QUOTES[quote])
    beginning = read_beginning(start, separator, is_whole, QUOTES[quote], escape)
    header, n_header = _find_header(beginning, given, said is not None)
    skipped = beginning.ends[header - 1] if header else 0
    n_title = header - (said is not None)
    if given.skip_rows is None and n_title > 0 and any(beginning.rows[header - n_title : header]):
        lines = start.splitlines()[said is not None : skipped]
        first = next((line for line in lines if line.strip(separator + " ")), "")
        found = replace(found, skip_rows=skipped)
        remarks.append(
            Remark(
                f"Is line {skipped + 1} the header? The {skipped} above it, from "
                f"{first.strip()[:_SHOWN]!r} on, are skipped.",
                "--skip-rows N (key file.skip_rows)",
            )
        )
    if n_header != 1 and given.header_rows is None:
        found = replace(found, header_rows=n_header)
        remarks.append(header_of_several(n_header))
    names, header_line = None, skipped + 1
    if escape is not None or not encoding.has_escapes:
        names = _names_if_other(path, beginning, header, n_header, separator)
    if names is not None:
        skipped = beginning.ends[header]
    layout = Layout(encoding.name, separator, QUOTES[quote], escape, skipped, names, header_line)
    return layout, found, remarks


def _find_header(beginning: Beginning, given: FileFormat, is_said: bool) -> tuple[int, int]:
    """Return the place of the header among the first rows, and how many it has."""
    if given.skip_rows is None:
        header, n_header = find_header(beginning.rows[is_said:]) if beginning.rows else (0, 1)
        return header + is_said, n_header
    after = sum(end <= given.skip_rows for end in beginning.ends)
    return max(after, int(is_said)), given.header_rows or 1


def _names_if_other(
    path: Path, beginning: Beginning, header: int, n_header: int, separator: str
) -> list[str] | None:
    """Return the names where the header has one separator more or less at its end than the rows."""
    if header >= len(beginning.rows):
        return None
    names = beginning.rows[header]
    if len(names) > MAX_COLUMNS:
        raise DataError(
            f"{path.name} has {len(names):,} columns, but at most {MAX_COLUMNS:,} can be read; "
            "remove those that no model needs"
        )
    rows = [row for row in beginning.rows[header + n_header :] if row]
    if not rows or len(names) < 2:
        return None
    width, n = Counter(map(len, rows)).most_common(1)[0]
    if n < _MOST_ROWS * len(rows) or abs(width - len(names)) != 1:
        return None
    if width < len(names):
        return names[:-1] if not names[-1].strip() else None
    usual = [row for row in rows if len(row) == width]
    if all(not row[-1].strip() for row in usual):
        return [*names, ""]
    raise DataError(
        f"{path.name} has {len(names)} names in its header and {width} fields in its rows, which "
        f"{NAMES.get(separator, repr(separator))}s separate: if the first field is the name of a "
        f"row, put its column's name in front of the header (line {beginning.ends[header]}); if "
        "numbers are written 1,5, put them in quotes or separate the fields by semicolons"
    )
