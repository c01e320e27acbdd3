"""The distinct values of a column and their frequencies."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


@dataclass(frozen=True)
class Levels:
    """The distinct cells of one column, blanks around them removed.

    Attributes
    ----------
    texts : Series of str, (n_levels,)
        In the order of their first row.
    counts : ndarray of int64, (n_levels,)
        Rows of each.
    """

    texts: pd.Series
    counts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return int(self.counts.sum())

    def keep(self, mask: NDArray[np.bool_]) -> "Levels":
        """Return the levels where ``mask`` holds."""
        return Levels(self.texts[mask].reset_index(drop=True), self.counts[mask])

    def by_frequency(self, limit: int | None = None) -> "Levels":
        """Return the most frequent levels first; equally frequent ones by their text."""
        counts = self.counts
        chosen = np.arange(len(self))
        if limit is not None and len(self) > limit:
            least = np.partition(counts, len(self) - limit)[len(self) - limit]
            chosen = np.flatnonzero(counts >= least)
        order = np.lexsort((self.texts.to_numpy(dtype=object)[chosen].astype(str), -counts[chosen]))
        chosen = chosen[order][:limit]
        return Levels(self.texts.iloc[chosen].reset_index(drop=True), counts[chosen])


def count_levels(cells: pd.Series) -> Levels:
    """Count the distinct trimmed cells of a column of texts."""
    found = pc.value_counts(_arrow(cells))
    texts, counts = found.field("values"), found.field("counts").to_numpy(zero_copy_only=False)
    trimmed = pc.utf8_trim_whitespace(texts)
    if not trimmed.equals(texts):  # spellings that differ in blanks alone become one
        coded = trimmed.dictionary_encode()
        codes = coded.indices.to_numpy()
        texts = coded.dictionary
        counts = np.bincount(codes, weights=counts, minlength=len(texts)).astype(np.int64)
    return Levels(_series(texts), counts.astype(np.int64))


def code_rows(cells: pd.Series) -> tuple[Levels, NDArray[np.int64]]:
    """Return the levels of a column and the level of each row."""
    coded = pc.utf8_trim_whitespace(_arrow(cells)).dictionary_encode()
    codes = coded.indices.to_numpy().astype(np.int64)
    counts = np.bincount(codes, minlength=len(coded.dictionary)).astype(np.int64)
    return Levels(_series(coded.dictionary), counts), codes


def _arrow(cells: pd.Series) -> pa.Array:
    array = pa.array(cells.astype("str"))
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    return array.cast(pa.large_string()).fill_null("")


def _series(texts: pa.Array) -> pd.Series:
    return pd.Series(texts.to_pandas(), dtype="str")
