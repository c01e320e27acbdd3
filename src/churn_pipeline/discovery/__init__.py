"""Inference of a data contract from an undescribed customer table."""

from churn_pipeline.discovery.hints import Hints
from churn_pipeline.discovery.inference import Inference, infer_contract

__all__ = ["Hints", "Inference", "infer_contract"]
