"""The Pandera schema of a typed customer table, built from the contract."""

from functools import partial

import pandas as pd
import pandera.pandas as pa

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
    values = {name: table[name].to_numpy() for name in rule.check.columns}
    return pd.Series(rule.check.holds(values), index=table.index)
