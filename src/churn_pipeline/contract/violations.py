"""Find every violation of the contract in a table, in one pass."""

import pandas as pd
import pandera.pandas as pa

from churn_pipeline.contract.cells import read_cells
from churn_pipeline.contract.model import Column, Contract
from churn_pipeline.contract.schema import build_schema


def find_violations(cells: pd.DataFrame, contract: Contract) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the cells and name every rule that every row breaks.

    Each row gets the reasons a person would give: a row rule is not held against a row in which
    one of the rule's columns is itself at fault, an unreadable cell is not also missing, and of
    the rows of one id the first that breaks nothing else stays, later ones are duplicates.

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
    of_cells = _without_missing_twice(unreadable, failures.loc[~is_rule])
    of_rules = failures.loc[is_rule, ["row", "rule"]].drop_duplicates()
    of_rules = _without_consequences(of_rules, of_cells, contract)
    of_ids = _duplicates(table, pd.concat([of_cells["row"], of_rules["row"]]), contract)
    violations = pd.concat([of_cells, of_rules, of_ids], ignore_index=True)
    violations = violations.sort_values(["row", "column", "rule"], ignore_index=True)
    return table, _described(violations, cells, contract)


def _failures(table: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    try:
        build_schema(contract).validate(table, lazy=True)
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases
    else:
        cases = pd.DataFrame(columns=["schema_context", "column", "check", "index"])
    failures = pd.DataFrame(
        {
            "context": cases["schema_context"],
            "row": cases["index"].astype("int64"),
            "column": cases["column"],
            "rule": cases["check"].replace({"not_nullable": "missing"}),
        }
    )
    # Pandera counts rows that break other rules among the first of their id
    return failures[failures["rule"] != "field_uniqueness"]


def _without_missing_twice(unreadable: pd.DataFrame, failures: pd.DataFrame) -> pd.DataFrame:
    keys = ["row", "column"]
    known = pd.MultiIndex.from_frame(unreadable[keys])
    is_known = pd.MultiIndex.from_frame(failures[keys]).isin(known)
    return pd.concat([unreadable, failures.loc[~is_known, [*keys, "rule"]]], ignore_index=True)


def _without_consequences(
    of_rules: pd.DataFrame, of_cells: pd.DataFrame, contract: Contract
) -> pd.DataFrame:
    kept = [of_rules.iloc[:0].assign(column="")]
    for rule in contract.row_rules:
        columns = rule.check.columns
        faulty = of_cells.loc[of_cells["column"].isin(columns), "row"]
        broken = of_rules[(of_rules["rule"] == rule.name) & ~of_rules["row"].isin(faulty)]
        kept.append(broken.assign(column=", ".join(columns)))
    return pd.concat(kept, ignore_index=True)[["row", "column", "rule"]]


def _duplicates(table: pd.DataFrame, faulty: pd.Series, contract: Contract) -> pd.DataFrame:
    ids = table[contract.id.name]
    good = ids[~table.index.isin(faulty)]
    stays = good[~good.duplicated()]
    first = ids.map(pd.Series(stays.index, index=stays.to_numpy(), dtype="float64"))
    rows = table.index[(first < table.index.to_series()).to_numpy()]
    return pd.DataFrame({"row": rows, "column": contract.id.name, "rule": "duplicate_id"})


def _described(violations: pd.DataFrame, cells: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    """Add the value at fault and a sentence that says what was expected."""
    value = pd.Series("", index=violations.index, dtype="str")
    reason = value.copy()
    meanings = {rule.name: rule.meaning for rule in contract.row_rules}
    columns = {rule.name: rule.check.columns for rule in contract.row_rules}
    for key, group in violations.groupby(["column", "rule"]):
        column, rule = map(str, key)
        found = cells.loc[group["row"]].set_axis(group.index)
        if rule in meanings:
            pairs = [name + "=" + found[name].map(repr) for name in columns[rule]]
            value[group.index] = pd.concat(pairs, axis=1).agg(", ".join, axis=1)
            reason[group.index] = f"{rule}: {meanings[rule]} Found " + value[group.index] + "."
        else:
            value[group.index] = found[column]
            expectation = _expectation(contract.columns[column], rule)
            reason[group.index] = f"{column}: " + found[column].map(repr) + f" {expectation}."
    return violations.assign(value=value, reason=reason)


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
