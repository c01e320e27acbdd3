"""The packaging pipeline."""

from churn_pipeline.pipelines.packaging.pipeline import create_pipeline

__all__ = ["create_pipeline"]
