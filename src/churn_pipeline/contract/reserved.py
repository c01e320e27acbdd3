"""Names that the project's own columns and fields have beside the id and the snapshot."""

_SCORE = (
    "churn_probability", "tier", "recommended_action", "contact", "expected_profit",
)  # fmt: skip
_REASONS = tuple(f"{part}_{rank}" for part in ("reason", "contribution") for rank in range(1, 11))
_EXPLANATION = ("log_odds", "base_log_odds", "contributions", "reasons")
_ANSWER = ("index", "errors", "model_version", "request_id")
_PREDICTIONS = (
    "churned", "runner_up_probability", "baseline_probability", "customer_lifetime_value",
    "contacted", "customer_number",
)  # fmt: skip
_SINKS = ("scoring_date", "feature_date", "contract_version")

KEY_NAMES = frozenset((*_SCORE, *_REASONS, *_EXPLANATION, *_ANSWER, *_PREDICTIONS, *_SINKS))
"""What neither the id nor the snapshot may be called: scores, reasons, answers of the service,
predictions and tables of a sink hold both under one roof. All other columns keep to themselves."""

QUARANTINE = "rejected_"
"""What no column may begin with: rejected rows are kept with all their columns."""


def why_reserved(name: str, is_key: bool) -> str | None:
    """Return why a column cannot have this name, as the end of a sentence; None where it can.

    Parameters
    ----------
    name : str
    is_key : bool
        Whether the column is the id or the snapshot.
    """
    if name.startswith(QUARANTINE):
        return "names that start with rejected_ are reserved for the quarantine"
    if is_key and name in KEY_NAMES:
        return "scores and answers already have a field of that name"
    return None
