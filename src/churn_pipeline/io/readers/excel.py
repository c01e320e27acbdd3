"""Workbooks of Excel."""

import datetime
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from churn_pipeline.errors import DataError
from churn_pipeline.io.readers.contents import (
    Contents,
    Pieces,
    malformed_rows,
    wrong_number_of_fields,
)

_ROWS_A_PIECE = 20_000


def read_excel(path: Path, sheet: str | None) -> Contents:
    """Read a sheet of a workbook, whose first row is the header.

    Values become the texts that a CSV would hold: formulas their last result, a moment at midnight
    (which Excel does not tell from a day) the day. Rows without any value are left out, as are
    columns without name and value at the right.

    Parameters
    ----------
    path : Path
    sheet : str, optional
        Its name; None for the first.

    Raises
    ------
    DataError
        If it is no workbook, or has no such sheet.
    """
    import openpyxl  # type: ignore[import-untyped]  # takes a second

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, TypeError, SyntaxError) as error:
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise DataError(
            f"{path.name} is not an Excel workbook that can be read ({reason}); save it again as "
            ".xlsx without a password, or bring a CSV"
        ) from None
    try:
        names = [page.title for page in book.worksheets]
        if not names or (sheet is not None and sheet not in names):
            raise DataError(
                f"{path.name} has no sheet {sheet!r}; its sheets are {', '.join(names) or 'none'}"
            )
        page = book[sheet or names[0]]
        page.reset_dimensions()  # what other programs write there is often wrong
        return _read_sheet(page.iter_rows(values_only=True))
    finally:
        book.close()


def _read_sheet(rows: Iterator[tuple[Any, ...]]) -> Contents:
    header = _trimmed([_text(value) for value in next(rows, ())])
    table: list[list[str]] = []
    lines: list[int] = []
    longer: list[tuple[int, list[str]]] = []
    for number, values in enumerate(rows, start=2):
        row = _trimmed([_text(value) for value in values])
        if len(row) > len(header):
            longer.append((number, row))
        elif row:
            lines.append(number)
            table.append(row + [""] * (len(header) - len(row)))
    pieces = Pieces(len(header))
    for start in range(0, len(table), _ROWS_A_PIECE):
        columns = zip(*table[start : start + _ROWS_A_PIECE], strict=True)
        pieces.add([pa.array(column, pa.large_string()) for column in columns])
    return Contents(
        pieces.frame(header),
        np.array(lines, dtype=np.int64),
        np.ones(len(lines), dtype=np.int64),
        malformed_rows(
            [number for number, _ in longer],
            np.ones(len(longer), dtype=np.int64),
            ["\t".join(row) for _, row in longer],
            [len(row) for _, row in longer],
            [wrong_number_of_fields(len(row), len(header)) for _, row in longer],
        ),
    )


def _trimmed(row: list[str]) -> list[str]:
    """Drop the empty cells at the right, of which programs leave any number."""
    while row and not row[-1]:
        row.pop()
    return row


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    return str(value)
