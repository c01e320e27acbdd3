"""The report on an inference: every column, every decision, and what only the user can know."""

from collections.abc import Mapping, Sequence
from typing import Any

from churn_pipeline.inference.plan import Notes, Plan
from churn_pipeline.io.raw_table import RawTable
from churn_pipeline.reporting.templates import code_span, escape_markdown


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
    lines = [f"# What was inferred of {escape_markdown(raw.name)}", ""]
    lines.append(
        f"{len(raw.cells):,} rows of {raw.cells.shape[1]:,} columns make the data set "
        f"{code_span(name)}. {_decided(plans, positive, churn_rate)}"
    )
    lines += ["", "## Questions", ""]
    if notes.questions:
        lines += [
            "What the table alone does not tell. Answer by the flag in `kedro contract infer … "
            "--force`, which writes the contract anew and keeps nothing of it, or by the key in "
            f"{code_span(f'conf/{name}/contract.yml')}.",
            "",
        ]
        for number, question in enumerate(notes.questions, start=1):
            lines.append(f"{number}. {escape_markdown(question.text)} → {_answer(question.answer)}")
    else:
        lines.append("There are none.")
    lines += ["", "## Warnings", ""]
    lines += [f"- {escape_markdown(text)}" for text in notes.warnings] or ["There are none."]
    missing = [text for text in document["missing_values"] if text]
    lines += ["", "## Columns", ""]
    if missing:
        shown = ", ".join(map(code_span, missing))
        lines += [f"Besides empty cells, these mean that a value is missing: {shown}.", ""]
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
        text += f"; {len(ignored):,} are left alone"
    return text + "."


def _answer(answer: str) -> str:
    return (
        code_span(answer)
        if answer.startswith("--") and "(" not in answer
        else str(escape_markdown(answer.replace("`", "")))
    )


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
