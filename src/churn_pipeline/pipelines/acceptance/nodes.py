"""Nodes of the acceptance pipeline: what stops a run whose model is not good enough."""

from collections.abc import Mapping
from typing import Any

from churn_pipeline.errors import GateError
from churn_pipeline.named_files import params_yaml


def accept(
    gates: dict[str, Any], selection: dict[str, Any], model_card_page: str
) -> dict[str, Any]:
    """Accept the champion if it passed every gate.

    Parameters
    ----------
    gates : dict
        See :func:`churn_pipeline.pipelines.evaluation.gates.check_gates`.
    selection : dict
        ``champion`` is used.
    model_card_page : str
        Not read; a failing gate stops the run only once all that was measured is written.

    Returns
    -------
    dict
        ``champion`` (its candidate's name) and ``gates_passed`` (how many).

    Raises
    ------
    GateError
        If a gate failed.
    """
    failed = [gate for gate in gates["gates"] if gate["passed"] is False]
    if not failed:
        passed = sum(gate["passed"] is True for gate in gates["gates"])
        return {"champion": selection["champion"], "gates_passed": passed}
    n = len(failed)
    again = (
        " (`dvc repro --force --single-item evaluation` measures and prints again)"
        if any(gate["value"] is None for gate in failed)
        else ""
    )
    raise GateError(
        f"the model ({selection['champion']}) is not accepted: it failed {n} "
        f"gate{'s' if n > 1 else ''}: {', '.join(map(_describe, failed))}{again}; "
        f"improve the model, or change the limits under gates in {params_yaml()} "
        "(null or false switches a gate off)"
    )


def _describe(gate: Mapping[str, Any]) -> str:
    name, limit, value = gate["gate"], gate["limit"], gate["value"]
    if limit is True:
        return f"{name} (the table of the evaluation says why)"
    side = "least" if name.startswith("minimum_") else "most"
    measured = "measured in the evaluation" if value is None else f"is {value:g}"
    return f"{name} ({measured}, must be at {side} {limit:g})"
