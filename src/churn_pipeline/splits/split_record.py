"""The record of a split: which rows are in which set, and what that means for the figures."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from churn_pipeline.contract import Contract
from churn_pipeline.modeling.target import churned
from churn_pipeline.splits.customers import keys_of, snapshots_of
from churn_pipeline.splits.periods import Unit, coarsest_unit, period_label, period_starts
from churn_pipeline.splits.time_split import FEWEST, TimeSplit

EVERYTHING = "all"  # the period of rows without a date


@dataclass(frozen=True)
class DatedSplit:
    """A split by time.

    Attributes
    ----------
    sides : TimeSplit
    gap : DataFrame
        The rows in neither set.
    gap_days : int
    source : {"split.gap_days", "horizon_days", "none"}
        Where the length of the gap comes from.
    """

    sides: TimeSplit
    gap: pd.DataFrame
    gap_days: int
    source: str


def record_split(
    train: pd.DataFrame,
    test: pd.DataFrame,
    dated: DatedSplit | None,
    contract: Contract,
    split: Mapping[str, Any],
) -> dict[str, Any]:
    """Describe how the customers were split.

    Parameters
    ----------
    train, test : DataFrame
    dated : DatedSplit or None
        None of a split by customer.
    contract : Contract
    split : mapping
        The section of ``params.yaml``.

    Returns
    -------
    dict
        ``method`` (``time`` or ``customer``); ``period`` (unit; None without dates) and
        ``test_periods``; ``gap_days`` and ``gap_from``; ``last_training_snapshot`` (the latest that
        the gap allows) and ``first_test_snapshot``; ``sides`` → ``training``, ``test`` and ``gap``
        (None of a split by customer) → ``rows``, ``customers``, ``churners`` (rows),
        ``churn_rate``, ``first_snapshot``, ``last_snapshot``;
        ``customers_on_both_sides``; ``periods``: ``period``, ``side``, ``rows``, ``churners``,
        ``churn_rate``; ``notes``: sentences on what the figures of the test set mean. Customers
        are not counted where the file has no ids.
    """
    sides = {"training": train, "test": test}
    gap = {} if dated is None else {"gap": dated.gap}
    unit = _unit([train, test], dated, contract, split)
    customers = [set(keys_of(side, contract)) for side in sides.values()]
    both = None if contract.id.is_generated else len(customers[0] & customers[1])
    record: dict[str, Any] = {
        "method": "customer" if dated is None else "time",
        "period": unit,
        "test_periods": None if dated is None else dated.sides.test_periods,
        "gap_days": None if dated is None else dated.gap_days,
        "gap_from": None if dated is None else dated.source,
        "last_training_snapshot": None if dated is None else str(dated.sides.last_train),
        "first_test_snapshot": None if dated is None else str(dated.sides.first_test),
        "sides": {name: _describe(side, contract) for name, side in (sides | gap).items()},
        "customers_on_both_sides": both,
        "periods": [
            {"period": period, "side": name, **_counts(rows, contract)}
            for name, side in (sides | gap).items()
            for period, rows in _by_period(side, contract, unit)
        ],
    }
    record["periods"].sort(key=lambda entry: entry["period"])  # of equal ones in order of the sides
    record["sides"].setdefault("gap", None)
    record["notes"] = _notes(record, contract, split)
    return record


def label_periods(table: pd.DataFrame, contract: Contract, unit: Unit | None) -> "pd.Series[str]":
    """Name the period of each row, (n,); ``all`` where there are no dates."""
    days = snapshots_of(table, contract)
    if days is None or unit is None:
        return pd.Series(EVERYTHING, index=table.index, dtype="str")
    starts, codes = np.unique(period_starts(days, unit), return_inverse=True)
    names = pd.Series([period_label(start, unit) for start in starts], dtype="str")
    return names.iloc[codes].set_axis(table.index)


def _unit(
    sides: list[pd.DataFrame],
    dated: DatedSplit | None,
    contract: Contract,
    split: Mapping[str, Any],
) -> Unit | None:
    if dated is not None:
        return dated.sides.unit
    if contract.snapshot is None:
        return None
    days = [snapshots_of(side, contract) for side in sides]
    return coarsest_unit(
        np.concatenate([part for part in days if part is not None]), split["period"]
    )


def _by_period(
    side: pd.DataFrame, contract: Contract, unit: Unit | None
) -> list[tuple[str, pd.DataFrame]]:
    if unit is None:
        return []
    return [(str(p), rows) for p, rows in side.groupby(label_periods(side, contract, unit))]


def _counts(rows: pd.DataFrame, contract: Contract) -> dict[str, Any]:
    churners = int(churned(rows, contract).sum())
    return {
        "rows": len(rows),
        "churners": churners,
        "churn_rate": round(churners / len(rows), 6) if len(rows) else None,
    }


def _describe(side: pd.DataFrame, contract: Contract) -> dict[str, Any]:
    days = snapshots_of(side, contract)
    has_days = days is not None and len(days) > 0
    counts = _counts(side, contract)
    return {
        "rows": counts.pop("rows"),
        "customers": None if contract.id.is_generated else len(set(keys_of(side, contract))),
        **counts,
        "first_snapshot": str(days.min()) if has_days and days is not None else None,
        "last_snapshot": str(days.max()) if has_days and days is not None else None,
    }


def _notes(record: Mapping[str, Any], contract: Contract, split: Mapping[str, Any]) -> list[str]:
    if contract.snapshot is None:
        return []
    notes = []
    horizon = contract.target.horizon_days
    if record["method"] == "customer":
        days = {
            record["sides"][side][end]
            for side in ("training", "test")
            for end in ("first_snapshot", "last_snapshot")
        }
        if len(days) == 1:
            notes.append(
                f"All rows have the snapshot {days.pop()}, so the split is by customer: the test "
                "shows how the model performs on other customers of that day, not on later ones."
            )
        else:
            notes.append(
                "The split is by customer although the rows have several snapshots "
                "(split.method): training used rows from the same time as the test set, so the "
                "test does not show how the model performs later."
            )
        return notes
    gap = record["gap_days"]
    if record["gap_from"] == "none":
        notes.append(
            "Neither split.gap_days nor the target's horizon_days says after how many days an "
            "outcome is known, so there is no gap: outcomes of the last training rows may have "
            "occurred in the test window, and the test figures may be too good."
        )
    elif horizon is not None and gap < horizon:
        notes.append(
            f"The gap of {gap} days is shorter than the {horizon} days after which an outcome is "
            "known: outcomes of the last training rows occurred in the test window, and the "
            "test figures may be too good."
        )
    if record["period"] != split["period"]:
        notes.append(
            f"All snapshots are in one {split['period']}, so each period is one {record['period']}."
        )
    if record["test_periods"] > split["test_periods"]:
        notes.append(
            f"The test set holds the latest {record['test_periods']} periods rather than "
            f"{split['test_periods']}, since fewer have under {FEWEST} rows of either outcome."
        )
    if contract.id.is_generated:
        notes.append(
            "The file has no id: it is not known which rows belong to one customer, so intervals "
            "and folds treat each row as a different customer."
        )
    return notes
