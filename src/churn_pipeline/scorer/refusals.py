"""Why a record is refused, in words that hold nothing of the customer's."""

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

from churn_pipeline.contract import Column, Contract
from churn_pipeline.contract.limits import LARGEST_NUMBER

_LONGEST_NAME = 64
_MOST_VALUES = 20  # of a category that one message lists
_MOST_EXAMPLES = 3
MAX_TEXT = 256  # characters of a text, such as an id


class FieldError(NamedTuple):
    """What is wrong with one field, in words that hold nothing of the customer's.

    Attributes
    ----------
    field : str or None
        None where it is the record itself, or several fields together.
    message : str
    """

    field: str | None
    message: str


class InvalidRecord(ValueError):  # noqa: N818 (it is not the program's error)
    """A record that breaks the contract.

    Attributes
    ----------
    errors : tuple of FieldError
        All that is wrong.
    """

    def __init__(self, errors: tuple[FieldError, ...]) -> None:
        super().__init__("; ".join(error.message for error in errors))
        self.errors = errors


def expectation(column: Column) -> str:
    """Say what a field may hold, such as ``a whole number from 0 to 120 (months)``."""
    if column.type == "category":
        most = _MOST_EXAMPLES if column.is_open else _MOST_VALUES
        values = ", ".join(f'"{value}"' for value in column.values[:most])
        if column.is_open:
            return f"a text, such as {values}"
        more = f", … ({len(column.values):,} values)" if len(column.values) > most else ""
        return f"one of {values}{more}"
    if column.is_date:
        return 'a date such as "2026-01-31"'
    if column.type == "text":
        return f"a text of 1 to {MAX_TEXT} characters"
    kind = "a whole number" if column.type == "integer" else "a number"
    low, high = column.minimum, column.maximum
    if low is not None and high is not None:
        kind += f" from {low:.15g} to {high:.15g}"
    elif low is not None:
        kind += f" of at least {low:.15g}"
    elif high is not None:
        kind += f" of at most {high:.15g}"
    return f"{kind} ({column.unit})" if column.unit else kind


def complaint(column: Column, record: Mapping[Any, Any]) -> FieldError:
    """Say what is wrong with a record's field, missing or not."""
    name, wanted = column.name, expectation(column)
    if record.get(name) is None:
        problem = "is missing" if name not in record else "is null"
        return FieldError(name, f"{name} {problem}; it must be {wanted}")
    value = record[name]
    if type(value) in (int, float) and not -LARGEST_NUMBER <= value <= LARGEST_NUMBER:
        wanted += f", and within ±{LARGEST_NUMBER:g}"
    if column.nullable:
        wanted += ", or null"
    return FieldError(name, f"{name} must be {wanted}")


def unknown_name(name: Any, contract: Contract, fields: Collection[str]) -> FieldError:
    """Say what to do about a name that is none of the fields."""
    if name == contract.target.name:
        return FieldError(name, f"{name} is what the model predicts; leave it out")
    if name in contract.columns:
        return FieldError(name, f"{name} is not seen by the model; leave it out")
    name = str(name)[:_LONGEST_NAME]
    close = get_close_matches(name, fields, n=1)
    guess = f"did you mean {close[0]}" if close else f"valid are {', '.join(fields)}"
    return FieldError(name, f"{name} is not a field; {guess}")
