"""Nodes of ingestion: from the user's file to typed, checked customers and a quarantine."""

from difflib import get_close_matches as matches
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from churn_pipeline.checking.cells import cast_columns
from churn_pipeline.checking.completion import optional_columns
from churn_pipeline.checking.earlier_rows import EarlierRows
from churn_pipeline.checking.pending import is_pending
from churn_pipeline.checking.violations import find_violations
from churn_pipeline.contract import Contract
from churn_pipeline.contract.reasons import listed
from churn_pipeline.errors import DataError
from churn_pipeline.io.raw_table import RawTable
from churn_pipeline.named_files import contract_yml
from churn_pipeline.pipelines.ingestion.copies import copied_rows, copies_sentences

_MOST_HINTS = 3
_LIKENESS = 0.8


def check_customers(
    raw: RawTable, contract: Contract, earlier: EarlierRows | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the raw cells and find every violation of the contract.

    Parameters
    ----------
    raw : RawTable
    contract : Contract
    earlier : EarlierRows, optional
        Of the parts of the table above, where ``raw`` is a part.

    Returns
    -------
    table : DataFrame
        The typed table of all well-formed rows.
    violations : DataFrame
        See :func:`churn_pipeline.checking.violations.find_violations`.

    Raises
    ------
    DataError
        If the file lacks a column of the contract, or one has the name of a quarantine's column.
    """
    made_up = optional_columns(contract)
    absent = [n for n in contract.columns if n not in raw.cells and n not in made_up]
    if absent:
        raise DataError(_lack(raw, absent, contract))
    taken = [name for name in raw.cells.columns if name.startswith("rejected_")]
    if taken:
        raise DataError(
            f"{raw.name} has the column {taken[0]}; names that start with rejected_ are reserved "
            "for the quarantine; rename or remove it"
        )
    return find_violations(raw.cells, contract, earlier)


def _lack(raw: RawTable, absent: list[str], contract: Contract) -> str:
    """Say which columns are absent, and what could be meant."""
    names = list(raw.cells.columns)
    plain = {name.casefold(): name for name in names if name not in contract.columns}
    close = [
        f"{plain[near[0]]!r} for {name!r}"
        for name in absent
        if (near := matches(name.casefold(), plain, 1, _LIKENESS))
    ]
    hint = f" (did you write {', '.join(close[:_MOST_HINTS])}?)" if close else ""
    advice = ["Add what is missing", f"describe the table in {contract_yml()}"]
    if contract.id.name in absent and contract.id.type == "text":
        advice.append(f"give {contract.id.name} `generated: true` there if customers have no id")
    if contract.snapshot and contract.snapshot.name in absent:
        advice.append(f"give {contract.snapshot.name} a `default` there")
    return (
        f"{raw.name} lacks the column{'s' if len(absent) > 1 else ''} {listed(absent)}, "
        f"which the contract {contract.name!r} requires; its columns are {listed(names)}"
        f"{hint}. {', or '.join([', '.join(advice[:-1]), advice[-1]])}"
    )


def quarantine_customers(
    raw: RawTable, table: pd.DataFrame, violations: pd.DataFrame, contract: Contract
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Separate the customers that meet the contract from those that do not.

    Rows whose outcome is not known yet are in neither.

    Returns
    -------
    accepted : DataFrame
        Typed customers, in the order of the file.
    rejected : DataFrame
        The rejected rows as they are in the file, each with ``rejected_line``,
        ``rejected_span`` (lines it covers), ``rejected_rules``, ``rejected_columns``,
        ``rejected_values``, ``rejected_reason`` and, for rows that have not one field a column,
        ``rejected_text``.
    """
    is_rejected = table.index.isin(violations["row"])
    rows = table.index[is_rejected]
    rejected = raw.cells.loc[rows].assign(
        rejected_line=raw.lines[rows],
        rejected_span=raw.spans[rows],
        rejected_rules=_lists(violations, "rule"),
        rejected_columns=_lists(violations, "column"),
        rejected_values=_lists(violations, "value"),
        rejected_reason=_lists(violations, "reason").map(" ".join).astype("str"),
        rejected_text=pd.Series(None, index=rows, dtype="str"),
    )
    rejected = pd.concat([rejected, _malformed(raw, rejected)], ignore_index=True)
    kept = ~(is_rejected | is_pending(table, contract))
    accepted = cast_columns(table if kept.all() else table[kept], contract)
    accepted = accepted.reset_index(drop=True)
    return accepted, rejected.sort_values("rejected_line", ignore_index=True)


def _lists(violations: pd.DataFrame, column: str) -> pd.Series:
    """Gather a column's values by row; violations come sorted by row."""
    # slices, since a groupby of a million rows into lists takes minutes
    row = violations["row"].to_numpy()
    bounds = np.append(np.flatnonzero(np.diff(row, prepend=-1)), len(row))
    values = violations[column].tolist()
    lists = [values[a:b] for a, b in pairwise(bounds)]
    return pd.Series(lists, index=row[bounds[:-1]], dtype=object)


def _malformed(raw: RawTable, like: pd.DataFrame) -> pd.DataFrame:
    fields = raw.malformed["fields"]
    frame = pd.DataFrame(
        {
            "rejected_line": raw.malformed["line"],
            "rejected_span": raw.malformed["span"],
            "rejected_rules": [["field_count"] for _ in fields],
            "rejected_columns": [[""] for _ in fields],
            "rejected_values": [[str(count)] for count in fields],
            "rejected_reason": raw.malformed["reason"],
            "rejected_text": raw.malformed["text"],
        }
    )
    return frame.reindex(columns=like.columns).astype(like.dtypes.to_dict())


def _found(**facts: str | None) -> dict[str, str]:
    return {name: fact for name, fact in facts.items() if fact is not None}


def report_data_quality(
    raw: RawTable, table: pd.DataFrame, rejected: pd.DataFrame, contract: Contract
) -> dict[str, Any]:
    """Count the rejected rows by rule and give the completeness of each column.

    Returns
    -------
    dict
        ``rejected_share`` is the share of the file's lines that rejected rows cover, so that an
        unclosed quote which swallows a thousand lines counts as a thousand. ``rows_pending``, of
        contracts whose target has a horizon, counts those whose outcome is not known yet.
        ``copied_rows`` look like copies under different ids; ``findings`` are sentences.
    """
    row_rules = {rule.name for rule in contract.row_rules} | {"field_count"}
    rules = [
        rule if rule in row_rules else f"{rule} ({column})"
        for broken, columns in zip(
            rejected["rejected_rules"], rejected["rejected_columns"], strict=True
        )
        for rule, column in zip(broken, columns, strict=True)
    ]
    names, counts = np.unique(np.array(rules, dtype=object), return_counts=True)
    n_lines = int(raw.spans.sum() + raw.malformed["span"].sum())
    n_rows = len(raw.cells) + len(raw.malformed)
    is_late = is_pending(table, contract)
    n_pending = int((is_late & ~np.isin(raw.lines, rejected["rejected_line"])).sum())
    kept = ~np.isin(raw.lines, rejected["rejected_line"]) & ~is_late
    well_formed = table if kept.all() else table[kept]
    copies = copied_rows(well_formed, contract)
    has_horizon = any(c.horizon_days is not None for c in contract.with_role("target"))
    return {
        "contract": contract.name,
        "source": {
            "name": raw.name,
            "sha256": raw.sha256,
            **_found(encoding=raw.encoding, separator=raw.separator),
        },
        "rows_read": n_rows,
        "rows_accepted": n_rows - len(rejected) - n_pending,
        "rows_rejected": len(rejected),
        **({"rows_pending": n_pending} if has_horizon else {}),
        "rejected_share": round(float(rejected["rejected_span"].sum()) / n_lines, 6),
        "rejected_by_rule": {str(n): int(c) for n, c in zip(names, counts, strict=True)},
        "completeness": {
            name: round(float(share), 6) for name, share in table.notna().mean().items()
        },
        "copied_rows": copies,
        "findings": copies_sentences(copies, len(well_formed), contract),
        "unexpected_columns": sorted(set(raw.cells.columns) - set(contract.columns)),
    }


def accept_customers(
    accepted: pd.DataFrame, data_quality: dict[str, Any], max_rejected_share: float
) -> pd.DataFrame:
    """Let the accepted customers pass, unless too large a part of the file was rejected.

    Raises
    ------
    DataError
        If ``rejected_share`` is above ``max_rejected_share``, or no customer is left.
    """
    share = data_quality["rejected_share"]
    name = data_quality["source"]["name"]
    counts = data_quality["rejected_by_rule"]
    worst = ", ".join(f"{rule}: {counts[rule]}" for rule in sorted(counts, key=counts.get)[:-4:-1])
    if share > max_rejected_share:
        raise DataError(
            f"{share:.1%} of {name} was rejected, more than ingestion.max_rejected_share allows "
            f"({max_rejected_share:.1%}); most frequent reasons: {worst}. The rows and their "
            "reasons are in "
            "02_intermediate/rejected.parquet of the data folder; correct the file or the "
            "contract, or raise the limit"
        )
    if accepted.empty and data_quality.get("rows_pending"):
        raise DataError(
            f"no row of {name} has an outcome yet; {data_quality['rows_pending']} rows are pending "
            "because of the target's horizon_days; provide older snapshots too"
        )
    if accepted.empty:
        raise DataError(f"no row of {name} meets the contract; most frequent reasons: {worst}")
    return accepted
