"""Read a table of texts into typed columns by the contract."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from churn_pipeline.checking.cell_dates import read_dates
from churn_pipeline.checking.cell_numbers import read_numbers
from churn_pipeline.contract.model import Column, Contract
from churn_pipeline.contract.whole_text import SPELLED_AS_FLOAT, whole_text

_UNREADABLE = {"integer": "not_an_integer", "number": "not_a_number", "date": "not_a_date"}


def read_cells(cells: pd.DataFrame, contract: Contract) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Trim the cells, turn missing-value spellings into missing and texts into what they mean.

    Parameters
    ----------
    cells : DataFrame of str, (n_rows, n_columns)
        With at least the contract's columns.
    contract : Contract

    Returns
    -------
    table : DataFrame, (n_rows, n_contract_columns)
        Numbers as float64, dates as datetime64[us], categories as pandas categories (the allowed
        values in the contract's order, then others that were found), texts as str; missing where
        missing or unreadable.
    unreadable : DataFrame
        One line a cell that is not of its type: ``row`` (label in ``cells``), ``column``, ``rule``
        (``not_a_number``, ``not_an_integer`` or ``not_a_date``).
    """
    table: dict[str, pd.Series] = {}
    unreadable = [pd.DataFrame({"row": np.array([], dtype=np.int64), "column": "", "rule": ""})]
    for name, column in contract.columns.items():
        missing_values = (*contract.missing_values, *column.missing_values)
        table[name], is_bad = _read(cells[name], column, missing_values)
        if is_bad.any():
            rule = _UNREADABLE[column.type]
            rows = cells.index[is_bad].to_numpy()
            unreadable.append(pd.DataFrame({"row": rows, "column": name, "rule": rule}))
    typed = pd.DataFrame(table, index=cells.index, copy=False)
    return typed, pd.concat(unreadable, ignore_index=True)


def trimmed(text: pd.Series, missing_values: Iterable[str]) -> pd.Series:
    """Return cells without blanks around them, and missing where they spell that."""
    text = text.str.strip()
    return text.mask(text.isin(["", *missing_values]))


def whole_texts(text: pd.Series) -> pd.Series:
    """Return ids and codes, (n,), those that are spelled as floats as whole numbers."""
    is_float = text.str.contains(SPELLED_AS_FLOAT, regex=True).fillna(False).astype(bool)
    if not is_float.any():
        return text
    text = text.copy()
    text[is_float] = [whole_text(cell) for cell in text[is_float]]
    return text


def _read(
    cells: pd.Series, column: Column, missing_values: Iterable[str]
) -> tuple[pd.Series, np.ndarray]:
    """Return the typed cells, and which are of another type."""
    nothing = np.zeros(len(cells), dtype=bool)
    if column.is_numeric:
        return read_numbers(trimmed(cells, missing_values), column)
    if column.type == "text":
        text = trimmed(cells, missing_values)
        return (text if column.roles == ("ignored",) else whole_texts(text)), nothing
    # dates and categories are few different texts
    codes, found = pd.factorize(cells)
    text = trimmed(pd.Series(found, dtype="str"), missing_values)
    if column.is_date:
        dates, is_bad = read_dates(text, column)
        return pd.Series(dates.array[codes], index=cells.index), is_bad[codes]
    return pd.Series(_categories(text, codes, column), index=cells.index), nothing


def _categories(text: pd.Series, codes: np.ndarray, column: Column) -> pd.Categorical:
    spelled = {other: value for value, texts in column.spellings.items() for other in texts}
    allowed = set(column.values)

    def meaning(value: str) -> str:
        value = spelled.get(value, value)
        whole = whole_text(value)
        return whole if value not in allowed and whole in allowed else value

    meant = text.map(meaning, na_action="ignore").tolist()
    values = list(column.values)
    if not column.is_open:
        values += [value for value in dict.fromkeys(meant) if isinstance(value, str)]
    places = {value: place for place, value in enumerate(dict.fromkeys(values))}
    place_of = np.array([places.get(value, -1) for value in meant], dtype=np.int64)
    return pd.Categorical.from_codes(place_of[codes], pd.Index(list(places), dtype="str"))


def cast_columns(table: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    """Give accepted customers their final types.

    Parameters
    ----------
    table : DataFrame
        Rows of :func:`read_cells` that meet the contract.
    contract : Contract

    Returns
    -------
    DataFrame
        ``category`` columns as pandas categories in the contract's order, integers as int64
        (float64 where nullable), numbers as float64, dates as datetime64[us], texts as str.
    """
    columns = {name: _cast(table[name], column) for name, column in contract.columns.items()}
    return pd.DataFrame(columns, index=table.index, copy=False)


def _cast(values: pd.Series, column: Column) -> pd.Series:
    if column.type == "category":
        return values.astype(pd.CategoricalDtype(list(column.values)))
    if column.type == "integer":
        # not Int64: its pandas.NA is no number to numpy and scikit-learn
        return values.astype("float64" if column.nullable else "int64")
    if column.is_date:
        return values.astype("datetime64[us]")
    return values.astype("float64" if column.type == "number" else "str")
