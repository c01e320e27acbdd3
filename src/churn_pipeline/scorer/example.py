"""A made-up customer that keeps the contract, for documentation."""

from collections.abc import Iterator
from typing import Any

from churn_pipeline.contract import Column
from churn_pipeline.scorer.records import InvalidRecord, RecordReader

_TRIES = 3000


def example_record(reader: RecordReader) -> dict[str, Any]:
    """Return a record that the reader accepts, as ordinary as the contract tells.

    Numbers are a quarter up their range and categories have a value in the middle of those allowed.
    Where that breaks row rules, the fields of a broken rule take other values, one or two at a
    time, as long as fewer rules break.
    """
    record = {column.name: next(_values(column)) for column in reader.columns}
    columns = {column.name: column for column in reader.columns}
    broken = _broken(reader, record)
    tries = 0
    while broken and tries < _TRIES:
        before = len(broken)
        for changed in _changes(record, broken, columns):
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
    record: dict[str, Any], broken: list[str], columns: dict[str, Column]
) -> Iterator[dict[str, Any]]:
    names = [name for name in dict.fromkeys(", ".join(broken).split(", ")) if name in columns]
    singles = [{name: value} for name in names for value in _values(columns[name])]
    for change in singles:
        yield {**record, **change}
    for name in names:  # all fields of a rule that may hold the same text
        for value in _values(columns[name]):
            alike = {other: value for other in names if value in list(_values(columns[other]))}
            yield {**record, **alike}
    for one in singles:
        for two in singles:
            yield {**record, **one, **two}


def _values(column: Column) -> Iterator[Any]:
    if column.type == "category":
        middle = len(column.values) // 2
        yield from (*column.values[middle:], *column.values[:middle])
        return
    if column.type == "text":
        yield "C-1001"
        return
    low = column.minimum if column.minimum is not None else min(0.0, column.maximum or 0.0)
    high = column.maximum if column.maximum is not None else low + 100
    for share in (0.25, 0.0, 0.05, 0.1, 0.5, 0.75, 1.0):
        value = (1 - share) * low + share * high  # the width may be infinite
        if column.type == "integer":
            yield int(-(-value // 1))
        else:
            yield round(value, 2) if low <= round(value, 2) <= high else value
    if column.nullable:
        yield None
