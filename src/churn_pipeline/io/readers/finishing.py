"""From what a reader read to the rows of customers: names settled, what is no customer left out."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd

from churn_pipeline.contract.file_format import FileFormat
from churn_pipeline.errors import DataError
from churn_pipeline.io.readers.contents import Contents, Remark, counted, malformed_rows
from churn_pipeline.io.readers.footer import look_for_footer, without_footer
from churn_pipeline.io.readers.layout import (
    is_customer,
    joined_names,
    leading_header_rows,
    looks_like_no_header,
)

_LOOKED_AT = 500  # first rows that tell what is a header
_SHOWN = 60
_MUCH = 0.02  # share of the lines that do not fit the header


def finish(contents: Contents, given: FileFormat, name: str, look: bool) -> Contents:
    """Settle the names of the columns and leave out rows that are no customers.

    Parameters
    ----------
    contents : Contents
        As read, the first row of the header being the names.
    given : FileFormat
    name : str
        Of the source, for the messages.
    look : bool
        Whether to look for further rows of the header and for a footer where nothing is given;
        else they stay rows, for the contract to refuse.

    Raises
    ------
    DataError
        If a header is not what was given, or is in doubt.
    """
    header_rows = given.header_rows
    if header_rows is None:
        header_rows = contents.found.header_rows
    if header_rows is None and look:
        header_rows = _look_for_header(contents, name)
        if header_rows > 1:
            shown = _shown(contents.cells.iloc[0])
            contents = contents.found_out(
                Remark(
                    f"Is the row below the header ({shown}) a second header? It is treated as one."
                    if header_rows == 2
                    else f"Are the {header_rows - 1} rows below the header (first {shown}) header "
                    "too? They are treated as such.",
                    "--header-rows 1 (key file.header_rows)",
                ),
                header_rows=header_rows,
            )
    contents = with_header(contents, 1 if header_rows is None else header_rows, name)
    contents = without_repeated_header(contents)
    contents = with_names(contents, unnamed_and_empty(contents.cells))
    footer = given.footer
    if not footer and look:
        footer, contents = look_for_footer(contents)
    contents = without_footer(contents, footer) if footer else contents
    if look:
        contents = _without_second_table(contents)
        _remark_on_malformed(contents)
    return contents


def _without_second_table(contents: Contents) -> Contents:
    """Quarantine rows below a blank row that have values in far fewer columns."""
    gaps = np.flatnonzero(np.diff(contents.lines) > contents.spans[:-1]) + 1
    gaps = gaps[gaps > len(contents.lines) // 2] if len(contents.lines) else gaps
    if not len(gaps) or contents.cells.shape[1] < 3:
        return contents
    filled = (contents.cells != "").sum(axis=1).to_numpy()
    typical = np.median(filled)
    for gap in gaps:
        lines = contents.lines[gap - 1 :]
        is_blank = not contents.malformed["line"].between(lines[0], lines[1]).any()
        if is_blank and len(filled) - gap > 1 and (filled[gap:] <= 0.7 * typical).all():
            break
    else:
        return contents
    n_rows = int(len(filled) - gap)
    texts = [",".join(row) for row in contents.cells.iloc[gap:].to_numpy().tolist()]
    contents.remarks.append(
        Remark(
            f"Set aside: {counted(n_rows, 'row')} from line {contents.lines[gap]} on, below a "
            "blank row, with values in far fewer columns. Is it another table?",
            "remove it from the file",
        )
    )
    aside = malformed_rows(
        contents.lines[gap:],
        contents.spans[gap:],
        texts,
        filled[gap:].tolist(),
        ["is below a blank row and has values in far fewer columns."] * n_rows,
    )
    return contents.set_aside(np.arange(len(filled)) < gap, aside)


def _remark_on_malformed(contents: Contents) -> None:
    malformed = contents.malformed[contents.malformed["reason"].str.contains("fields instead of")]
    n_lines = int(malformed["span"].sum())
    share = n_lines / max(1, n_lines + int(contents.spans.sum()))
    if share <= _MUCH:
        return
    reason = malformed["reason"].mode().iloc[0]
    first = malformed.iloc[0]
    swallowed = " Is there a quote that is never closed?" if (malformed["span"] > 20).any() else ""
    contents.remarks.append(
        Remark(
            f"Set aside: {counted(len(malformed), 'row')} ({share:.0%} of the lines) that "
            f"do not fit the header; most often {reason.rstrip('.')}; first line "
            f"{first['line']}.{swallowed}"
        )
    )


def _look_for_header(contents: Contents, name: str) -> int:
    head = contents.cells.head(_LOOKED_AT).to_numpy().tolist()
    names = list(contents.cells.columns)
    if looks_like_no_header(names, head):
        raise DataError(
            f"{name} seems to have no header: its first row ({_shown(names)}) looks like the rows "
            "below; use --header-rows 0 to name the columns column_1, column_2 …, or --header-rows "
            "1 if that row is the header"
        )
    return 1 + leading_header_rows(head)


def with_header(contents: Contents, header_rows: int, name: str) -> Contents:
    """Take the names of the columns from so many rows; none: they are numbered."""
    cells = contents.cells
    if header_rows == 1:
        return contents
    names = list(cells.columns)
    if header_rows == 0:
        first = pd.DataFrame([names], columns=range(len(names)), dtype="str")
        cells = cells.set_axis(range(len(names)), axis=1)
        cells = pd.concat([first, cells], ignore_index=True).astype("str")
        return replace(
            contents,
            cells=cells.set_axis([f"column_{i + 1}" for i in range(len(names))], axis=1),
            lines=np.concatenate([[contents.first_line], contents.lines]),
            spans=np.concatenate([[1], contents.spans]),
        )
    header = cells.head(header_rows - 1).to_numpy().tolist()
    below = cells.iloc[header_rows - 1 :].head(_LOOKED_AT).to_numpy().tolist()
    if header and is_customer(header[-1], below):
        raise DataError(
            f"the row below the header of {name} (line {contents.lines[len(header) - 1]}: "
            f"{_shown(header[-1])}) looks like a customer, and file.header_rows is {header_rows}; "
            "is the second header missing in this file? Add it, or remove the key from the contract"
        )
    cells = cells.set_axis(joined_names([names, *header]), axis=1)
    return replace(contents, cells=cells).keep(np.arange(len(cells)) >= header_rows - 1)


def without_repeated_header(contents: Contents) -> Contents:
    """Set rows aside that repeat the header, as in files put one behind the other."""
    cells = contents.cells
    if cells.shape[1] < 2:
        return contents
    repeats = np.ones(len(cells), dtype=bool)
    for place, column in enumerate(cells.columns):
        texts = cells.iloc[:, place]
        if place == 0:
            repeats &= texts.str.endswith(column.strip("\ufeff")).to_numpy(dtype=bool)
        else:
            rows = np.flatnonzero(repeats)
            repeats[rows] = (texts.iloc[rows].str.strip() == column).to_numpy(dtype=bool)
        if not repeats.any():
            return contents
    rows = np.flatnonzero(repeats)
    aside = malformed_rows(
        contents.lines[rows],
        contents.spans[rows],
        [",".join(row) for row in cells.iloc[rows].to_numpy().tolist()],
        [cells.shape[1]] * len(rows),
        ["repeats the header."] * len(rows),
    )
    contents.remarks.append(
        Remark(
            f"Set aside: {counted(len(rows), 'row')} repeating the header (first on line "
            f"{contents.lines[rows[0]]}). Was the file assembled from several files?"
        )
    )
    return contents.set_aside(~repeats, aside)


def unnamed_and_empty(cells: pd.DataFrame) -> set[int]:
    """Return the places of columns that have neither name nor value."""
    unnamed = [i for i, name in enumerate(cells.columns) if not name]
    return {i for i in unnamed if not cells.iloc[:, i].str.strip().astype(bool).any()}


def with_names(contents: Contents, empty: set[int]) -> Contents:
    """Leave columns out that have neither name nor value; name the others by their place."""
    cells = contents.cells
    unnamed = [i for i, name in enumerate(cells.columns) if not name]
    if not unnamed:
        return contents
    names = [name or f"column_{i + 1}" for i, name in enumerate(cells.columns)]
    kept = [i for i in range(len(names)) if i not in empty]
    left = [f"column_{i + 1}" for i in unnamed if i not in empty]
    if left:
        contents.remarks.append(
            Remark(
                "The header does not name column "
                f"{', '.join(n.removeprefix('column_') for n in left)}: "
                f"called {', '.join(left)} here."
            )
        )
    inner = [i for i in empty if i < max(kept, default=0)]
    if inner:
        contents.remarks.append(
            Remark(
                f"Column {min(inner) + 1} has neither name nor value. Are there two tables side by "
                "side? All columns are treated as one table.",
                "--drop COL",
            )
        )
    cells = cells.set_axis(names, axis=1).iloc[:, kept] if empty else cells.set_axis(names, axis=1)
    return replace(contents, cells=cells)


def require_rows(contents: Contents, name: str, kind: str, needed_by: str) -> None:
    """Refuse a table without rows, or with two columns of one name.

    Parameters
    ----------
    contents : Contents
    name : str
        Of the source.
    kind : str
        What the table is, such as ``comma-separated``; may be empty.
    needed_by : str
        What the source was given by.

    Raises
    ------
    DataError
    """
    cells = contents.cells
    twice = [column for column, count in Counter(cells.columns).items() if count > 1]
    if twice:
        others = len(twice) - 1
        more = f" ({others} other{'s' if others > 1 else ''} too)" if others else ""
        raise DataError(
            f"{name} has the column {twice[0]!r} twice{more}; rename one of them. If the first row "
            "is not a header, use --header-rows 0 (key file.header_rows)"
        )
    if not len(cells) and len(contents.malformed):
        raise DataError(
            f"{name} has no row of as many fields as its header ({cells.shape[1]}, on line "
            f"{contents.first_line}); {needed_by} needs a {kind}{' ' if kind else ''}table whose "
            "first line is the header. To skip lines above it, set file.skip_rows"
        )
    if not len(cells):
        raise DataError(f"{name} has no rows; {needed_by} needs a customer table")


def _shown(row: object) -> str:
    text = ", ".join(str(cell) for cell in row)  # type: ignore[attr-defined]
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
