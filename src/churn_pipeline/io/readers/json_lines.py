"""JSON lines: an object a line, its keys the columns."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from churn_pipeline.contract.file_format import UNKNOWN, FileFormat
from churn_pipeline.errors import DataError
from churn_pipeline.io.readers.contents import Contents, Pieces, malformed_rows
from churn_pipeline.io.readers.encoding import find_encoding
from churn_pipeline.io.readers.opening import open_bytes
from churn_pipeline.progress import Progress

_ROWS_A_PIECE = 20_000
_NAN = "\0"  # no text of JSON is this


class _TwiceError(ValueError):
    pass


def read_json_lines(path: Path, given: FileFormat = UNKNOWN) -> Contents:
    """Read a ``.jsonl`` or ``.ndjson`` file; the columns are all keys, in the order they appear.

    Numbers stay as they are spelt, ``true`` and ``false`` become ``True`` and ``False``, and
    ``null``, NaN and absent keys an empty text; lists and objects are their JSON.

    Raises
    ------
    DataError
        If no line is a JSON object.
    """
    encoding = find_encoding(path, given.encoding).name
    names: dict[str, None] = {}
    rows: list[dict[str, Any]] = []
    pieces: list[tuple[int, list[pa.Array]]] = []
    lines: list[int] = []
    bad: list[tuple[int, str, str]] = []
    with open_bytes(path) as file, Progress("read", None) as progress:
        # only newlines end a line of JSON
        text = io.TextIOWrapper(file, encoding, newline="\n")
        for number, line in enumerate(text, start=1):
            if not line.strip():
                continue
            try:
                row = _DECODER.decode(line)
            except ValueError as error:
                bad.append((number, line.rstrip("\r\n"), _reason(error)))
                continue
            except RecursionError:
                bad.append((number, line.rstrip("\r\n"), "nested too deeply."))
                continue
            if not isinstance(row, dict):
                bad.append((number, line.rstrip("\r\n"), "no JSON object."))
                continue
            rows.append(row)
            lines.append(number)
            if len(rows) == _ROWS_A_PIECE:
                pieces.append(_columns(rows, names))
                progress.advance(len(rows))
                rows = []
    pieces.append(_columns(rows, names))
    if not lines and bad:
        raise DataError(
            f"{path.name} has no line that is a JSON object (line {bad[0][0]}: {bad[0][2]} "
            "JSON Lines files have one object per line, such as "
            '{"id": "A1", "months": 12})'
        )
    whole = Pieces(len(names))
    for n_rows, columns in pieces:  # keys that turned up later are missing before
        absent = pa.repeat(pa.scalar("", pa.large_string()), n_rows)
        whole.add(columns + [absent] * (len(names) - len(columns)))
    del pieces
    numbers, texts, reasons = (list(part) for part in zip(*bad, strict=True)) if bad else ([],) * 3
    ones = np.ones(len(bad), dtype=np.int64)
    return Contents(
        whole.frame(names),
        np.array(lines, dtype=np.int64),
        np.ones(len(lines), dtype=np.int64),
        malformed_rows(numbers, ones, texts, [0] * len(bad), reasons),
        encoding,
    )


def _columns(rows: list[dict[str, Any]], names: dict[str, None]) -> tuple[int, list[pa.Array]]:
    for row in rows:
        if row.keys() - names.keys():
            names |= dict.fromkeys(row)
    return len(rows), [
        pa.array([_text(row.get(name)) for row in rows], pa.large_string()) for name in names
    ]


def _text(value: Any) -> str:
    if isinstance(value, str):
        return "" if value == _NAN else value
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value)
    return json.dumps(value, ensure_ascii=False).replace(json.dumps(_NAN), "null")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object; unlike Python's, JSON's may have a key twice."""
    row = dict(pairs)
    if len(row) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise _TwiceError(f"the key {twice!r} is in it twice.")
    return row


def _reason(error: ValueError) -> str:
    return str(error) if isinstance(error, _TwiceError) else "no JSON object."


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=str,
    parse_float=str,
    parse_constant=lambda name: _NAN if name == "NaN" else name,
)
