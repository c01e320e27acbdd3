"""The JSON Schema of a customer's record, made from the contract.

A record that its schema accepts is one that the service scores, and the other way round; only the
contract's conditions across fields, which JSON Schema cannot say, stand in the description.
"""

import re
from collections.abc import Sequence
from typing import Any

from churn_pipeline.contract import Column
from churn_pipeline.contract.limits import LARGEST_NUMBER
from churn_pipeline.scorer.refusals import MAX_TEXT
from churn_pipeline.serving.settings import UnseenCategory

Schema = dict[str, Any]

_LARGEST_INTEGER = 2.0**53 - 1
_MOST_EXAMPLES = 20
# days of the Gregorian calendar, since validators need not look at a format
_YEAR = "(000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})"
_DAY_OF_MONTH = (
    "((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)"
    "|02-(0[1-9]|1[0-9]|2[0-8]))"
)
_BY_FOUR = "(0[48]|[2468][048]|[13579][26])"
_DAY = f"^({_YEAR}-{_DAY_OF_MONTH}|([0-9]{{2}}{_BY_FOUR}|{_BY_FOUR}00)-02-29)$"
# what Python strips from a text; to ECMA-262 other characters are \s
BLANK = r"\t-\r\u001c- \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
"""Characters of a text that count as blanks, for a character class of a pattern."""
_SYNTAX = re.compile(r"[\\^$.*+?()\[\]{}|/]")  # what a regular expression of ECMA-262 escapes


def record_schema(
    columns: Sequence[Column],
    identifier: str,
    missing_values: Sequence[str],
    unseen_category: UnseenCategory,
) -> Schema:
    """Return the JSON Schema of one customer.

    Parameters
    ----------
    columns : sequence of Column
        The fields of a request.
    identifier : str
        Name of the id among them.
    missing_values : sequence of str
        Texts that an id cannot be, since they mean "missing".
    unseen_category : {"refuse", "missing"}
        With ``missing`` a category may be any text.
    """
    return {
        "type": "object",
        "properties": {
            column.name: _text(column, missing_values)
            if column.type == "text"
            else _field(column, "refuse" if column.name == identifier else unseen_category)
            for column in columns
        },
        "required": [column.name for column in columns if not column.nullable],
        "additionalProperties": False,
    }


def _text(column: Column, missing_values: Sequence[str]) -> Schema:
    schema: Schema = {
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_TEXT,
        "pattern": f"[^{BLANK}]",
        "description": column.meaning,
    }
    spelled = [_SYNTAX.sub(r"\\\g<0>", value) for value in missing_values if value.strip()]
    if spelled:
        schema["not"] = {"pattern": f"^[{BLANK}]*({'|'.join(spelled)})[{BLANK}]*$"}
    return schema


def _field(column: Column, unseen_category: str) -> Schema:
    schema: Schema = {"description": _meaning(column)}
    if column.is_numeric:
        schema["type"] = column.type
        # beyond this, neighbouring integers are one float64
        limit = _LARGEST_INTEGER if column.type == "integer" else LARGEST_NUMBER
        least, most = max(-limit, column.lowest), min(limit, column.highest)
        schema |= {"minimum": _whole(least), "maximum": _whole(most)}
    elif column.is_date:
        schema |= {"type": "string", "format": "date", "pattern": _DAY}
    else:
        schema["type"] = "string"
        if unseen_category == "refuse" and not column.is_open:
            schema["enum"] = list(column.values)
        else:
            schema["examples"] = list(column.values[:_MOST_EXAMPLES])
    if column.nullable:
        schema["type"] = [schema["type"], "null"]
        if "enum" in schema:
            schema["enum"].append(None)
    return schema


def _whole(number: float) -> float:
    """Return whole numbers as integers, as far as those are read exactly."""
    return int(number) if abs(number) <= _LARGEST_INTEGER and number == int(number) else number


def _meaning(column: Column) -> str:
    parts = [column.meaning]
    if column.unit:
        parts.append(f"Unit: {column.unit}.")
    if column.is_open:
        parts.append("Any other text than those known counts as missing.")
    return " ".join(parts)
