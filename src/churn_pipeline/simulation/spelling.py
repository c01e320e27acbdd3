"""Write drawn values as a provider's file would."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_pipeline.simulation.any_column import AnyColumn
from churn_pipeline.simulation.kind import Kind
from churn_pipeline.simulation.number_columns import Bands, Count, Number
from churn_pipeline.simulation.population import Population


def spell_table(kind: Kind, parts: Sequence[Population]) -> pd.DataFrame:
    """Return the visible columns of all parts, concatenated."""
    tables = [
        pd.DataFrame({name: spell(name, kind.all_columns[name], part) for name in kind.table})
        for part in parts
    ]
    return tables[0] if len(tables) == 1 else pd.concat(tables, ignore_index=True)


def spell(name: str, column: AnyColumn, population: Population) -> pd.Series:
    """Return a column's values as they are written.

    Texts and dates become strings, whole numbers ``int64`` (``Int64`` if some may be missing),
    other numbers ``float64``.
    """
    values = population.values[name]
    if name in population.levels:
        labels = list(population.levels[name])
        if column.written in ("integer", "number"):
            return _numbers(np.array(labels, dtype=np.float64)[values], column)
        if column.missing_text is not None:
            labels.append(column.missing_text)
            values = np.where(values < 0, len(labels) - 1, values)
        return _take(labels, values)
    if values.dtype.kind == "U":
        return pd.Series(values, dtype="str")
    if column.written in ("text", "date"):
        return _texts(values, column)
    return _numbers(values, column)


def _numbers(values: NDArray[np.float64], column: AnyColumn) -> pd.Series:
    whole = isinstance(column, Bands | Count) or (
        isinstance(column, Number) and column.step >= 1 and column.step % 1 == 0
    )
    if column.written == "number" or not (whole or column.written == "integer"):
        return pd.Series(values, dtype="float64")
    return pd.Series(values).astype("int64" if column.missing == 0 else "Int64")


def _texts(values: NDArray[np.float64], column: AnyColumn) -> pd.Series:
    """Spell each distinct number once."""
    # NaN differs from itself and would be distinct in every row
    position, distinct = pd.factorize(values, use_na_sentinel=True)
    if column.written == "date":
        labels = [str(np.datetime64(int(value), "D")) for value in distinct]
    else:
        labels = [_shortest(value) for value in distinct.tolist()]
    if column.missing_text is not None:
        labels.append(column.missing_text)
        position = np.where(position < 0, len(labels) - 1, position)
    return _take(labels, position)


def _shortest(value: float) -> str:
    text = f"{value:.6f}"
    return text.rstrip("0").rstrip(".")


def _take(labels: Sequence[str], positions: NDArray[np.integer]) -> pd.Series:
    """Texts at positions, missing at -1."""
    texts = pd.array([*labels, None], dtype="str")
    return pd.Series(texts.take(positions.astype(np.intp)))  # -1 takes the last, which is missing
