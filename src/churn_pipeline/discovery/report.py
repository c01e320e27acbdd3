"""The report on an inference: every column, every decision, and what only the user can know."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from churn_pipeline.discovery.plan import Notes, Plan
from churn_pipeline.io.raw_table import RawTable
from churn_pipeline.reporting.templates import code_span, escape_markdown

_MOST_AT_ONCE = 7


def render_report(
    raw: RawTable,
    document: Mapping[str, Any],
    plans: Sequence[Plan],
    notes: Notes,
    positive: str,
    churn_rate: float,
) -> str:
    """Write what was inferred, as Markdown.

    Parameters
    ----------
    raw : RawTable
    document : mapping
        The contract.
    plans : sequence of Plan
    notes : Notes
    positive : str
        The value of the target that means churn.
    churn_rate : float
        Its share among the rows with a target.
    """
    name = document["name"]
    lines = [f"# What was inferred from {escape_markdown(raw.name)}", ""]
    lines.append(
        f"{len(raw.cells):,} rows of {raw.cells.shape[1]:,} columns form the data set "
        f"{code_span(name)}. {_decided(plans, positive, churn_rate)}"
    )
    lines += ["", "## Questions", ""]
    asked = [
        f"{number}. {escape_markdown(question.text)} → {_answer(question.answer)}"
        for number, question in enumerate(notes.ranked(), start=1)
    ]
    if asked:
        lines += [
            "What the table alone cannot answer, ordered by the cost of a wrong answer. Answer "
            "with the flag in `kedro contract infer … --force`, which replaces the contract and "
            f"loses your changes, or with the key in {code_span(f'conf/{name}/contract.yml')}.",
            "",
            *asked[:_MOST_AT_ONCE],
        ]
        if asked[_MOST_AT_ONCE:]:
            more = len(asked) - _MOST_AT_ONCE
            lines += ["", f"<details><summary>{more} more, of lower cost</summary>", ""]
            lines += [*asked[_MOST_AT_ONCE:], "", "</details>"]
    else:
        lines.append("There are none.")
    for title, texts in (("Warnings", notes.warnings), ("Hints", notes.hints)):
        if texts:
            lines += ["", f"## {title}", "", *(f"- {_with_code(text)}" for text in texts)]
    missing = [text for text in document["missing_values"] if text]
    lines += ["", "## Columns", ""]
    if missing:
        shown = ", ".join(map(code_span, missing))
        lines += [f"In addition to empty cells, these mean that a value is missing: {shown}.", ""]
    lines += ["| column | type | role | what was found | decision |", "|---|---|---|---|---|"]
    for plan in plans:
        cells = (
            code_span(plan.name), plan.keys["type"], ", ".join(plan.roles),
            escape_markdown(plan.found), escape_markdown(_decision(plan)),
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    if document["derived_columns"]:
        lines += [
            "",
            "## Derived columns",
            "",
            "| column | expression | meaning |",
            "|---|---|---|",
        ]
        for column, keys in document["derived_columns"].items():
            lines.append(
                f"| {code_span(column)} | {code_span(keys['expression'])} | "
                f"{escape_markdown(keys['meaning'])} |"
            )
    return "\n".join(lines) + "\n"


def _decided(plans: Sequence[Plan], positive: str, churn_rate: float) -> str:
    def named(role: str) -> list[str]:
        return [plan.name for plan in plans if role in plan.roles]

    target, ignored = named("target")[0], named("ignored")
    text = (
        f"{code_span(target)} is the target, {code_span(positive)} means churn "
        f"({churn_rate:.1%} of the customers). {code_span(named('id')[0])} identifies a customer"
    )
    if named("snapshot"):
        text += f", {code_span(named('snapshot')[0])} is the day that a row describes"
    text += f". The model sees {len(named('feature')):,} columns"
    if ignored:
        text += f"; {len(ignored):,} are ignored"
    return text + "."


def _answer(answer: str) -> str:
    """Return the answer; flags before two blanks, or all of it, are code that can be pasted."""
    if not answer.startswith("--"):
        return _with_code(answer)
    flags, _, rest = answer.partition("  ")
    return _pasted(flags) + (f" {_with_code(rest)}" if rest else "")


def _with_code(text: str) -> str:
    """Return a sentence in which what stands between backticks is code."""
    parts = text.split("`")
    return "".join(
        _pasted(part) if place % 2 and place < len(parts) - 1 else str(escape_markdown(part))
        for place, part in enumerate(parts)
    )


def _pasted(text: str) -> str:
    """Return a code span that holds the text letter by letter, outside of a table."""
    fence = "`" * (1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _decision(plan: Plan) -> str:
    keys = plan.keys
    parts = []
    if "minimum" in keys:
        parts.append(f"{keys['minimum']:,} to {keys['maximum']:,} {keys.get('unit', '')}".rstrip())
    if "values" in keys and not keys.get("open"):
        parts.append(f"{len(keys['values'])} values")
    if keys.get("spellings"):
        parts.append("spellings made one")
    if "formats" in keys:
        parts.append(f"written as {', '.join(keys['formats'])}")
    if "decimal" in keys or "thousands" in keys:
        parts.append(f"decimals after {keys.get('decimal', '.')!r}")
    if "strip" in keys:
        parts.append(f"without {', '.join(keys['strip'])}")
    if keys.get("nullable") and plan.roles != ["ignored"]:
        parts.append("may be missing")
    if plan.why:
        parts.append(plan.why)
    return "; ".join(parts)
