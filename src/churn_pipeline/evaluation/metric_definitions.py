"""The metrics of the test set: what they are called, what they mean, how gates limit them.

:mod:`churn_pipeline.evaluation.metrics` computes them.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """What people are told about a metric.

    Attributes
    ----------
    name : str
        As in the middle of a sentence.
    meaning : str
    is_loss : bool
        Whether lower is better.
    ideal : float or None
        The value of perfect probabilities where both more and less are worse, else None.
    is_noisy : bool
        Whether noise alone moves it by as much as matters: gates refuse only where its whole
        interval is beyond the limit, and do not judge where the limit lies within.
    is_share : bool
        Whether it is shown as a percentage.
    is_of_decision : bool
        Whether it depends on who is contacted. The gates do not: they judge the probabilities.
    lowest, highest : float or None
        Between which it lies; None where it has no bound.
    """

    name: str
    meaning: str
    is_loss: bool = False
    ideal: float | None = None
    is_noisy: bool = False
    is_share: bool = False
    is_of_decision: bool = False
    lowest: float | None = 0.0
    highest: float | None = 1.0

    @property
    def title(self) -> str:
        """The name at the beginning of a line."""
        return self.name[0].upper() + self.name[1:]


METRICS = {
    "roc_auc": Metric(
        "ROC-AUC", "probability that a churner ranks above another customer; guessing gives 0.5"
    ),
    "average_precision": Metric(
        "average precision", "mean precision over the ranking; guessing gives the churn rate"
    ),
    "log_loss": Metric(
        "log loss",
        "how far the probabilities are from the outcomes",
        is_loss=True,
        highest=None,
    ),
    "brier_score": Metric("Brier score", "mean squared error of the probabilities", is_loss=True),
    "expected_calibration_error": Metric(
        "expected calibration error",
        "mean gap between probability and churn rate",
        is_loss=True,
        is_noisy=True,
    ),
    "calibration_slope": Metric(
        "calibration slope",
        "how the outcomes follow the log-odds; below 1 the probabilities are too extreme, above 1 "
        "too cautious",
        ideal=1.0,
        is_noisy=True,
        lowest=None,
        highest=None,
    ),
    "calibration_intercept": Metric(
        "calibration intercept",
        "by how much churn is underestimated overall, in log-odds; below 0 it is overestimated",
        ideal=0.0,
        is_noisy=True,
        lowest=None,
        highest=None,
    ),
    "accuracy": Metric(
        "accuracy of the decision",
        "share of customers who were contacted and churned, or not contacted and stayed",
        is_share=True,
        is_of_decision=True,
    ),
    "precision": Metric(
        "precision of the decision",
        "share of the contacted customers who churned",
        is_share=True,
        is_of_decision=True,
    ),
    "recall": Metric(
        "recall of the decision",
        "share of the churners who are contacted",
        is_share=True,
        is_of_decision=True,
    ),
    "f1": Metric(
        "F1 of the decision", "harmonic mean of precision and recall", is_of_decision=True
    ),
    "recall_at_top": Metric(
        "recall in the top", "share of the churners who are in the riskiest part", is_share=True
    ),
    "lift_at_top": Metric(
        "lift in the top",
        "churn rate of the riskiest part over that of all customers",
        highest=None,
    ),
}
"""By their keys in ``metrics.json``, in the order in which they are shown."""

CALIBRATION = "calibration_error"
"""The metric of a group of customers that says whether the probabilities are right about them."""

_OF_PROBABILITIES = {key: metric for key, metric in METRICS.items() if not metric.is_of_decision}

_MINIMUM = "minimum_"

METRIC_GATES = {
    **{f"{_MINIMUM}{key}": key for key, m in _OF_PROBABILITIES.items() if not m.is_loss},
    **{
        f"maximum_{key}": key
        for key, m in _OF_PROBABILITIES.items()
        if m.is_loss or m.ideal is not None
    },
}
"""Gate, as ``params.yaml`` calls it → the metric that it limits."""


def is_minimum(gate: str) -> bool:
    """Whether the gate on a metric asks for at least its limit."""
    return gate.startswith(_MINIMUM)


def gate_name(gate: str) -> str:
    """Return how people call the gate on a metric, such as ``log loss, at most``."""
    return f"{METRICS[METRIC_GATES[gate]].name}, at {'least' if is_minimum(gate) else 'most'}"
