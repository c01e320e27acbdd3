"""The decisions pipeline."""

from churn_pipeline.pipelines.decisions.pipeline import create_pipeline

__all__ = ["create_pipeline"]
