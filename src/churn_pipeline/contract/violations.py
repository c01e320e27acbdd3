"""Find every violation of the contract in a table, in one pass."""

import pandas as pd
import pandera.pandas as pa

from churn_pipeline.contract.cells import read_cells
from churn_pipeline.contract.model import Column, Contract
from churn_pipeline.contract.schema import build_schema

_RULE_NAMES = {"not_nullable": "missing", "field_uniqueness": "duplicate_id"}


def find_violations(cells: pd.DataFrame, contract: Contract) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the cells and name every rule that every row breaks.

    A row rule is not held against a row in which one of the rule's columns is itself at fault, and
    an unreadable cell is not also reported as missing: each row gets the reasons a person would
    give.

    Parameters
    ----------
    cells : DataFrame of str, (n_rows, n_columns)
        With at least the contract's columns, labelled 0 … n_rows - 1.
    contract : Contract

    Returns
    -------
    table : DataFrame, (n_rows, n_contract_columns)
        The typed table, see :func:`~churn_pipeline.contract.cells.read_cells`.
    violations : DataFrame
        Sorted by row: ``row`` (label in ``cells``), ``column`` (for a row rule its columns, joined
        by commas), ``rule``, ``value`` (as in the file), ``reason`` (a sentence).
    """
    table, unreadable = read_cells(cells, contract)
    failures = _failures(table, contract)
    is_rule = failures["context"] == "DataFrameSchema"
    of_cells = pd.concat([unreadable, failures.loc[~is_rule, ["row", "column", "rule"]]])
    # "unreadable" comes first and wins over "missing" of the same cell
    of_cells = of_cells.drop_duplicates(["row", "column"])
    of_rules = failures.loc[is_rule, ["row", "rule"]].drop_duplicates()
    of_rules = _drop_consequences(of_rules, of_cells, contract)
    violations = pd.concat([of_cells, of_rules], ignore_index=True)
    violations = violations.sort_values(["row", "column", "rule"], ignore_index=True)
    described = [
        _describe(contract, cells, row, column, rule)
        for row, column, rule in violations[["row", "column", "rule"]].itertuples(index=False)
    ]
    violations["value"] = pd.Series([value for value, _ in described], dtype="str")
    violations["reason"] = pd.Series([reason for _, reason in described], dtype="str")
    return table, violations


def _failures(table: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    try:
        build_schema(contract).validate(table, lazy=True)
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases
    else:
        cases = pd.DataFrame(columns=["schema_context", "column", "check", "index"])
    return pd.DataFrame(
        {
            "context": cases["schema_context"],
            "row": cases["index"].astype("int64"),
            "column": cases["column"],
            "rule": cases["check"].replace(_RULE_NAMES),
        }
    )


def _drop_consequences(
    of_rules: pd.DataFrame, of_cells: pd.DataFrame, contract: Contract
) -> pd.DataFrame:
    faulty = of_cells.groupby("row")["column"].agg(set).to_dict()
    columns = {rule.name: rule.check.columns for rule in contract.row_rules}
    kept = [
        (row, ", ".join(columns[rule]), rule)
        for row, rule in of_rules[["row", "rule"]].itertuples(index=False)
        if faulty.get(row, set()).isdisjoint(columns[rule])
    ]
    return pd.DataFrame(kept, columns=["row", "column", "rule"])


def _describe(
    contract: Contract, cells: pd.DataFrame, row: int, column: str, rule: str
) -> tuple[str, str]:
    """Return the value at fault and a sentence that says what was expected."""
    for row_rule in contract.row_rules:
        if row_rule.name == rule:
            pairs = [f"{name}={cells.at[row, name]!r}" for name in row_rule.check.columns]
            return ", ".join(pairs), f"{rule}: {row_rule.meaning} Found {', '.join(pairs)}."
    value = str(cells.at[row, column])
    return value, f"{column}: {value!r} {_expectation(contract.columns[column], rule)}."


def _expectation(column: Column, rule: str) -> str:
    if rule == "allowed_values":
        return f"is not one of {', '.join(column.values)}"
    if rule == "range":
        low = "-∞" if column.minimum is None else f"{column.minimum:g}"
        high = "∞" if column.maximum is None else f"{column.maximum:g}"
        return f"is outside {low} to {high} {column.unit or ''}".rstrip()
    return {
        "missing": "is missing, a value is required",
        "duplicate_id": "already stands on an earlier row",
        "not_a_number": "is not a number",
        "not_an_integer": "is not a whole number",
    }[rule]
