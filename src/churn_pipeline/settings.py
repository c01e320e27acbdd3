"""Kedro's project settings."""

import os

# Nothing phones home; set before any of the tools is imported.
for _switch in (
    "DO_NOT_TRACK",
    "BENTOML_DO_NOT_TRACK",
    "DVC_NO_ANALYTICS",
    "KEDRO_DISABLE_TELEMETRY",
    "MLFLOW_DISABLE_TELEMETRY",
):
    os.environ.setdefault(_switch, "true")
# MLflow would install handlers of its own
os.environ.setdefault("MLFLOW_CONFIGURE_LOGGING", "false")

from churn_pipeline.hooks import ParameterHooks, ProgressHooks, TrackingHooks  # noqa: E402
from churn_pipeline.orchestration.tracking import (  # noqa: E402
    mlflow_artifact_location,
    mlflow_tracking_uri,
)

HOOKS = (ParameterHooks(), ProgressHooks(), TrackingHooks())

_PARAMS = ["../../params.yaml"]  # at the project's root, where DVC looks for it

CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    # experiments of `dvc exp run --temp` and `--queue` live under .dvc/tmp
    "ignore_hidden": False,
    # as globals, the same knobs can be used in the catalog
    "config_patterns": {"parameters": _PARAMS, "globals": _PARAMS},
    "custom_resolvers": {
        "mlflow_artifact_location": mlflow_artifact_location,
        "mlflow_tracking_uri": mlflow_tracking_uri,
    },
}
