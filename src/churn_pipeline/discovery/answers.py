"""What the user says of single cells: applied to the table before it is read."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_pipeline.discovery.hints import Hints, find_column
from churn_pipeline.discovery.plan import Plan, shown_name
from churn_pipeline.errors import DataError


def answered_cells(cells: pd.DataFrame, hints: Hints, source: str) -> pd.DataFrame:
    """Clear the cells that mean missing, and give those that mean another value that value.

    Raises
    ------
    DataError
        If no cell of the column has such a text.
    """
    changed: dict[str, pd.Series] = {}
    for flag, name, text, value in _answers(hints, list(cells.columns), source):
        column = changed.get(name, cells[name])
        is_meant = _spell(column, text)
        if not is_meant.any():
            raise DataError(f"{flag}: no cell of {name} in {source} is {text!r}")
        if value and not (column.str.strip() == value).any():
            raise DataError(f"{flag}: no cell of {name} in {source} is {value!r}")
        changed[name] = column.mask(is_meant, value)
    return cells.assign(**changed) if changed else cells


def note_answers(plans: Sequence[Plan], hints: Hints, source: str) -> None:
    """Write what the user says of cells into the plans of their columns."""
    named = {plan.name: plan for plan in plans}
    for flag, name, text, value in _answers(hints, list(named), source):
        keys = named[name].keys
        if keys["role"] == "ignored":
            continue
        if not value:
            keys["missing_values"] = [*keys.get("missing_values", []), text]
        elif value not in keys.get("values", []):
            raise DataError(
                f"{flag}: {value!r} is not a value of {name}, as inferred from {source}"
            )
        else:
            spellings = keys.setdefault("spellings", {})
            spellings[value] = [*spellings.get(value, []), text]


def _answers(hints: Hints, columns: Sequence[str], source: str) -> list[tuple[str, str, str, str]]:
    """Return flag, column, text and the value that it means, an empty one for missing."""
    found = []
    for said in hints.missing:
        flag = f"--missing {said!r}"
        name, text = _column_and_text(flag, said, columns, source)
        found.append((flag, name, text, ""))
    for said in hints.same:
        flag = f"--same {said!r}"
        name, pair = _column_and_text(flag, said, columns, source)
        text, sign, value = pair.partition("=")
        if not sign or not value.strip():
            raise DataError(f"{flag} is not of the form COL=TEXT=VALUE")
        found.append((flag, name, text.strip(), value.strip()))
    return found


def _spell(column: pd.Series, text: str) -> NDArray[np.bool_]:
    """Say which cells are the text, or else what reports show so."""
    stripped = column.str.strip()
    if text not in (found := stripped.unique()):
        return stripped.isin([cell for cell in found if shown_name(cell) == text]).to_numpy(bool)
    return (stripped == text).to_numpy(dtype=bool)


def _column_and_text(flag: str, said: str, columns: Sequence[str], source: str) -> tuple[str, str]:
    """Split at the first sign that leaves a column's name before it: names may hold the sign."""
    places = [place for place, sign in enumerate(said) if sign == "="]
    for place in places:
        name = find_column(said[:place], columns)
        if name is not None and said[place + 1 :].strip():
            return name, said[place + 1 :].strip()
    raise DataError(
        f"{flag} is not of the form COL=TEXT with a column of {source} and a text of its cells"
    )
