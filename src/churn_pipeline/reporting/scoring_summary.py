"""The closing words of a scoring run in the terminal."""

import textwrap
from collections.abc import Mapping
from typing import Any

_WIDTH = 100
_LABEL = 11


def summarise_scoring(report: Mapping[str, Any], folder: str) -> str:
    """Say who was scored, from where and as of when, who was not, and why.

    Parameters
    ----------
    report : mapping
        See :func:`churn_pipeline.pipelines.scoring.report.report_scoring`.
    folder : str
        Of the data set's files.
    """
    outputs = f"{folder}/07_model_output"
    rows, source, model = report["rows"], report["source"], report["model"]
    trained = f", which was trained on {model['trained_on']}" if model["trained_on"] else ""
    lines = _beside(
        "Scored",
        f"{rows['scored']:,} rows of {source['name']}{_as_of(report)} by model "
        f"{model['version']}{trained}, into {outputs}/scores.csv",
        f"{report['contacted']:,} are worth contacting, with a total expected profit of "
        f"{report['expected_profit']:,.0f}",
    )
    why = []
    if rows["left"]:
        why.append(f"{rows['left']:,} of customers who have left, according to {report['target']}")
    if rows["absent"]:
        why.append(f"{rows['absent']:,} of customers with no row in the latest period")
    if rows["earlier"]:
        why.append(f"{rows['earlier']:,} earlier ones of customers with a later row")
    if why:
        lines += _beside("Not scored", "; ".join(why) + f": {outputs}/not_scored.parquet")
    if rows["rejected"]:
        lines += _beside(
            "Rejected",
            f"{rows['rejected']:,} rows that break the contract: "
            f"{outputs}/rejected_to_score.parquet",
        )
    outcome = report["outcome"]
    if outcome is not None:
        lines += _beside(
            "Outcome",
            f"open for {outcome['open'] + outcome['unreadable']:,} of the rows scored, "
            f"{outcome['stayed']:,} are known to have stayed",
        )
        if outcome["unreadable"]:
            lines += _beside(
                "",
                f"{report['target']} of {outcome['unreadable']:,} rows is not a value of the "
                "contract, so their outcome is treated as open",
            )
    if source["is_training_file"]:
        lines += _beside(
            "Note",
            f"{source['name']} is the file that the model was trained on: the scores of its "
            "training customers are too good",
        )
    return "\n".join(lines)


def _as_of(report: Mapping[str, Any]) -> str:
    days = report["snapshot"]
    if days is None:
        return f" as of {report['date']}" if report["date"] else ""
    if days["first"] == days["last"]:
        return f" as of {days['last']}"
    return f" as of {days['first']} to {days['last']}"


def _beside(label: str, *sentences: str) -> list[str]:
    """Return sentences beside a label, which only the first carries."""
    lines = []
    for place, sentence in enumerate(sentences):
        lines += textwrap.wrap(
            sentence,
            _WIDTH,
            initial_indent=f"{'' if place else label:<{_LABEL}}",
            subsequent_indent=" " * _LABEL,
            break_on_hyphens=False,
            break_long_words=False,
        )
    return lines
