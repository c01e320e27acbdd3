"""Columns derived from dates: how long ago."""

import keyword
import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from churn_pipeline.contract.operators import FUNCTIONS
from churn_pipeline.discovery import names


def derive_from_dates(
    dates: Mapping[str, NDArray[np.float64]],
    epochs: Mapping[str, float],
    snapshot: str | None,
    taken: Sequence[str],
) -> dict[str, dict[str, str]]:
    """Return the derived columns that dates give.

    Parameters
    ----------
    dates : mapping of str to ndarray of float, (n_rows,)
        Days since 1970 of the columns of dates that are features; NaN where missing.
    epochs : mapping of str to float
        Columns of numbers that count from 1970, with how many of their units make a day.
    snapshot : str or None
        The column with the day that a row describes.
    taken : sequence of str
        Names that are given already.

    Returns
    -------
    dict
        The contract's ``derived_columns``: days from each date to the snapshot. Durations
        between two dates are differences of these, which the search of combinations finds where
        they matter.
    """
    derived: dict[str, dict[str, str]] = {}

    def add(name: str, expression: str, meaning: str) -> None:
        while name in derived or name in taken:
            name += "_"
        derived[name] = {"expression": expression, "unit": "days", "meaning": meaning}

    if snapshot is not None:
        for name in dates:
            add(f"days_since_{_slug(name)}", f"{column(snapshot)} - {column(name)}",
                f"Days from {name} to the snapshot.")  # fmt: skip
        for name, units in epochs.items():
            add(f"days_since_{_slug(name)}", f"{column(snapshot)} - {column(name)} / {units:.0f}",
                f"Days from {name} to the snapshot.")  # fmt: skip
    return derived


def column(name: str) -> str:
    """Return how an expression reaches a column of this name."""
    is_plain = name.isidentifier() and name.isascii() and not keyword.iskeyword(name)
    if is_plain and name not in (*FUNCTIONS, "col", "date"):
        return name
    return f"col({name!r})"


def _slug(name: str) -> str:
    return re.sub(r"\W+", "_", "_".join(names.words(name))) or "date"
