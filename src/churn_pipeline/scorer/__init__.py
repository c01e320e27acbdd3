"""The shipped model: load a bundle, score and explain customers, with nothing but numpy and ONNX.

What was evaluated is what is served: evaluation, batch scoring and the service call this code.
"""

from churn_pipeline.scorer.bundle import Bundle, read_bundle
from churn_pipeline.scorer.decisions import Score, Tier
from churn_pipeline.scorer.explanation import Explanation, Reason
from churn_pipeline.scorer.model import Model
from churn_pipeline.scorer.records import Customer
from churn_pipeline.scorer.refusals import FieldError, InvalidRecord
from churn_pipeline.scorer.scorer import Scorer, load_scorer

__all__ = [
    "Bundle",
    "Customer",
    "Explanation",
    "FieldError",
    "InvalidRecord",
    "Model",
    "Reason",
    "Score",
    "Scorer",
    "Tier",
    "load_scorer",
    "read_bundle",
]
