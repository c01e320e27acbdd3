"""Sentences that tell people what was expected of a cell."""

from collections.abc import Sequence

from churn_pipeline.contract.model import Column, Contract

_MOST_VALUES = 20  # that one sentence lists


def listed(values: Sequence[str]) -> str:
    """List values for a sentence; of very many the first only, and how many there are."""
    if len(values) <= _MOST_VALUES:
        return ", ".join(values)
    return f"{', '.join(values[:_MOST_VALUES])}, … ({len(values):,} values)"


def expectation(column: Column, rule: str, contract: Contract) -> str:
    """Say what a cell that breaks a rule is or is not, such as ``is not a number``."""
    if rule == "allowed_values":
        return f"is not one of {listed(column.values)}"
    if rule == "range":
        limits = f"{column.lowest:g} to {column.highest:g}"
        return f"is outside {limits} {column.unit or ''}".rstrip()
    if rule == "not_a_date":
        return f"is not a date of the form {' or '.join((*column.formats, '2026-01-31'))}"
    if rule == "duplicate_id" and contract.snapshot:
        return f"is already on an earlier row with the same {contract.snapshot.name}"
    if rule == "after_snapshot" and contract.snapshot:
        return f"was not yet known on the day of {contract.snapshot.name},"
    return {
        "missing": "is missing, but a value is required",
        "duplicate_id": "is already on an earlier row",
        "not_a_number": "is not a number",
        "not_an_integer": "is not a whole number",
    }[rule]
