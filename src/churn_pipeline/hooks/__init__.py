"""What happens around a run: parameters are checked, progress is told, MLflow mirrors."""

from churn_pipeline.hooks.parameters import ParameterHooks
from churn_pipeline.hooks.progress import ProgressHooks
from churn_pipeline.hooks.tracking import TrackingHooks

__all__ = ["ParameterHooks", "ProgressHooks", "TrackingHooks"]
