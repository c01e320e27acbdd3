"""A contract as YAML for people: the style of the project's own contracts, with comments."""

import json
import re
import textwrap
from collections.abc import Mapping
from typing import Any

import yaml

from churn_pipeline.errors import ContractError

_WIDTH = 100
_SENTENCES = ("name", "description", "meaning", "type", "role", "expression", "unit")
_PLAIN_TEXT = re.compile(r"[A-Za-z][A-Za-z0-9_ ,.()'/*+-]*(?<! )")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, if built
_PLAIN_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]*( [A-Za-z0-9_]+)*")
_NO_TEXT = {"y", "yes", "n", "no", "true", "false", "on", "off", "null"}  # to YAML 1.1
_HEAD = """\
# The data contract of {name}, inferred from the table; {report} gives the reasons.
# You can edit it: `docs/contract.md` describes the language, `kedro contract check --env {name}`
# reports how many rows it would reject.

"""


def contract_text(document: Mapping[str, Any], comments: Mapping[str, str]) -> str:
    """Write a contract as YAML.

    Parameters
    ----------
    document : mapping
        The contract.
    comments : mapping of str to str
        What to say above a column.

    Returns
    -------
    str
        Loading it gives ``document`` again.
    """
    lines = [_HEAD.format(name=document["name"], report="inference.md")]
    lines.append(_entry("name", document["name"], 0))
    lines.append(_entry("description", document["description"], 0) + "\n")
    if "file" in document:
        lines.append("# layout of the files, where it cannot be detected\n")
        lines.append(_entry("file", document["file"], 0) + "\n")
    lines.append('# read as "missing" in every column, after trimming blanks\n')
    lines.append(_entry("missing_values", document["missing_values"], 0))
    lines.append("\ncolumns:\n")
    for name, keys in document["columns"].items():
        if name in comments:
            lines.append(_comment(comments[name], 2))
        lines.append(f"  {_key(name)}:\n")
        lines += [_entry(key, value, 4) for key, value in keys.items()]
    for section in ("row_rules", "derived_columns"):
        content = document[section]
        lines.append(f"\n{section}:{'' if content else ' {}'}\n")
        for name, keys in content.items():
            lines.append(f"  {_key(name)}:\n")
            lines += [_entry(key, value, 4) for key, value in keys.items()]
    text = "".join(lines)
    if yaml.load(text, Loader=_LOADER) != document:
        raise ContractError(
            f"the contract of {document['name']} cannot be written as YAML: a column or a value "
            "has characters that YAML cannot represent; rename it in the file"
        )
    return text


def _comment(text: str, indent: int) -> str:
    prefix = " " * indent + "# "
    printable = "".join(c if c.isprintable() else " " for c in text)
    return "".join(
        f"{prefix}{line}\n" for line in textwrap.wrap(printable, _WIDTH - len(prefix)) or [""]
    )


def _entry(key: str, value: Any, indent: int) -> str:
    pad = " " * indent
    if isinstance(value, Mapping):
        return f"{pad}{key}:\n" + "".join(
            _entry(_scalar(name), inner, indent + 2) for name, inner in value.items()
        )
    if not isinstance(value, list):
        return f"{pad}{key}: {_scalar(value, key in _SENTENCES)}\n"
    quoted = [_scalar(item, key == "role" and _is_plain(item)) for item in value]
    line = f"{pad}{key}: [{', '.join(quoted)}]\n"
    if len(line) <= _WIDTH + 1 or not quoted:
        return line
    if len(quoted) <= 12:
        return f"{pad}{key}:\n" + "".join(f"{pad}  - {item}\n" for item in quoted)
    rows, row = [], ""
    for item in quoted:
        if row and len(pad) + len(row) + len(item) + 4 > _WIDTH:
            rows.append(row)
            row = ""
        row += f"{item}, "
    rows.append(row.removesuffix(", "))
    body = "".join(f"{pad}  {row.rstrip()}\n" for row in rows)
    return f"{pad}{key}: [\n{body}{pad}]\n"


def _key(name: str) -> str:
    return name if _is_plain(name) else _scalar(name)


def _scalar(value: Any, may_be_plain: bool = False) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        text = repr(value)
        # YAML 1.1 reads 1e+22 as a text
        return text if "." in text else text.replace("e", ".0e")
    if may_be_plain and _PLAIN_TEXT.fullmatch(value) and value.lower() not in _NO_TEXT:
        return str(value)
    return _quoted(value)


def _is_plain(text: str) -> bool:
    return bool(_PLAIN_KEY.fullmatch(text)) and text.lower() not in _NO_TEXT


def _quoted(text: str) -> str:
    """Write a text in double quotes, what does not print as escapes."""
    parts = []
    for character in text:
        code = ord(character)
        if character in '"\\':
            parts.append(f"\\{character}")
        elif character.isprintable() and character != "\ufeff":
            parts.append(character)
        elif code < 0x20 or code == 0x7F:
            parts.append(json.dumps(character)[1:-1] if code != 0x7F else "\\x7f")
        else:
            parts.append(f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")
    return f'"{"".join(parts)}"'
