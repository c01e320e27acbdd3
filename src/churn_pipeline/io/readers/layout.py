"""Which rows of a table are its header, which are customers, judged by the kinds of their cells."""

import re
from collections import Counter
from collections.abc import Sequence

_NUMBER = re.compile(
    r"[(\[]?[-+\u2212]?\s*[$€£¥]?\s*[-+\u2212]?\d[\d.,'\u00a0\u202f ]*([eE][-+]?\d+)?\s*"
    r"[-%€$£¥]?[)\]]?"
)
_DATE = re.compile(
    r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T].*)?|\d{1,2}[- ][A-Za-z]{3,9}[- ,]+\d{2,4}"
)
_NO_VALUE = frozenset(["", "na", "n/a", "nan", "null", "none", "-", "--", "?", ".", "\\n", "#n/a"])
_MOST = 0.9  # share of a column's cells that make it one of numbers or dates
_HEADER_FILL = 0.8  # of the cells that a usual row has
_MOST_LEVELS = 20
_COMMENTS = ("#", "//", "--", "/*", "%")
_MOST_HEADER_ROWS = 4
Rows = Sequence[Sequence[str]]


def find_header(rows: Rows) -> tuple[int, int]:
    """Return where the header begins in the first rows of a file, and how many rows it has.

    Titles, notes and blank rows above it have fewer cells with a value than the usual row has; a
    header of two rows, such as one with merged cells, has a value for each column in one of them.

    Parameters
    ----------
    rows : sequence of sequences of str
        At most some 50, blank ones included.
    """
    filled = [sum(not _is_blank(cell) for cell in row) for row in rows]
    some = sorted(count for count in filled if count)
    if not some:
        return 0, 1
    need = max(1, int(some[len(some) // 2] * _HEADER_FILL + 0.5))
    first = next((i for i, count in enumerate(filled) if count >= need), 0)
    if _is_comment(rows[first]):  # one such as "#id,months" may be the header itself
        below = (i for i in range(first + 1, len(rows)) if filled[i] >= need)
        header = next((i for i in below if not _is_comment(rows[i])), first)
        if _is_header(rows[header], rows[header + 1 :]):
            first = header
    if first == 0:
        return 0, 1
    if not _is_data(rows[first], rows[first + 1 :]):
        if filled[first - 1] and _are_parts(rows[first - 1], rows[first]):
            return first - 1, 2
        return first, 1
    # the first usual row is a customer: the names are above it, some columns having none
    above = [i for i in range(first) if filled[i] and not _is_comment(rows[i])]
    if (
        len(above) > 1
        and above[-1] == above[-2] + 1
        and _are_parts(rows[above[-2]], rows[above[-1]])
    ):
        return above[-2], 2
    if above and 2 * filled[above[-1]] >= need and filled[above[-1]] > 1:
        return above[-1], 1
    return first, 1


def _are_parts(upper: Sequence[str], lower: Sequence[str]) -> bool:
    """Whether two rows name the columns between them, as merged cells do."""
    width = max(len(upper), len(lower))
    pairs = [
        (upper[i] if i < len(upper) else "", lower[i] if i < len(lower) else "")
        for i in range(width)
    ]
    one = sum(not _is_blank(a) for a, _ in pairs), sum(not _is_blank(b) for _, b in pairs)
    either = sum(not (_is_blank(a) and _is_blank(b)) for a, b in pairs)
    alone = sum(not _is_blank(a) and _is_blank(b) for a, b in pairs)
    repeated = len({b for _, b in pairs if b.strip()}) < one[1]
    return one[0] >= 2 and either >= width * _HEADER_FILL and (alone > 0 or repeated)


def joined_names(rows: Rows) -> list[str]:
    """Return the names of a header of several rows.

    Those of the first row, where it has a name of its own for each column; else the names of all
    rows, an empty one standing for that to the left of it in all rows but the last.
    """
    width = max(map(len, rows))
    padded = [[*(cell.strip() for cell in row), *[""] * (width - len(row))] for row in rows]
    if len(set(padded[0])) == width and all(padded[0]):
        return padded[0]
    for row in padded[:-1]:
        for place in range(1, width):
            if not row[place] and padded[-1][place]:
                row[place] = row[place - 1]
    return [" ".join(part for part in parts if part) for parts in zip(*padded, strict=True)]


def leading_header_rows(rows: Rows) -> int:
    """Count the rows that follow the header and are more header: units, descriptions, other names.

    Parameters
    ----------
    rows : sequence of sequences of str
        The first rows below the header.
    """
    for count in range(min(_MOST_HEADER_ROWS, len(rows) - 2)):
        if not _is_header(rows[count], rows[count + 1 :]):
            return count
    return 0


def looks_like_no_header(names: Sequence[str], rows: Rows) -> bool:
    """Whether the names are rather the cells of a customer."""
    plain = [name.strip() for name in names]
    if plain in ([str(i) for i in range(len(plain))], [str(i + 1) for i in range(len(plain))]):
        return False  # numbered columns
    return len(rows) > 2 and _is_data(plain, rows)


def is_customer(row: Sequence[str], rows: Rows) -> bool:
    """Whether a row that is taken for header has the cells of a customer."""
    return _is_data(row, rows)


def _is_data(row: Sequence[str], rows: Rows) -> bool:
    alike, other, _ = _votes(row, rows)
    return alike >= min(2, len(row)) and not other


def _is_header(row: Sequence[str], rows: Rows) -> bool:
    alike, other, of_kind = _votes(row, rows)
    filled = sum(not _is_blank(cell) for cell in row)
    return not alike and (of_kind + other > 2 or of_kind > 0) and other > 0 and other * 2 >= filled


def _votes(row: Sequence[str], rows: Rows) -> tuple[int, int, int]:
    """Compare the cells of a row with those of others, column by column.

    Returns
    -------
    alike, other, of_kind : int
        How many are as those below; how many are not; of the latter, how many are texts among
        numbers or dates.
    """
    alike = other = of_kind = 0
    for place, cell in enumerate(row):
        text = cell.strip()
        if text.lower() in _NO_VALUE:
            continue
        column = [r[place].strip() for r in rows if place < len(r)]
        column = [value for value in column if value.lower() not in _NO_VALUE]
        if len(column) < 2:
            continue
        kind = _kind(text)
        for wanted in ("number", "date"):
            if sum(_kind(value) == wanted for value in column) >= _MOST * len(column):
                alike += kind == wanted
                other += kind == "text"
                of_kind += kind == "text"
                break
        else:
            counts = Counter(column)
            if len(counts) <= min(_MOST_LEVELS, len(column) // 2):
                alike += text in counts
                other += text not in counts
                continue
            shape, n = Counter(map(_shape, column)).most_common(1)[0]
            if n >= _HEADER_FILL * len(column):
                alike += _shape(text) == shape
                other += _shape(text) != shape
    return alike, other, of_kind


def _kind(text: str) -> str:
    if _DATE.fullmatch(text):
        return "date"
    return "number" if _NUMBER.fullmatch(text) else "text"


def _shape(text: str) -> str:
    return re.sub(r"(.)\1+", r"\1", re.sub(r"[^\W\d_]", "A", re.sub(r"\d", "9", text)))


def _is_comment(row: Sequence[str]) -> bool:
    return bool(row) and row[0].lstrip().startswith(_COMMENTS)


def _is_blank(cell: str) -> bool:
    return not cell or cell.isspace()
