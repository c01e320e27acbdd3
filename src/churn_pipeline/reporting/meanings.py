"""What metrics and policies mean, in words for people."""

METRIC_MEANINGS = {
    "roc_auc": "probability that a churner ranks above another customer; guessing gives 0.5",
    "average_precision": "mean precision over the ranking; guessing gives the churn rate",
    "log_loss": "how far the probabilities are from the outcomes; lower is better",
    "brier_score": "mean squared error of the probabilities; lower is better",
    "expected_calibration_error": "mean gap between probability and churn rate; lower is better",
    "accuracy": "share of customers who were contacted and churned, or not contacted and stayed",
    "precision": "share of the contacted customers who churned",
    "recall": "share of the churners who are contacted",
    "f1": "harmonic mean of precision and recall",
    "recall_at_top": "share of the churners who are in the riskiest part",
    "lift_at_top": "churn rate of the riskiest part over that of all customers",
}

SHARES = frozenset({"accuracy", "precision", "recall", "recall_at_top"})  # shown as percentages

POLICY_NAMES = {
    "model": "contact by the model",
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

GATES = {
    "minimum_roc_auc": "ROC-AUC, at least",
    "minimum_average_precision": "average precision, at least",
    "maximum_log_loss": "log loss, at most",
    "maximum_expected_calibration_error": "expected calibration error, at most",
    "maximum_scoring_milliseconds": "milliseconds to score a customer, at most",
    "no_regression": "not worse than the model in use, beyond noise and a margin",
}
