"""What a reader must know before relying on the model: short warnings, each with its section.

To add one, write a function that yields sentences and list it in :data:`CHECKS`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from churn_pipeline.evaluation.metric_definitions import CALIBRATION, METRIC_GATES, METRICS
from churn_pipeline.reporting import formats

FEW_CHURNERS = 100  # on the test set, below which most intervals are too wide to decide by
TOO_FEW_CHURNERS = 20  # below which no figure tells a good model from a bad one
MANY_REJECTED = 0.01  # of the rows
SIMULATED = "simulated.csv"  # what the simulation writes

CALIBRATION_GATES = {
    gate for gate, metric in METRIC_GATES.items() if METRICS[metric].ideal is not None
}

Outputs = Mapping[str, Any]
Check = Callable[[Outputs], Iterator[str]]


@dataclass(frozen=True)
class Finding:
    """A short warning and the section of the model card that says more."""

    text: str
    section: str


def find(outputs: Outputs) -> list[Finding]:
    """Return the findings, those that weigh most first.

    Parameters
    ----------
    outputs : mapping
        ``gates``, ``economics``, ``fairness``, ``data_quality``, ``split_record``: the outputs of
        the nodes of these names; ``churners``: how many test customers churned.
    """
    return [Finding(text, section) for section, check in CHECKS for text in check(outputs)]


def undecided_gates(gates: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the gates on metrics that too few test customers leave open."""
    return [g["gate"] for g in gates if g["passed"] is None and g["gate"] in METRIC_GATES]


def _gates(outputs: Outputs) -> Iterator[str]:
    gates = outputs["gates"]["gates"]
    failed = [gate["gate"] for gate in gates if gate["passed"] is False]
    judged = [gate for gate in gates if gate["passed"] is not None]
    if failed:
        yield f"{len(failed)} of {len(judged)} quality gates failed: {', '.join(failed)}."
    if not gates:
        yield "All quality gates are switched off."
    if undecided := undecided_gates(gates):
        yield f"The test set cannot tell whether {_listed(undecided)} is met."
    if gates and not CALIBRATION_GATES & {gate["gate"] for gate in gates}:
        yield (
            "No gate limits the calibration slope or intercept: the probabilities, and so the "
            "decisions, may be wrong without a failed gate."
        )


def _beyond_validation(outputs: Outputs) -> Iterator[str]:
    yield from outputs["gates"].get("findings", ())


def _of_the_table(outputs: Outputs) -> Iterator[str]:
    quality = outputs["data_quality"]
    if pending := quality.get("rows_pending"):
        yield (
            f"{pending:,} of {quality['rows_read']:,} rows are set aside: it is too early to know "
            "the outcomes of their snapshots."
        )
    yield from quality.get("findings", ())


def _simulated(outputs: Outputs) -> Iterator[str]:
    if outputs["data_quality"]["source"]["name"] == SIMULATED:
        yield (
            "The customers were drawn by the project's simulator. The figures show that the "
            "pipeline works; they say nothing about the customers of a company."
        )


def _few_churners(outputs: Outputs) -> Iterator[str]:
    churners = outputs["churners"]
    who = "1 test customer" if churners == 1 else f"{churners:,} test customers"
    if churners < TOO_FEW_CHURNERS:
        yield f"Only {who} churned: too few to judge the model, whose figures may be far off."
    elif churners < FEW_CHURNERS:
        yield f"Only {who} churned, so the intervals are wide; {FEW_CHURNERS} or more are better."


def _profit(outputs: Outputs) -> Iterator[str]:
    policies = outputs["economics"]["policies"]
    model = policies["model"]
    if model["contacted_share"] == 0:
        yield "At the assumed costs it pays to contact nobody."
    elif model["profit_per_customer"]["low"] <= 0:
        yield "The profit may be zero or a loss: its interval is not entirely above 0."
    elif policies["contact_everyone"]["difference_to_model"]["low"] <= 0:
        yield "The model may earn no more than contacting everyone: the difference is within noise."


def _fairness(outputs: Outputs) -> Iterator[str]:
    fairness = outputs["fairness"]
    if not fairness["columns"]:
        yield "Fairness was not audited: the contract marks no column as sensitive."
    beyond = [
        entry
        for entry in fairness["differences"]
        if entry["beyond_noise"] and entry["metric"] == CALIBRATION
    ]
    if beyond:
        columns = sorted({entry["column"] for entry in beyond})
        noun = "difference" if len(beyond) == 1 else "differences"
        yield (
            f"The probabilities are off for groups of {_listed(columns)}: "
            f"{len(beyond)} {noun} beyond noise."
        )


def _time(outputs: Outputs) -> Iterator[str]:
    yield from outputs["split_record"]["notes"]


def _rejected(outputs: Outputs) -> Iterator[str]:
    data = outputs["data_quality"]
    if data["rejected_share"] > MANY_REJECTED:
        rows, share = formats.count(data["rows_rejected"]), formats.percent(data["rejected_share"])
        yield f"{rows} rows ({share}) break the data contract and were left out."


def _listed(names: list[str], most: int = 3) -> str:
    shown = names
    if len(names) > most:
        shown = [*names[: most - 1], f"{len(names) - most + 1} others"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


# section of the card → what to look for, in order of weight
CHECKS: tuple[tuple[str, Check], ...] = (
    ("Quality gates", _gates),
    ("Test metrics", _beyond_validation),
    ("Data", _of_the_table),
    ("Data", _simulated),
    ("Decisions", _profit),
    ("Test metrics", _few_churners),
    ("Over time", _time),
    ("Fairness", _fairness),
    ("Data", _rejected),
)
