"""What the quality gates said of the very model that is to be shipped."""

from collections.abc import Mapping
from typing import Any

from churn_pipeline.errors import GateError
from churn_pipeline.named_files import evaluate_again, params_yaml
from churn_pipeline.scorer import Bundle

PACKAGED = ("decisions.json", "description.json", "reference.json")
"""What the packaging adds to the files of the scorer."""


def passed_gates(gates: Mapping[str, Any], scorer: Bundle, candidate: str) -> int:
    """Return how many gates the model passed, in the evaluation that was the last one.

    Parameters
    ----------
    gates : mapping
        See :func:`churn_pipeline.pipelines.evaluation.gates.check_gates`.
    scorer : Bundle
        Of the export, or as it was packaged.
    candidate : str
        Its name, for the messages.

    Raises
    ------
    GateError
        If a gate failed, or the evaluation was of another model.
    """
    if gates.get("scorer") != scorer_of(scorer).version:
        raise GateError(
            f"gates.json is not of this model ({candidate}), which was exported after the last "
            "evaluation; run `dvc repro`, or `kedro run --pipelines "
            "evaluation,decisions,acceptance,packaging`"
        )
    failed = [gate for gate in gates["gates"] if gate["passed"] is False]
    if not failed:
        return sum(gate["passed"] is True for gate in gates["gates"])
    n = len(failed)
    again = (
        f" ({evaluate_again()} measures and prints again)"
        if any(gate["value"] is None for gate in failed)
        else ""
    )
    raise GateError(
        f"the model ({candidate}) is not accepted: it failed {n} "
        f"gate{'s' if n > 1 else ''}: {', '.join(map(_describe, failed))}{again}; "
        f"improve the model, or change the limits under gates in {params_yaml()} "
        "(null or false switches a gate off)"
    )


def scorer_of(bundle: Bundle) -> Bundle:
    """Return a bundle without what the packaging added: the scorer as the export made it."""
    return Bundle({name: data for name, data in bundle.files.items() if name not in PACKAGED})


def _describe(gate: Mapping[str, Any]) -> str:
    name, limit, value = gate["gate"], gate["limit"], gate["value"]
    if limit is True:
        return f"{name} (the table of the evaluation says why)"
    side = "least" if name.startswith("minimum_") else "most"
    measured = "measured in the evaluation" if value is None else f"is {value:g}"
    return f"{name} ({measured}, must be at {side} {limit:g})"
