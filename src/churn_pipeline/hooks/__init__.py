"""Around a run: parameters are checked, progress is shown, results are logged to MLflow."""

from churn_pipeline.hooks.parameters import ParameterHooks
from churn_pipeline.hooks.progress import ProgressHooks
from churn_pipeline.hooks.staged_parts import StagedPartsHooks
from churn_pipeline.hooks.tracking import TrackingHooks

__all__ = ["ParameterHooks", "ProgressHooks", "StagedPartsHooks", "TrackingHooks"]
