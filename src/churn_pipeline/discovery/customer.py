"""Whose rows they are, where the id is that of a row or there is none."""

from collections.abc import Mapping
from typing import Any

from churn_pipeline.discovery import names
from churn_pipeline.discovery.descriptions import describe
from churn_pipeline.discovery.keys import Keys
from churn_pipeline.discovery.plan import Cost, Notes, Plan, quoted
from churn_pipeline.discovery.reading import Reading

_OF_CUSTOMERS = 3  # the score of names such as customer_id, account_no
_LEAST_REPEATED = 0.05  # share of rows; fewer are mistakes
_MOST_MISSING = 0.2


def find_customer(readings: Mapping[str, Reading], keys: Keys, taken: set[str]) -> str | None:
    """Return the column that identifies the customer of a row, if customers have several rows.

    Parameters
    ----------
    readings : mapping of str to Reading
    keys : Keys
        The id and the snapshot that were found: columns that are neither are looked at.
    taken : set of str
        Columns that are something else already.
    """
    other = {*taken, keys.id, keys.snapshot}
    scores = {
        name: _OF_CUSTOMERS if names.is_who(name) else names.identifier_score(name)
        for name, reading in readings.items()
        if name not in other
        and reading.kind in ("text", "number")
        and reading.missing_share <= _MOST_MISSING
        and 2 <= len(reading.known) <= (1 - _LEAST_REPEATED) * reading.known.n_rows
    }
    best = max(scores, key=lambda name: scores[name], default=None)
    return best if best is not None and scores[best] >= _OF_CUSTOMERS else None


def plan_customer(reading: Reading, keys: Keys, notes: Notes) -> Plan:
    """Return the plan of that column; what is not known is a question."""
    plan: dict[str, Any] = {"type": "text", "role": "customer", "nullable": True}
    plan["meaning"] = "Customer of the row; a customer has several rows."
    if keys.snapshot is None:
        notes.ask(
            f"{len(reading.known):,} different {reading.name} occur in {reading.n_rows:,} rows: "
            "which column is the day that a row describes? Without it, customers are split at "
            "random instead of by time; the rows of a customer are kept together in either case.",
            f"--snapshot COL --id {quoted(reading.name)}  where a day has one row of each",
            Cost.KEY,
        )
    why = "its values repeat: all rows of a customer are kept in the same part of the split"
    return Plan(reading.name, plan, describe(reading), why)
