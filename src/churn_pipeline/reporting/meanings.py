"""What policies, assumptions and gates mean, in words for people."""

from churn_pipeline.evaluation.metric_definitions import gate_name as metric_gate_name

# of the fairness audit
GROUP_METRIC_NAMES = {
    "churn_rate": "Churn rate",
    "selection_rate": "Share contacted",
    "recall": "Recall",
    "precision": "Precision",
    "calibration_error": "Calibration error",
}

POLICY_NAMES = {
    "model": "contact by the model",
    "runner_up": "contact by the runner-up",
    "contact_everyone": "contact everyone",
    "contact_no_one": "contact no one",
    "random": "contact the same number at random",
}

# name in params.yaml → symbol of Verbraken et al. (2013), meaning
ASSUMPTIONS = {
    "customer_lifetime_value": ("CLV", "value of a customer who stays"),
    "incentive_cost": ("d", "cost of the offer, for each customer who accepts it"),
    "contact_cost": ("f", "cost of a contact"),
    "acceptance_alpha": ("α", "the share of contacted churners who accept the offer and stay, γ,"
                         " has the distribution Beta(α, β)"),
    "acceptance_beta": ("β", "the larger α + β, the less uncertain that share"),
}  # fmt: skip

AMOUNTS = frozenset({"customer_lifetime_value", "incentive_cost", "contact_cost"})  # of money

_OTHER_GATES = {
    "maximum_scoring_milliseconds": "milliseconds to score a customer, at most",
    "no_regression": "not worse than the model in use, beyond noise and a margin",
}


def gate_name(gate: str) -> str:
    """Return how a quality gate is called in texts for people."""
    return _OTHER_GATES.get(gate) or metric_gate_name(gate)
