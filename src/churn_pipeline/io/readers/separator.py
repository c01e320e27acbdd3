"""How the fields of a text file are separated, determined from its first rows."""

import csv
import io
import re
from dataclasses import dataclass

from churn_pipeline.io.readers.layout import find_header

SEPARATORS = (",", ";", "\t", "|")
_OTHERS = ("\x01", "\x1f", "^", "~")  # only where each row agrees with them
NAMES = {
    ",": "comma", ";": "semicolon", "\t": "tab", "|": "bar", "\x01": "^A", "\x1f": "unit-separator",
    "^": "caret", "~": "tilde", " ": "blank",
}  # fmt: skip
_ROWS = 50
_SAID = re.compile(r'"?sep=([^"\r\n])"?[\r\n]', re.IGNORECASE)


@dataclass(frozen=True)
class Beginning:
    """The first rows of a text file.

    Attributes
    ----------
    separator : str
    rows : list of list of str
        The first ones, blank ones included.
    ends : list of int
        The line on which each ends, the first line being 1.
    """

    separator: str
    rows: list[list[str]]
    ends: list[int]


def said_separator(start: str) -> str | None:
    """Return the character that a line ``sep=;`` before the header names, as Excel reads it."""
    said = _SAID.match(start)
    return said and said.group(1)


def find_separator(start: str, is_whole: bool = True, quote: str | None = '"') -> str:
    """Return the character that separates the fields.

    Only characters of the header count, quoted text aside. Of several, the one by which the most of
    the first rows have as many fields as the header; then the one that makes more fields; then the
    first of :data:`SEPARATORS`. A header without any is a table of one column: a comma.

    Parameters
    ----------
    start : str
        The first part of the file.
    is_whole : bool
        False where the file goes on, so that the last row may be cut.
    quote : str or None
        Character that encloses fields.
    """
    split = {
        separator: read_beginning(start, separator, is_whole, quote).rows
        for separator in (*SEPARATORS, *_OTHERS)
    }
    best, share = _best(split, False)
    return best if share >= 0.5 else _best(split, True)[0]


def _best(split: dict[str, list[list[str]]], may_skip: bool) -> tuple[str, float]:
    """Return the separator, and the share of rows that have as many fields as the header.

    The header is the first row that is not blank, or else found below titles and notes.
    """
    best, best_score = ",", (0.0, 1)
    for separator, rows in split.items():
        header = next((i for i, row in enumerate(rows) if row), 0)
        n_rows = 1
        if may_skip and rows:
            header, n_rows = find_header(rows)
        n_fields = len(rows[header]) if rows else 0
        if n_fields < 2:
            continue
        filled = [row for row in rows[header + n_rows :] if row]
        if not filled and any(rows[:header]):
            continue
        fitting = sum(len(row) == n_fields for row in filled)
        score = (fitting / len(filled) if filled else 0.0, n_fields)
        if separator in _OTHERS and (best_score[0] > 0.5 or score[0] < 1):
            continue
        if score > best_score:
            best, best_score = separator, score
    return best, best_score[0]


def read_beginning(
    start: str, separator: str, is_whole: bool, quote: str | None = '"', escape: str | None = None
) -> Beginning:
    """Split the first rows of a file.

    Parameters
    ----------
    start : str
        The first part of the file.
    separator : str
    is_whole : bool
        False where the file goes on, so that the last row may be cut.
    quote, escape : str or None
        The character that encloses fields; how a quote in one is escaped.
    """
    rows, ends = [], []
    # universal newlines, untranslated: what ends a row to the reader proper
    reader = csv.reader(
        io.StringIO(start, newline=""),
        delimiter=separator,
        quotechar=quote,
        quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
        escapechar=escape,
    )
    try:
        for row in reader:
            rows.append(row)
            ends.append(reader.line_num)
            if len(rows) > _ROWS:
                return Beginning(separator, rows, ends)
    except csv.Error:  # a field of more than 128 KB, or half an escape at the end
        pass
    if not is_whole and len(rows) > 1:
        rows, ends = rows[:-1], ends[:-1]
    return Beginning(separator, rows, ends)


def find_quote(start: str, is_whole: bool) -> str:
    """Return what encloses the fields: single quotes where a third of most rows' fields has two."""
    for separator in SEPARATORS:
        rows = [row for row in read_beginning(start, separator, is_whole, None).rows if row]
        if len(rows) < 2 or len(rows[0]) < 2:
            continue
        rows = rows[:20]
        enclosed = [sum(map(_is_enclosed, row)) * 3 >= len(row) for row in rows]
        if sum(enclosed) * 2 > len(rows):
            return "'"
    return '"'


def _is_enclosed(field: str) -> bool:
    text = field.strip()
    return len(text) > 1 and text[0] == "'" == text[-1]
