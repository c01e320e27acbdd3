"""The publishing pipeline."""

from churn_pipeline.pipelines.publishing.pipeline import create_pipeline

__all__ = ["create_pipeline"]
