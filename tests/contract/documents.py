"""A small contract as its file holds it, and how to change it."""

from __future__ import annotations

import copy
from typing import Any

DOCUMENT: dict[str, Any] = {
    "name": "small",
    "missing_values": ["", "NA"],
    "columns": {
        "key": {"type": "text", "role": "id", "meaning": "m"},
        "left": {
            "type": "category",
            "role": "target",
            "values": ["n", "y"],
            "positive": "y",
            "meaning": "m",
        },
        "plan": {"type": "category", "values": ["a", "b"], "meaning": "m"},
        "age": {"type": "integer", "minimum": 0, "maximum": 9, "nullable": True, "meaning": "m"},
        "fee": {"type": "number", "role": ["feature", "sensitive"], "unit": "€", "meaning": "m"},
        "note": {"type": "text", "role": "ignored", "meaning": "m"},
    },
    "row_rules": {"cheap": {"check": "plan != 'a' or fee < 5", "meaning": "m"}},
    "derived_columns": {"ratio": {"expression": "fee / age", "unit": "€", "meaning": "m"}},
}
DELETE = object()


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return the document with another value at a path, or without its key for ``DELETE``."""
    document = copy.deepcopy(DOCUMENT)
    *parents, last = path.split("/")
    section = document
    for key in parents:
        section = section[key]
    if value is DELETE:
        del section[last]
    else:
        section[last] = value
    return document
