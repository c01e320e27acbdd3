"""The features pipeline."""

from churn_pipeline.pipelines.features.pipeline import create_pipeline

__all__ = ["create_pipeline"]
