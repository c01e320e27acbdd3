"""Find every violation of the contract in a table, in one pass."""

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pandas.api.types import union_categoricals

from churn_pipeline.checking.cells import read_cells
from churn_pipeline.checking.completion import complete_cells
from churn_pipeline.checking.earlier_rows import EarlierRows
from churn_pipeline.checking.pending import is_pending
from churn_pipeline.checking.schema import build_schema
from churn_pipeline.contract.model import Contract
from churn_pipeline.contract.reasons import expectation
from churn_pipeline.optional_imports import without

_ROWS_A_PART = 100_000  # the checks take many times the memory of the rows that they look at


def find_violations(
    cells: pd.DataFrame, contract: Contract, earlier: EarlierRows | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the cells and name every rule that every row breaks.

    Each row gets the reasons a person would give: a row rule is not held against a row in which
    one of the rule's columns is itself at fault, an unreadable cell is not also missing, and of
    the rows of one id (and snapshot) the first that breaks nothing else stays, later ones are
    duplicates. A target that cannot be known yet is not missing, see
    :func:`churn_pipeline.checking.pending.is_pending`.

    Parameters
    ----------
    cells : DataFrame of str, (n_rows, n_columns)
        With at least the contract's columns but for those that
        :func:`~churn_pipeline.checking.completion.complete_cells` adds; labelled 0 … n_rows - 1.
    contract : Contract
    earlier : EarlierRows, optional
        Of the parts of the table above these rows; it gets to know these.

    Returns
    -------
    table : DataFrame, (n_rows, n_contract_columns)
        The typed table, see :func:`~churn_pipeline.checking.cells.read_cells`.
    violations : DataFrame
        Sorted by row: ``row`` (label in ``cells``), ``column`` (for a row rule its columns, joined
        by commas), ``rule``, ``value`` (as in the file), ``reason`` (a sentence).
    """
    cells = complete_cells(cells, contract, earlier)
    schema = build_schema(contract, is_unique=False)
    starts = range(0, max(len(cells), 1), _ROWS_A_PART)
    parts = [_check(cells.iloc[i : i + _ROWS_A_PART], schema, contract) for i in starts]
    found = pd.concat([violations for _, violations in parts], ignore_index=True)
    table = _joined([part for part, _ in parts])
    del parts
    found = _without_pending(found, table, contract)
    of_ids = _duplicates(table, found["row"], contract, earlier)
    violations = pd.concat([found, of_ids], ignore_index=True)
    violations = violations.astype({"row": "int64", "column": "str", "rule": "str"})
    violations = violations.sort_values(["row", "column", "rule"], ignore_index=True)
    return table, _described(violations, cells, contract)


def _check(
    cells: pd.DataFrame, schema: pa.DataFrameSchema, contract: Contract
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the typed rows and what is wrong in each by itself."""
    table, unreadable = read_cells(cells, contract)
    failures = _failures(table, schema)
    is_rule = failures["context"] == "DataFrameSchema"
    of_cells = _without_missing_twice(unreadable, failures.loc[~is_rule])
    of_cells = pd.concat([of_cells, _after_snapshot(table, contract)], ignore_index=True)
    of_rules = failures.loc[is_rule, ["row", "rule"]].drop_duplicates()
    of_rules = _without_consequences(of_rules, of_cells, contract)
    return table, pd.concat([of_cells, of_rules], ignore_index=True)


def _joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Join the parts column by column, releasing each column's parts."""
    if len(parts) == 1:
        return parts[0]
    index = parts[0].index.append([part.index for part in parts[1:]])
    columns: dict[str, pd.Series] = {}
    for name in map(str, list(parts[0])):
        pieces = [part.pop(name) for part in parts]
        if isinstance(pieces[0].dtype, pd.CategoricalDtype):
            columns[name] = pd.Series(union_categoricals(pieces), index=index)
        else:
            columns[name] = pd.concat(pieces)
    return pd.DataFrame(columns, index=index, copy=False)


def _failures(table: pd.DataFrame, schema: pa.DataFrameSchema) -> pd.DataFrame:
    try:
        # Pandera registers its checks when it first validates, with strategies that draw examples
        with without("hypothesis"):
            schema.validate(table, lazy=True)
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases
    else:
        cases = pd.DataFrame(columns=["schema_context", "column", "check", "index"])
    return pd.DataFrame(
        {
            "context": cases["schema_context"],
            "row": cases["index"].astype("int64"),
            "column": cases["column"],
            "rule": cases["check"].replace({"not_nullable": "missing"}),
        }
    )


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


def _after_snapshot(table: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    """Find dates that nobody could know on the day of the snapshot."""
    found = [pd.DataFrame({"row": np.array([], dtype=np.int64), "column": "", "rule": ""})]
    if contract.snapshot:
        today = table[contract.snapshot.name].dt.normalize()
        for column in contract.features:
            if column.is_date:
                rows = table.index[table[column.name].dt.normalize() > today]
                found.append(
                    pd.DataFrame({"row": rows, "column": column.name, "rule": "after_snapshot"})
                )
    return pd.concat(found, ignore_index=True)


def _without_pending(
    violations: pd.DataFrame, table: pd.DataFrame, contract: Contract
) -> pd.DataFrame:
    pending = table.index[is_pending(table, contract)]
    if pending.empty:
        return violations
    is_of_target = (violations["column"] == contract.target.name) & violations["row"].isin(pending)
    return violations[~(is_of_target & (violations["rule"] == "missing"))]


def _duplicates(
    table: pd.DataFrame, faulty: pd.Series, contract: Contract, earlier: EarlierRows | None
) -> pd.DataFrame:
    """Find the rows of an id (and snapshot) after the first that breaks nothing else."""
    numbers = table.groupby(list(contract.key), sort=False, observed=True).ngroup()
    groups = numbers.fillna(-1).to_numpy(dtype=np.int64)  # -1: without an id
    places = np.arange(len(table))
    good = places[(groups >= 0) & ~table.index.isin(faulty)]
    first = np.full(groups.max(initial=-1) + 2, len(table))
    first[groups[good][::-1]] = good[::-1]  # of several, the last that is written stays
    is_later = (groups >= 0) & (first[groups] < places)
    if earlier is not None:
        is_later |= (groups >= 0) & earlier.are_taken(table, contract)
        is_good = np.zeros(len(table), dtype=bool)
        is_good[good] = True
        earlier.take(table[is_good & ~is_later], contract)
    rows = table.index[is_later]
    return pd.DataFrame({"row": rows, "column": contract.id.name, "rule": "duplicate_id"})


def _described(violations: pd.DataFrame, cells: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    """Add the value at fault and a sentence that says what was expected."""
    value = pd.Series("", index=violations.index, dtype="str")
    reason = value.copy()
    meanings = {rule.name: rule.meaning for rule in contract.row_rules}
    columns = {rule.name: rule.check.columns for rule in contract.row_rules}
    for key, group in violations.groupby(["column", "rule"]):
        column, rule = map(str, key)
        needed = list(dict.fromkeys([*columns.get(rule, (column,)), *contract.key[1:]]))
        found = cells.loc[group["row"], needed].set_axis(group.index)
        if rule in meanings:
            pairs = [name + "=" + found[name].map(repr) for name in columns[rule]]
            value[group.index] = pd.concat(pairs, axis=1).agg(", ".join, axis=1)
            reason[group.index] = f"{rule}: {meanings[rule]} Found " + value[group.index] + "."
        else:
            value[group.index] = found[column]
            sentence = f"{column}: " + found[column].map(repr)
            sentence += f" {expectation(contract.columns[column], rule, contract)}"
            if rule == "after_snapshot":
                sentence += " " + found[contract.key[1]].map(repr)
            reason[group.index] = sentence + "."
    return violations.assign(value=value, reason=reason)
