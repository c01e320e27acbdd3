"""Read a table of texts into typed columns by the contract."""

import numpy as np
import pandas as pd

from churn_pipeline.contract.model import Column, Contract

_NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_LARGEST_EXACT_INTEGER = 2.0**53


def read_cells(cells: pd.DataFrame, contract: Contract) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Trim the cells, turn missing-value spellings into missing and texts into numbers.

    Parameters
    ----------
    cells : DataFrame of str, (n_rows, n_columns)
        With at least the contract's columns, labelled 0 … n_rows - 1.
    contract : Contract

    Returns
    -------
    table : DataFrame, (n_rows, n_contract_columns)
        Numbers as float64, everything else as str; NaN where missing or unreadable.
    unreadable : DataFrame
        One line a cell that is not of its type: ``row``, ``column``, ``rule`` (``not_a_number`` or
        ``not_an_integer``).
    """
    table = {}
    unreadable = []
    for name, column in contract.columns.items():
        text = cells[name].str.strip()
        text = text.mask(text.isin(["", *contract.missing_values]))
        if column.is_numeric:
            numbers, is_bad = _read_numbers(text, column)
            table[name] = numbers
            rows = np.flatnonzero(is_bad)
            rule = "not_an_integer" if column.type == "integer" else "not_a_number"
            unreadable.append(pd.DataFrame({"row": rows, "column": name, "rule": rule}))
        else:
            table[name] = text
    empty = pd.DataFrame({"row": np.array([], dtype=np.int64), "column": "", "rule": ""})
    return pd.DataFrame(table), pd.concat([empty, *unreadable], ignore_index=True)


def _read_numbers(text: pd.Series, column: Column) -> tuple[pd.Series, np.ndarray]:
    looks_numeric = text.str.fullmatch(_NUMBER).fillna(False).to_numpy(dtype=bool)
    numbers = pd.Series(np.nan, index=text.index, dtype="float64")
    numbers[looks_numeric] = text[looks_numeric].astype("float64")
    is_good = looks_numeric & np.isfinite(numbers.to_numpy())
    if column.type == "integer":
        values = numbers.to_numpy()
        is_good &= (np.abs(values) < _LARGEST_EXACT_INTEGER) & (values == np.floor(values))
    return numbers.where(is_good), text.notna().to_numpy() & ~is_good


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
        (float64 where nullable), numbers as float64, texts as str.
    """
    return table.astype({name: _dtype(column) for name, column in contract.columns.items()})


def _dtype(column: Column) -> pd.CategoricalDtype | str:
    if column.type == "category":
        return pd.CategoricalDtype(list(column.values))
    if column.type == "integer":
        # not Int64: its pandas.NA is no number to numpy and scikit-learn
        return "float64" if column.nullable else "int64"
    return "float64" if column.type == "number" else "str"
