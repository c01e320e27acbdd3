"""The ingestion pipeline."""

from churn_pipeline.pipelines.ingestion.pipeline import create_pipeline

__all__ = ["create_pipeline"]
