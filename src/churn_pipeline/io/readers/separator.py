"""Which character separates the fields of a text file, found from its first rows."""

import csv
import io
import re

SEPARATORS = (",", ";", "\t", "|")
_ROWS = 50
_SAID = re.compile(r'"?sep=([,;\t|])"?[\r\n]', re.IGNORECASE)


def said_separator(start: str) -> str | None:
    """Return the character that a line ``sep=;`` before the header names, as Excel reads it."""
    said = _SAID.match(start)
    return said and said.group(1)


def find_separator(start: str, is_whole: bool = True) -> str:
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
    """
    best, best_score = ",", (0.0, 1)
    for separator in SEPARATORS:
        rows = _first_rows(start, separator, is_whole)
        n_fields = len(rows[0]) if rows else 0
        if n_fields < 2:
            continue
        filled = [row for row in rows[1:] if row]
        fitting = sum(len(row) == n_fields for row in filled)
        score = (fitting / len(filled) if filled else 0.0, n_fields)
        if score > best_score:
            best, best_score = separator, score
    return best


def _first_rows(start: str, separator: str, is_whole: bool) -> list[list[str]]:
    rows = []
    # universal newlines, untranslated: what ends a row to the reader proper
    reader = csv.reader(io.StringIO(start, newline=""), delimiter=separator)
    for row in reader:
        rows.append(row)
        if len(rows) > _ROWS:
            return rows
    return rows if is_whole or len(rows) < 2 else rows[:-1]
