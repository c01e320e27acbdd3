"""The simulation pipeline."""

from churn_pipeline.pipelines.simulation.pipeline import create_pipeline

__all__ = ["create_pipeline"]
