"""Nodes of the acceptance pipeline: what stops a run whose model is not good enough."""

from typing import Any

from churn_pipeline.packaging.verdict import passed_gates
from churn_pipeline.scorer import Bundle


def accept(
    gates: dict[str, Any], selection: dict[str, Any], scorer: Bundle, model_card_page: str
) -> dict[str, Any]:
    """Accept the champion if it passed every gate.

    Parameters
    ----------
    gates : dict
        See :func:`churn_pipeline.pipelines.evaluation.gates.check_gates`.
    selection : dict
        ``champion`` is used.
    scorer : Bundle
        The model, which the gates must be of.
    model_card_page : str
        Not read; a failing gate stops the run only once all that was measured is written.

    Returns
    -------
    dict
        ``champion`` (its candidate's name) and ``gates_passed`` (how many).

    Raises
    ------
    GateError
        If a gate failed, or the gates are of another model.
    """
    champion = selection["champion"]
    return {"champion": champion, "gates_passed": passed_gates(gates, scorer, champion)}
