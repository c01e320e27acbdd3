"""Compare the outputs of two runs byte by byte; say where inside a file the first difference is."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pyarrow.parquet
import yaml

_MOST_SHOWN = 60  # characters of a value


@dataclass(frozen=True)
class Difference:
    """Where two versions of a file first differ.

    Attributes
    ----------
    path : str
        The file, relative to both projects.
    place : str
        A key path of JSON, a row and column of a table, else a byte offset.
    """

    path: str
    place: str

    def __str__(self) -> str:
        """Return both as one phrase."""
        return f"{self.path}, {self.place}"


def outputs_of(project: Path) -> list[str]:
    """Return the outputs that a project's ``dvc.lock`` names, in the order of the stages."""
    stages = yaml.safe_load((project / "dvc.lock").read_text(encoding="utf-8"))["stages"]
    flow = yaml.safe_load((project / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    return [out["path"] for name in flow if name in stages for out in stages[name].get("outs", [])]


def files_of(project: Path, outputs: Iterable[str]) -> list[str]:
    """Return the files of outputs, which may be folders, relative to the project."""
    found: list[str] = []
    for output in outputs:
        path = project / output
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        found += [file.relative_to(project).as_posix() for file in files if not file.is_dir()]
    return found


def differences(one: Path, other: Path, files: Iterable[str]) -> Iterator[Difference]:
    """Yield a difference for each file that is not the same in both projects, in their order."""
    for name in files:
        if place := first_difference(one / name, other / name):
            yield Difference(name, place)


def first_difference(one: Path, other: Path) -> str | None:
    """Return where two files first differ, or None if every byte is the same."""
    present = [path.is_file() for path in (one, other)]
    if not all(present):
        return (
            ("only in the second" if present[1] else "only in the first")
            if any(present)
            else ("in neither")
        )
    first, second = one.read_bytes(), other.read_bytes()
    if first == second:
        return None
    compare = {".json": _in_json, ".csv": _in_csv, ".parquet": _in_parquet}.get(one.suffix)
    try:
        place = compare(first, second) if compare else None
    except (ValueError, OSError):  # not what the name says it is
        place = None
    return place or _at_byte(first, second)


def _in_json(first: bytes, second: bytes) -> str | None:
    return _in_value(json.loads(first), json.loads(second), "$")


def _in_value(first: Any, second: Any, path: str) -> str | None:
    if isinstance(first, dict) and isinstance(second, dict):
        for key in [*first, *(key for key in second if key not in first)]:
            if key not in first or key not in second:
                return f"key {path}.{key}: only in the {'first' if key in first else 'second'}"
            if place := _in_value(first[key], second[key], f"{path}.{key}"):
                return place
        return None
    if isinstance(first, list) and isinstance(second, list):
        for number, (a, b) in enumerate(zip(first, second, strict=False)):
            if place := _in_value(a, b, f"{path}[{number}]"):
                return place
        if len(first) != len(second):
            return f"key {path}: {len(first)} items, {len(second)} in the second"
        return None
    # 1 and True, 0.0 and -0.0 are equal, and not the same bytes
    return (
        None if json.dumps(first) == json.dumps(second) else f"key {path}: {_both(first, second)}"
    )


def _in_csv(first: bytes, second: bytes) -> str | None:
    tables = [list(csv.reader(io.StringIO(data.decode("utf-8")))) for data in (first, second)]
    header = tables[0][0] if tables[0] else []
    for number, (a, b) in enumerate(zip_longest(*tables)):
        if a is None or b is None:
            return f"row {number}: only in the {'second' if a is None else 'first'}"
        for place, (left, right) in enumerate(zip_longest(a, b)):
            if left != right:
                name = header[place] if place < len(header) else f"number {place + 1}"
                row = f"row {number}" if number else "the header"
                return f"{row}, column {name}: {_both(left, right)}"
    return None


def _in_parquet(first: bytes, second: bytes) -> str | None:
    one, other = (pyarrow.parquet.read_table(io.BytesIO(data)) for data in (first, second))
    if one.column_names != other.column_names:
        return f"columns: {_both(one.column_names, other.column_names)}"
    found: list[tuple[int, str, str]] = []
    for name in one.column_names:
        a, b = one[name].to_pylist(), other[name].to_pylist()
        rows = enumerate(zip_longest(a, b))
        row = next((row for row, (left, right) in rows if repr(left) != repr(right)), None)
        if row is not None:
            values = [column[row] if row < len(column) else None for column in (a, b)]
            found.append((row, name, _both(*values)))
    if not found:
        return None
    row, name, values_there = min(found, key=lambda place: place[0])
    return f"row {row + 1}, column {name}: {values_there}"


def _at_byte(first: bytes, second: bytes) -> str:
    pairs = enumerate(zip(first, second, strict=False))
    offset = next((place for place, (a, b) in pairs if a != b), min(len(first), len(second)))
    return f"byte {offset:,} ({len(first):,} bytes, {len(second):,} in the second)"


def _both(first: Any, second: Any) -> str:
    one, other = (str(value)[:_MOST_SHOWN] for value in (first, second))
    return f"{one}, {other} in the second"
