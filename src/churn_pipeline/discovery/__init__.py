"""Inference of a data contract from a customer table that nobody has described yet."""

from churn_pipeline.discovery.hints import Hints
from churn_pipeline.discovery.inference import Inference, infer_contract

__all__ = ["Hints", "Inference", "infer_contract"]
