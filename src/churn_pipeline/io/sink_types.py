"""Columns of the types that a database's users expect, so that joins need no casts."""

import pandas as pd
import pyarrow as pa

from churn_pipeline.contract import Column, Contract

DATE = pd.ArrowDtype(pa.date32())
_INTEGER = r"-?\d{1,18}"
_TRUTHS = {"true": True, "false": False}


def typed(table: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    """Give the contract's columns the types that it states.

    Parameters
    ----------
    table : DataFrame
        With any of the contract's columns, and others, which stay as they are.
    contract : Contract

    Returns
    -------
    DataFrame
        Integers, and ids that databases hold as such, as ``Int64`` (exact, missing values
        included), dates as Arrow's ``date32``, categories of True and False as ``boolean``,
        other categories as texts.
    """
    columns = {name: column for name, column in contract.columns.items() if name in table}
    return table.assign(**{name: _typed(table[name], c) for name, c in columns.items()})


def _typed(values: pd.Series, column: Column) -> pd.Series:
    if column.type == "integer":
        return values.astype("Int64")
    if is_kept_as_integer(values, column):
        return values.astype("Int64")
    if column.is_date:
        return values.astype(DATE)
    if column.type != "category":
        return values
    if {value.lower() for value in column.values} == set(_TRUTHS):
        return values.map(lambda text: _TRUTHS[text.lower()], na_action="ignore").astype("boolean")
    return values.astype("str")


def is_kept_as_integer(values: pd.Series, column: Column) -> bool:
    """Tell whether a column of texts holds what databases hold as integers."""
    if column.stored_as != "integer" or column.type == "integer":
        return False
    return bool(values.dropna().str.fullmatch(_INTEGER).all())
