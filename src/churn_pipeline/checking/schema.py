"""The Pandera schema of a typed customer table, built from the contract."""

from functools import partial

import numpy as np
import pandas as pd
import pandera.pandas as pa

from churn_pipeline.checking.distinct_rows import distinct_rows
from churn_pipeline.contract.model import Column, Contract, RowRule

# any of a category, be it texts or pandas categories: the allowed values are checked
_TYPES = {
    "category": None, "text": str, "integer": float, "number": float, "date": "datetime64[us]",
}  # fmt: skip


def build_schema(contract: Contract, is_unique: bool = True) -> pa.DataFrameSchema:
    """Build the schema that accepted customers meet.

    Cells are checked one by one (missing, allowed values, range), rows by the contract's row rules,
    and no two rows have the same id (or id and snapshot). Checks carry the names that quarantine
    reports: ``allowed_values``, ``range`` and the names of the row rules.

    Parameters
    ----------
    contract : Contract
    is_unique : bool
        Whether ids are checked; not so for a part of a table.

    Returns
    -------
    DataFrameSchema
        For a table as :func:`churn_pipeline.checking.cells.read_cells` returns it; columns that
        the contract does not know are let through.
    """
    return pa.DataFrameSchema(
        {
            name: _column_schema(column, is_unique and contract.key == (name,))
            for name, column in contract.columns.items()
        },
        checks=[
            pa.Check(partial(_holds, rule), name=rule.name, ignore_na=False)
            for rule in contract.row_rules
        ],
        # the first customer of an id stays, later ones go
        unique=list(contract.key) if is_unique and len(contract.key) > 1 else None,
        report_duplicates="exclude_first",
        name=contract.name,
        strict=False,
    )


def _column_schema(column: Column, is_unique: bool) -> pa.Column:
    checks = []
    if column.type == "category":
        checks.append(pa.Check.isin(column.values, error="allowed_values"))
    if column.is_numeric:
        checks.append(pa.Check.in_range(column.lowest, column.highest, error="range"))
    return pa.Column(
        _TYPES[column.type],
        checks=checks,
        nullable=column.nullable,
        unique=is_unique,
        report_duplicates="exclude_first",
        description=column.meaning,
    )


def _holds(rule: RowRule, table: pd.DataFrame) -> pd.Series:
    columns = {name: table[name] for name in rule.check.columns}
    if columns and all(isinstance(c.dtype, pd.CategoricalDtype) for c in columns.values()):
        # of categories a table has few different rows, and comparing texts is slow
        first, codes = distinct_rows([column.cat.codes.to_numpy() for column in columns.values()])
        values = {name: column.iloc[first].to_numpy() for name, column in columns.items()}
        return pd.Series(np.asarray(rule.check.holds(values))[codes], index=table.index)
    values = {name: column.to_numpy() for name, column in columns.items()}
    return pd.Series(rule.check.holds(values), index=table.index)
