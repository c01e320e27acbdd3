"""Kedro's project settings."""

import churn_pipeline_startup

churn_pipeline_startup.init()  # for sessions that no `kedro` command started

from churn_pipeline.datasets.config_loader import DatasetConfigLoader  # noqa: E402
from churn_pipeline.hooks import (  # noqa: E402
    ParameterHooks,
    ProgressHooks,
    StagedPartsHooks,
    TrackingHooks,
)
from churn_pipeline.locking.sessions import guard_sessions  # noqa: E402
from churn_pipeline.tracking.mlflow_run import mlflow_run_id, mlflow_run_name  # noqa: E402
from churn_pipeline.tracking.store import (  # noqa: E402
    mlflow_artifact_location,
    mlflow_tracking_uri,
)

guard_sessions()

HOOKS = (ParameterHooks(), ProgressHooks(), StagedPartsHooks(), TrackingHooks())
DISABLE_HOOKS_FOR_PLUGINS = (
    "kedro-mlflow",
    "kedro_mlflow",
)  # TrackingHooks calls them, see docs/adr/0027

CONFIG_LOADER_CLASS = DatasetConfigLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    # experiments of `dvc exp run --temp` and `--queue` live under .dvc/tmp
    "ignore_hidden": False,
    "custom_resolvers": {
        "mlflow_artifact_location": mlflow_artifact_location,
        "mlflow_run_id": mlflow_run_id,
        "mlflow_run_name": mlflow_run_name,
        "mlflow_tracking_uri": mlflow_tracking_uri,
    },
}
