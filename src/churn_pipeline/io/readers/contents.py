"""What every reader returns, and how values become the texts that a CSV would hold."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from churn_pipeline.contract.file_format import UNKNOWN, FileFormat

_TRUTHS = ("True", "False")


@dataclass(frozen=True)
class Remark:
    """What a person should know of how a file was read.

    Attributes
    ----------
    text : str
        A sentence; a question where there is an answer.
    answer : str, optional
        The flag of ``kedro contract infer``, or the key, that answers it.
    """

    text: str
    answer: str | None = None


@dataclass(frozen=True)
class Contents:
    """A table as it was read; see :class:`churn_pipeline.io.raw_table.RawTable`.

    Attributes
    ----------
    cells : DataFrame of str, (n_rows, n_columns)
    lines, spans : ndarray of int, (n_rows,)
    malformed : DataFrame
    encoding, separator : str, optional
        Python's name of a text's encoding; the character between its fields.
    first_line : int
        The line of the header's first row.
    found : FileFormat
        What had to be found out, and should stay so for other files of the kind.
    remarks : list of Remark
    integers : frozenset of str
        Columns that the source itself holds as integers.
    """

    cells: pd.DataFrame
    lines: NDArray[np.int64]
    spans: NDArray[np.int64]
    malformed: pd.DataFrame
    encoding: str | None = None
    separator: str | None = None
    first_line: int = 1
    found: FileFormat = UNKNOWN
    remarks: list[Remark] = field(default_factory=list)
    integers: frozenset[str] = frozenset()

    @classmethod
    def of_rows(
        cls, cells: pd.DataFrame, integers: frozenset[str] = frozenset(), first: int = 1
    ) -> "Contents":
        """Return the contents of a source that has rows, numbered from ``first``, and no lines."""
        lines = np.arange(first, first + len(cells))
        none = np.array([], dtype=np.int64)
        return cls(
            cells,
            lines,
            np.ones_like(lines),
            malformed_rows(none, none, [], [], []),
            integers=integers,
        )

    def found_out(self, remark: Remark, **keys: object) -> "Contents":
        """Return the contents with more of the file's format found out, on which is remarked."""
        self.remarks.append(remark)
        return replace(self, found=replace(self.found, **keys))  # type: ignore[arg-type]

    def keep(self, rows: NDArray[np.bool_]) -> "Contents":
        """Return the contents without the other rows."""
        cells = self.cells[rows].reset_index(drop=True)
        return replace(self, cells=cells, lines=self.lines[rows], spans=self.spans[rows])

    def set_aside(self, rows: NDArray[np.bool_], others: pd.DataFrame) -> "Contents":
        """Return the contents without the other rows, which join the malformed ones."""
        malformed = pd.concat([self.malformed, others]).sort_values("line", ignore_index=True)
        return replace(self.keep(rows), malformed=malformed)


def malformed_rows(
    lines: Iterable[int],
    spans: Iterable[int],
    texts: list[str],
    fields: list[int],
    reasons: list[str],
) -> pd.DataFrame:
    """Return the table of rows that do not fit: their lines, their text, and why."""
    return pd.DataFrame(
        {
            "line": np.asarray(lines, dtype=np.int64),
            "span": np.asarray(spans, dtype=np.int64),
            "text": pd.Series(texts, dtype="str"),
            "fields": pd.Series(fields, dtype="int64"),
            "reason": pd.Series(reasons, dtype="str"),
        }
    )


def counted(n: int, noun: str) -> str:
    """Return ``1 row``, ``2 rows``."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def header_of_several(n_rows: int) -> Remark:
    """Return the question about a header whose names are in several rows."""
    return Remark(
        f"Do the {n_rows} rows of the header name the columns together, as merged cells do? Their "
        "names are joined.",
        "--header-rows 1 (key file.header_rows)",
    )


def wrong_number_of_fields(actual: int, expected: int) -> str:
    """Return the reason of a row that has not one field a column."""
    return f"{actual} fields instead of {expected}."


def frame_of(names: Iterable[str], columns: list[pa.ChunkedArray]) -> pd.DataFrame:
    """Return the columns of texts as a DataFrame backed by the same kind of memory.

    The list ends up empty: each column's pieces are freed once it is in one piece, so that a large
    table is never held twice. Names are trimmed and may occur twice.
    """
    data: dict[int, pd.Series] = {}
    columns.reverse()
    while columns:
        whole = columns.pop().combine_chunks()
        data[len(data)] = pd.Series(pd.array(whole, dtype="str"), copy=False)
    frame = pd.DataFrame(data, copy=False)
    frame.columns = pd.Index([name.strip() for name in names], dtype="str")
    return frame


class Pieces:
    """Columns of texts that grow piece by piece."""

    def __init__(self, n_columns: int) -> None:
        self._pieces: list[list[pa.Array]] = [[] for _ in range(n_columns)]
        self.n_rows = 0

    def add(self, columns: list[pa.Array]) -> None:
        """Append a piece of each column, all of one length."""
        for pieces, column in zip(self._pieces, columns, strict=True):
            pieces.append(column)
        self.n_rows += len(columns[0]) if columns else 0

    def frame(self, names: Iterable[str]) -> pd.DataFrame:
        """Return them as :func:`frame_of` does; this object ends up empty."""
        columns = [pa.chunked_array(pieces, pa.large_string()) for pieces in self._pieces]
        self._pieces = []
        return frame_of(names, columns)

    def sorted_frame(self, names: Iterable[str]) -> pd.DataFrame:
        """Return them as :meth:`frame` does, the rows ordered by the texts of all columns."""
        columns = [
            pa.chunked_array([pa.chunked_array(pieces, pa.large_string()).combine_chunks()])
            for pieces in self._emptied()
        ]
        keys = [str(place) for place in range(len(columns))]
        table = pa.table(columns, names=keys)
        order = pc.sort_indices(table, sort_keys=[(key, "ascending") for key in keys])
        del table
        for place, column in enumerate(columns):
            columns[place] = column.take(order)
        return frame_of(names, columns)

    def _emptied(self) -> Iterator[list[pa.Array]]:
        self._pieces.reverse()
        while self._pieces:
            yield self._pieces.pop()


def texts_of(column: pa.Array) -> pa.Array:
    """Return an Arrow column's values as the texts of a CSV; an empty text for null and NaN.

    Numbers keep every digit: integers are exact, floats are Python's shortest text that reads back
    as the same number.
    """
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_null(column.type):
        return pa.array([""] * len(column), pa.large_string())
    if pa.types.is_floating(column.type):
        return float_texts(column.to_numpy(zero_copy_only=False).astype(np.float64))
    if pa.types.is_boolean(column.type):
        texts = pc.if_else(column, *(pa.scalar(text, pa.large_string()) for text in _TRUTHS))
        return pc.fill_null(texts, "")
    if pa.types.is_date32(column.type):
        return pc.fill_null(column.cast(pa.large_string()), "")
    if not (
        pa.types.is_integer(column.type)
        or pa.types.is_string(column.type)
        or pa.types.is_large_string(column.type)
    ):
        texts = column.to_pandas().map(str, na_action="ignore")
        values = [text if isinstance(text, str) else "" for text in texts]
        return pa.array(values, pa.large_string())
    return pc.fill_null(column.cast(pa.large_string()), "")


def float_texts(numbers: NDArray[np.float64]) -> pa.Array:
    """Return the shortest texts that read back as the same numbers, as Python spells them.

    An empty text for NaN.
    """
    size = np.abs(numbers)
    # between these Arrow spells floats as Python does, many times as fast
    plain = (size >= 1e-4) & (size < 1e9) & (numbers != np.floor(numbers))
    texts = pa.array(numbers).cast(pa.large_string())
    if plain.all():
        return texts
    others = ["" if x != x else repr(x) for x in numbers[~plain].tolist()]
    return pc.replace_with_mask(texts, pa.array(~plain), pa.array(others, pa.large_string()))
