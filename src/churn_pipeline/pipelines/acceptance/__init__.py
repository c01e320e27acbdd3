"""The acceptance pipeline."""

from churn_pipeline.pipelines.acceptance.pipeline import create_pipeline

__all__ = ["create_pipeline"]
