"""The feature search pipeline."""

from churn_pipeline.pipelines.feature_search.pipeline import create_pipeline

__all__ = ["create_pipeline"]
