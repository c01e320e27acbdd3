"""From one customer's record to the numbers that the model takes, checked by the contract."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from churn_pipeline.contract import Column, Contract
from churn_pipeline.contract.dates import days_of_text
from churn_pipeline.contract.limits import LARGEST_EXACT_INTEGER
from churn_pipeline.contract.record_expressions import compile_for_record
from churn_pipeline.contract.whole_text import whole_text
from churn_pipeline.errors import ParameterError
from churn_pipeline.named_files import params_yaml
from churn_pipeline.scorer.refusals import (
    MAX_TEXT,
    FieldError,
    InvalidRecord,
    complaint,
    unknown_name,
)

_MOST_UNKNOWN = 20  # names that are complained of one by one
_NAN = math.nan
_UNSEEN = -1.0  # the code of a missing category


class Customer(NamedTuple):
    """A checked customer.

    Attributes
    ----------
    id : str
        The id, as a text.
    row : tuple of float
        The model's inputs in the contract's order: numbers (NaN where missing), then the position
        of each category's value among its allowed values (-1 where missing).
    lifetime_value : float
        What the customer is worth if kept.
    unseen : tuple of str
        The categories whose value the contract does not list; the row has them as missing.
    """

    id: str
    row: tuple[float, ...]
    lifetime_value: float
    unseen: tuple[str, ...] = ()


class RecordReader:
    """Reads records, and refuses those that break the contract.

    A field is missing where it is absent or null, which only nullable ones may be. Row rules hold
    as in ingestion, but for those that read columns which no request has, such as the target. A
    date is not later than the snapshot, where the request has that.

    Parameters
    ----------
    contract : Contract
    lifetime_value : float or str
        The lifetime value of all customers, or the column of individual ones.
    unseen_as_missing : bool
        Whether a value that a category does not allow is taken for a missing one; that of an open
        category always is.
    """

    def __init__(
        self, contract: Contract, lifetime_value: float | str, unseen_as_missing: bool = False
    ) -> None:
        self.columns = request_columns(contract, lifetime_value)
        self._contract = contract
        self._lifetime_value = lifetime_value
        self._unseen_as_missing = unseen_as_missing
        self._fields = {column.name: column for column in self.columns}
        self._names = frozenset(self._fields)
        self._id = contract.id.name
        self._derived = [
            (column.name, compile_for_record(column.expression))
            for column in contract.derived_columns
        ]
        self._rules = [
            (rule, compile_for_record(rule.check))
            for rule in contract.row_rules
            if self._names.issuperset(rule.check.columns)
        ]
        self._checks = [(column.name, self._check(column)) for column in self.columns]
        self._numeric = contract.numeric_inputs
        # looked up without a call, since these are most of the fields
        self._categorical = [
            (name, self._codes(self._fields[name]), self._spelled(contract.columns[name]))
            for name in contract.categorical_inputs
        ]
        self._missing = {
            name: {*contract.missing_values, *contract.columns[name].missing_values}
            for name in contract.categorical_inputs
        }
        self._others = [
            (name, check) for name, check in self._checks if name not in contract.categorical_inputs
        ]
        self._snapshot = next((c.name for c in self.columns if "snapshot" in c.roles), None)
        self._dated = [c.name for c in self.columns if c.is_date and c.name != self._snapshot]

    @property
    def default_snapshot(self) -> str | None:
        """The ISO date that the contract takes a file without a snapshot to hold."""
        return self._contract.snapshot.default if self._contract.snapshot else None

    def _takes_unseen(self, column: Column) -> bool:
        return column.is_open or (self._unseen_as_missing and column.name != self._contract.id.name)

    def _spelled(self, column: Column) -> dict[str, str] | None:
        """Return how files spell the values besides, if any text is accepted; else None."""
        if not self._takes_unseen(column):
            return None
        return {text: value for value, texts in column.spellings.items() for text in texts}

    def _codes(self, column: Column) -> dict[Any, float]:
        missing = {None: _UNSEEN} if column.nullable else {}
        return {value: float(code) for code, value in enumerate(column.values)} | missing

    def _check(self, column: Column) -> Callable[[Any], float | str | None]:
        """Return what turns a field's JSON value into a float or a text, None if it may not be."""
        nothing = _NAN if column.nullable else None
        low, high = column.lowest, column.highest
        if column.type == "category":
            codes = frozenset(column.values)
            spelled = self._spelled(column)

            def category(value: Any) -> float | str | None:
                if type(value) is str:
                    if value in codes or spelled is None:
                        return value if value in codes else None
                    value = value.strip()
                    value = spelled.get(value, value)
                    if value not in codes:
                        value = whole_text(value)
                    return value if value in codes else _NAN
                return nothing if value is None else None

            return category
        if column.is_date:

            def date(value: Any) -> float | str | None:
                if type(value) is str:
                    return days_of_text(value)
                return nothing if value is None else None

            return date
        if column.type == "text":
            spelled_missing = frozenset(self._contract.missing_values)
            # as ingestion reads it

            def text(value: Any) -> float | str | None:
                if type(value) is str:
                    trimmed = whole_text(value.strip())
                    is_good = len(value) <= MAX_TEXT and trimmed not in spelled_missing
                    return trimmed if trimmed and is_good else None
                return nothing if value is None else None

            return text
        is_integer = column.type == "integer"

        def number(value: Any) -> float | str | None:
            kind = type(value)
            if kind is float or kind is int:
                if low <= value <= high:  # not NaN
                    if not is_integer:
                        return float(value)
                    if value == value // 1 and abs(value) < LARGEST_EXACT_INTEGER:
                        return float(value)
                return None
            return nothing if value is None else None

        return number

    def read(self, record: Any) -> Customer:
        """Check a decoded JSON value and return the customer.

        Raises
        ------
        InvalidRecord
        """
        if type(record) is not dict:
            raise InvalidRecord((FieldError(None, "a customer is an object of named fields"),))
        if not self._names.issuperset(record):
            raise self._refusal(record)
        values = dict(record)
        codes_of_row: list[float] = []
        unseen: tuple[str, ...] = ()
        get = record.get
        try:
            for name, codes, spelled in self._categorical:
                value = get(name)
                code = codes.get(value)
                if code is None:
                    if spelled is None or type(value) is not str:
                        raise self._refusal(record)
                    # as ingestion reads it, since it would not be refused
                    value = value.strip()
                    value = spelled.get(value, value)
                    if value not in codes:
                        value = whole_text(value)
                    code = codes.get(value, _UNSEEN)
                    if code < 0 and value and value not in self._missing[name]:
                        unseen += (name,)
                    values[name] = value
                if code < 0:
                    values[name] = _NAN
                codes_of_row.append(code)
        except TypeError:  # what no dictionary has as a key
            raise self._refusal(record) from None
        for name, check in self._others:
            value = check(get(name))
            if value is None:
                raise self._refusal(record)
            values[name] = value
        if self._snapshot is not None and self._too_late(values):
            raise self._refusal(record)
        for _, holds in self._rules:
            if holds(values) != 1.0:
                raise self._refusal(record)
        for name, compute in self._derived:
            values[name] = compute(values)
        row = [values[name] for name in self._numeric]
        worth = self._lifetime_value
        return Customer(
            self._id_text(values[self._id]),
            (*row, *codes_of_row),
            values[worth] if isinstance(worth, str) else worth,
            unseen,
        )

    def _too_late(self, values: Mapping[str, Any]) -> list[str]:
        """Return the dates that nobody could know on the day of the snapshot."""
        today = values.get(self._snapshot or "", _NAN)
        return [name for name in self._dated if values.get(name, _NAN) > today]

    def _id_text(self, value: float | str) -> str:
        if isinstance(value, str):
            return value
        is_whole = abs(value) < LARGEST_EXACT_INTEGER and value == int(value)
        return str(int(value)) if is_whole else repr(value)

    def _refusal(self, record: Mapping[Any, Any]) -> InvalidRecord:
        """Say all that is wrong; slower than finding that something is."""
        unknown = [name for name in record if name not in self._names]
        errors = [
            unknown_name(name, self._contract, self._fields) for name in unknown[:_MOST_UNKNOWN]
        ]
        if len(unknown) > _MOST_UNKNOWN:
            more = len(unknown) - _MOST_UNKNOWN
            errors.append(FieldError(None, f"{more} more names are not fields; leave them out"))
        values: dict[str, Any] = {}
        for name, check in self._checks:
            value = check(record.get(name))
            if value is None:
                errors.append(complaint(self._fields[name], record))
            else:
                values[name] = value
        late = self._too_late(values)
        errors += [
            FieldError(name, f"{name} is later than {self._snapshot}; leave out what came after")
            for name in late
        ]
        values = {name: value for name, value in values.items() if name not in late}
        for rule, holds in self._rules:
            if all(name in values for name in rule.check.columns) and holds(values) != 1.0:
                errors.append(FieldError(", ".join(rule.check.columns), rule.meaning))
        return InvalidRecord(tuple(errors))


def request_columns(contract: Contract, lifetime_value: float | str) -> tuple[Column, ...]:
    """Return the columns that a request gives of a customer: id, features, lifetime value.

    The snapshot is among them where a derived column reads it. A lifetime value is never missing,
    nor below 0.

    Raises
    ------
    ParameterError
        If the lifetime value is that of a column which does not contain numbers.
    """
    if isinstance(lifetime_value, str):
        usable = [c.name for c in contract.columns.values() if c.is_numeric and c != contract.id]
        if lifetime_value not in usable:
            raise ParameterError(
                f"{params_yaml()}: economics.customer_lifetime_value is {lifetime_value!r}, which "
                f"is not a numeric column of the contract; give a number or one of {usable}"
            )
    wanted = {contract.id.name, lifetime_value} | {column.name for column in contract.read_columns}
    return tuple(
        replace(column, nullable=False, minimum=max(0.0, column.minimum or 0.0))
        if name == lifetime_value
        else column
        for name, column in contract.columns.items()
        if name in wanted
    )
