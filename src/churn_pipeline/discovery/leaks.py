"""Columns that tell what is known only after a customer has left."""

import numpy as np

from churn_pipeline.discovery import outcome_names
from churn_pipeline.discovery.descriptions import describe, plain
from churn_pipeline.discovery.evidence import Evidence
from churn_pipeline.discovery.plan import Cost, Notes, percent, quoted
from churn_pipeline.discovery.reading import MOST_LEVELS, Reading

_LEAK = 0.99
_SUSPECT = 0.95


def find_leak(reading: Reading, evidence: Evidence | None, notes: Notes) -> str | None:
    """Ask about a column that must be a leak and return the reason; None where it is none."""
    name = reading.name
    why = None
    if outcome_names.is_after_event(name):
        why = "its name refers to something that is known only after a customer left"
    elif evidence is None:
        return None
    elif _auc(evidence) >= _LEAK:
        why = (
            f"it alone predicts who left (held-out ROC-AUC {evidence.roc_auc:.3f}): the target in "
            "another form, or known only afterwards"
        )
    elif evidence.filled_churn is not None:
        why = (
            f"it is filled only for customers who {_did(evidence.filled_churn)} "
            f"({percent(_side(evidence.filled_churn))} of the filled)"
        )
    elif evidence.missing_churn is not None:
        why = (
            f"it is missing only for customers who {_did(evidence.missing_churn)} "
            f"({percent(_side(evidence.missing_churn))} of these)"
        )
    elif outcome_names.may_be_after_event(name) and _auc(evidence) >= _SUSPECT:
        why = (
            "its name may refer to something that is known only after a customer left, and its "
            f"held-out ROC-AUC of {_auc(evidence):.3f} agrees"
        )
    if why:
        notes.ask(
            f"Is {name} known before a customer leaves? It is left out: {why} "
            f"({_samples(reading)}).",
            f"--keep {quoted(name)}",
            Cost.LOST if outcome_names.is_after_event(name) else Cost.LEAK,
        )
    return why


def _did(rate: float) -> str:
    return "left" if rate > 0.5 else "stayed"


def _side(rate: float) -> float:
    return max(rate, 1 - rate)


def _samples(reading: Reading) -> str:
    found = describe(reading)
    return found if len(found) <= 100 else found[:99] + "…"


def _auc(evidence: Evidence) -> float:
    """Return the held-out ROC-AUC in whichever direction; 0.5 where it is not known."""
    auc = 0.5 if evidence.roc_auc is None else evidence.roc_auc
    return max(auc, 1 - auc)


def suspect(reading: Reading, evidence: Evidence, notes: Notes) -> None:
    """Ask about a column that may be a leak, but is kept."""
    name = reading.name
    answer = f"--drop {quoted(name)}  if it is not"
    if _auc(evidence) >= (0.9 if outcome_names.speaks_of_leaving(name) else _SUSPECT):
        notes.ask(
            f"Is {name} really known before a customer leaves? It alone reaches a held-out ROC-AUC "
            f"of {_auc(evidence):.3f} ({_samples(reading)}).",
            answer,
            Cost.LEAK,
        )
    elif outcome_names.may_be_after_event(name):
        notes.ask(
            f"Is {name} known before a customer leaves? Its name is ambiguous and nothing else "
            f"suggests otherwise, so it is kept ({_samples(reading)}).",
            answer,
            Cost.LEAK,
        )
    elif evidence.state is not None and _has_places(reading):
        state = evidence.state
        low, high = (_shown(reading, value) for value in (state.low, state.high))
        is_one = state.low == state.high
        shown = f"is {low}" if is_one else f"is from {low} to {high}"
        notes.ask(
            f"Of the {state.rows:,} customers whose {name} {shown}, {_side(state.churn_rate):.1%} "
            f"{_did(state.churn_rate)}: is that known before?",
            answer,
            Cost.LEAK,
        )


def _has_places(reading: Reading) -> bool:
    """Whether values of the evidence can be named: of very many texts they are mere numbers."""
    return reading.kind in ("number", "date") or len(reading.known) <= MOST_LEVELS


def _shown(reading: Reading, value: float) -> str:
    if reading.kind == "number":
        return f"{value:g}" if abs(value) < 1e6 else plain(value)
    if reading.kind == "date":
        return str(np.datetime64(int(value), "D"))
    return repr(reading.known.texts[int(value)])
