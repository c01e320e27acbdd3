"""The tuning pipeline."""

from churn_pipeline.pipelines.tuning.pipeline import create_pipeline

__all__ = ["create_pipeline"]
