"""Workbooks of Excel."""

import datetime
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from churn_pipeline.contract.file_format import UNKNOWN, FileFormat
from churn_pipeline.errors import DataError
from churn_pipeline.io.readers.contents import (
    Contents,
    Pieces,
    Remark,
    header_of_several,
    malformed_rows,
    wrong_number_of_fields,
)
from churn_pipeline.io.readers.layout import find_header
from churn_pipeline.io.readers.opening import kind_of

_ROWS_A_PIECE = 20_000
_HEAD_ROWS = 50
_OBVIOUS = 3  # how many times the cells of the next sheet the obvious one has
_ERRORS = frozenset(
    ["#N/A", "#REF!", "#DIV/0!", "#VALUE!", "#NAME?", "#NUM!", "#NULL!", "#SPILL!", "#CALC!",
     "#GETTING_DATA", "#FIELD!", "#BLOCKED!", "#UNKNOWN!", "#CONNECT!"]
)  # fmt: skip
# a formula, and what was saved of it; an empty text is a result like any other
_UNSAVED = re.compile(
    rb'<c r="([A-Z]+)(\d+)"(?![^>]*t="str")[^>]*>\s*<f[^>]*?(?:/>|>[^<]*</f>)\s*'
    rb"(?:<v\s*/>|<v></v>)?\s*</c>"
)
_SHOWN = 60


@dataclass(frozen=True)
class _Size:
    name: str
    rows: int
    columns: int
    is_hidden: bool

    def __str__(self) -> str:
        hidden = ", hidden" if self.is_hidden else ""
        return f"{self.name} ({self.rows:,} × {self.columns:,}{hidden})"


def read_excel(path: Path, sheet: str | None, given: FileFormat = UNKNOWN) -> Contents:
    """Read a sheet of a workbook.

    Values become the texts that a CSV would hold: formulas their last result, a moment at midnight
    (which Excel does not tell from a day) the day, errors such as #N/A an empty text. Rows without
    any value are left out, as are columns without name and value at the right.

    Parameters
    ----------
    path : Path
    sheet : str, optional
        Its name; None for that of ``given``, else the one that obviously holds the table.
    given : FileFormat

    Raises
    ------
    DataError
        If it is no workbook, has no such sheet or several that may be meant, or formulas whose
        results were not saved.
    """
    import openpyxl  # type: ignore[import-untyped]  # takes a second

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, TypeError, SyntaxError) as error:
        raise DataError(f"{path.name} {_what_else(path, error)}") from None
    try:
        sheet = sheet or given.sheet
        names = [page.title for page in book.worksheets]
        if not names or (sheet is not None and sheet not in names):
            raise DataError(
                f"{path.name} has no sheet {sheet!r}; its sheets are {', '.join(names) or 'none'}"
            )
        found, remarks = FileFormat(), list[Remark]()
        if sheet is None and len(names) > 1:
            sheet = _choose(path.name, [_measure(page) for page in book.worksheets], remarks)
            found = FileFormat(sheet=sheet)
        page = book[sheet or names[0]]
        _refuse_unsaved(path, page)
        page.reset_dimensions()  # what other programs write there is often wrong
        contents = _read_sheet(page.iter_rows(values_only=True), given, remarks)
        return replace(contents, found=contents.found.over(found), remarks=remarks)
    finally:
        book.close()


def _what_else(path: Path, error: Exception) -> str:
    """Say what a file is that is no workbook, and what to do."""
    kind = kind_of(path)
    if kind == "an old workbook (.xls), or one with a password":
        return f"is {kind}; save it again as .xlsx without a password, or as CSV"
    if kind is not None and kind != "an Excel workbook":
        return (
            f"is {kind} in spite of its name, not an Excel workbook; open it in the program that "
            "created it and save the table as .xlsx or CSV"
        )
    with path.open("rb") as file:
        start = file.read(4096)
    if start and not zipfile.is_zipfile(path) and 0 not in start and b"\n" in start:
        return "is a text file in spite of its name, not an Excel workbook; rename it to .csv"
    reason = " ".join(str(error).split())[:100] or type(error).__name__
    return (
        f"is not a readable Excel workbook ({reason}); save it again as .xlsx without a "
        "password, or use a CSV file"
    )


def _measure(page: Any) -> _Size:
    page.reset_dimensions()
    rows = columns = 0
    for values in page.iter_rows(values_only=True):
        filled = [place for place, value in enumerate(values) if value not in (None, "")]
        if filled:
            rows += 1
            columns = max(columns, filled[-1] + 1)
    return _Size(page.title, rows, columns, page.sheet_state != "visible")


def _choose(name: str, sizes: list[_Size], remarks: list[Remark]) -> str:
    """Return the sheet that obviously holds the table: visible, far larger than the others."""
    listed = ", ".join(map(str, sizes))
    tables = sorted(
        (size for size in sizes if size.rows > 1 and size.columns > 1),
        key=lambda size: (size.is_hidden, -size.rows * size.columns),
    )
    if not tables:
        filled = [size for size in sizes if size.rows] or sizes
        return max(filled, key=lambda size: size.rows).name
    best = tables[0]
    rivals = [s for s in tables[1:] if s.rows * s.columns * _OBVIOUS > best.rows * best.columns]
    if best.is_hidden or rivals:
        raise DataError(
            f"{name} has several sheets that may contain the table; its sheets (rows × columns) "
            "are "
            f"{listed}; choose one with {name}::{best.name}, or with --sheet (key file.sheet)"
        )
    remarks.append(
        Remark(
            f"Is {best.name} the sheet of the customers? It is used, because it is by far the "
            "largest of "
            f"{listed} (rows × columns).",
            "--sheet NAME (key file.sheet)",
        )
    )
    return best.name


def _refuse_unsaved(path: Path, page: Any) -> None:
    """Refuse formulas whose results were not saved: they would be read as empty cells."""
    places: list[tuple[str, int]] = []
    with zipfile.ZipFile(path) as archive, archive.open(page._worksheet_path) as file:
        rest = b""
        while chunk := file.read(1 << 20):
            text = rest + chunk
            whole = text.rfind(b"</c>") + 4
            places += [(m[1].decode(), int(m[2])) for m in _UNSAVED.finditer(text[:whole])]
            rest = text[whole:]
    if not places:
        return
    columns = sorted({column for column, _ in places}, key=lambda column: (len(column), column))
    raise DataError(
        f"{path.name} has {len(places):,} formulas whose results were not saved (sheet "
        f"{page.title}, column{'s' if len(columns) > 1 else ''} {', '.join(columns[:10])}, first "
        f"in {places[0][0]}{places[0][1]}): the program that wrote it does not compute formulas; "
        "open it in Excel or LibreOffice, save it, and try again"
    )


def _read_sheet(
    values: Iterator[tuple[Any, ...]], given: FileFormat, remarks: list[Remark]
) -> Contents:
    n_errors = 0

    def row_of(cells: tuple[Any, ...]) -> list[str]:
        nonlocal n_errors
        texts = [_text(value) for value in cells]
        if not _ERRORS.isdisjoint(texts):
            n_errors += sum(text in _ERRORS for text in texts)
            texts = ["" if text in _ERRORS else text for text in texts]
        return _trimmed(texts)

    head = [row_of(cells) for _, cells in zip(range(_HEAD_ROWS), values, strict=False)]
    place, n_header = (given.skip_rows, 1) if given.skip_rows is not None else find_header(head)
    found = FileFormat()
    if given.skip_rows is None and any(head[:place]):
        found = replace(found, skip_rows=place)
        shown = " ".join(next(row for row in head[:place] if row))[:_SHOWN]
        remarks.append(
            Remark(
                f"Is row {place + 1} the header? The {place} above it, from {shown!r} on, are "
                "skipped.",
                "--skip-rows N (key file.skip_rows)",
            )
        )
    if n_header != 1 and given.header_rows is None:
        found = replace(found, header_rows=n_header)
        remarks.append(header_of_several(n_header))
    n_names = given.header_rows or n_header
    width = max(map(len, head[place : place + n_names]), default=0)
    below = Counter(map(len, head[place + n_names :])).most_common(1)
    if below and 2 * below[0][1] > len(head) - place - n_names:
        width = max(width, below[0][0])  # the last columns may have no name
    header = [*head[place], *[""] * (width - len(head[place]))] if len(head) > place else []
    table: list[list[str]] = []
    lines: list[int] = []
    longer: list[tuple[int, list[str]]] = []
    rows = (*head[place + 1 :],)
    for number, row in enumerate(_chained(rows, values, row_of), start=place + 2):
        if len(row) > len(header):
            longer.append((number, row))
        elif row:
            lines.append(number)
            table.append(row + [""] * (len(header) - len(row)))
    if n_errors:
        remarks.append(
            Remark(
                f"{n_errors:,} cells contain an Excel error (such as #N/A) and are read as empty."
            )
        )
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
        first_line=place + 1,
        found=found,
    )


def _chained(
    rows: tuple[list[str], ...], values: Iterator[tuple[Any, ...]], row_of: Any
) -> Iterator[list[str]]:
    yield from rows
    yield from map(row_of, values)


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
