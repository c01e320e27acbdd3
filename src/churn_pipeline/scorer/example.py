"""A made-up customer that keeps the contract, for documentation."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from churn_pipeline.contract import Column
from churn_pipeline.scorer.records import RecordReader
from churn_pipeline.scorer.refusals import InvalidRecord

_TRIES = 3000
_LARGEST_INTEGER = 2.0**53 - 1  # that has no neighbour of the same float
_TODAY = "2026-01-31"  # of contracts without a day of their own
_DAYS_AGO = (365, 0, 7, 30, 90, 730, 3650)


def example_record(reader: RecordReader) -> dict[str, Any]:
    """Return a record that the reader accepts, as ordinary as the contract tells.

    Numbers are a quarter up their range, categories have a value in the middle of those allowed and
    dates are a year before the snapshot. Where that breaks row rules, the fields of a broken rule
    take other values, one or two at a time, as long as fewer rules break.
    """
    options = {column.name: list(_values(column, reader)) for column in reader.columns}
    record = {name: values[0] for name, values in options.items()}
    broken = _broken(reader, record)
    tries = 0
    while broken and tries < _TRIES:
        before = len(broken)
        for changed in _changes(record, broken, options):
            tries += 1
            now = _broken(reader, changed)
            if len(now) < len(broken):
                record, broken = changed, now
                break
        if len(broken) == before:
            break
    return record


def _broken(reader: RecordReader, record: dict[str, Any]) -> list[str]:
    try:
        reader.read(record)
    except InvalidRecord as error:
        return [fault.field or "" for fault in error.errors]
    return []


def _changes(
    record: dict[str, Any], broken: list[str], options: dict[str, list[Any]]
) -> Iterator[dict[str, Any]]:
    names = [name for name in dict.fromkeys(", ".join(broken).split(", ")) if name in options]
    singles = [{name: value} for name in names for value in options[name]]
    for change in singles:
        yield {**record, **change}
    for name in names:  # all fields of a rule that may hold the same text
        for value in options[name]:
            alike = {other: value for other in names if value in options[other]}
            yield {**record, **alike}
    for one in singles:
        for two in singles:
            yield {**record, **one, **two}


def _values(column: Column, reader: RecordReader) -> Iterator[Any]:
    if column.is_date:
        today = date.fromisoformat(reader.default_snapshot or _TODAY)
        is_snapshot = "snapshot" in column.roles
        for days in (0,) if is_snapshot else _DAYS_AGO:
            yield (today - timedelta(days=min(days, today.toordinal() - 1))).isoformat()
        if column.nullable:
            yield None
        return
    if column.type == "category":
        middle = len(column.values) // 2
        yield from (*column.values[middle:], *column.values[:middle])
        return
    if column.type == "text":
        yield "C-1001"
        return
    low, high = column.minimum, column.maximum
    if low is None:
        low = 0.0 if high is None or high >= 0 else high - 100
    if high is None:
        high = low + 100
    low, high = max(low, column.lowest), min(high, column.highest)
    if column.type == "integer":
        low, high = max(low, -_LARGEST_INTEGER), min(high, _LARGEST_INTEGER)
    for share in (0.25, 0.0, 0.05, 0.1, 0.5, 0.75, 1.0):
        value = (1 - share) * low + share * high  # the width may be infinite
        if column.type == "integer":
            yield int(-(-value // 1))
        else:
            yield round(value, 2) if low <= round(value, 2) <= high else value
    if column.nullable:
        yield None
