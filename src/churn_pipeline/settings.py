"""Kedro's project settings."""

import churn_pipeline_startup

churn_pipeline_startup.init()  # for sessions that no `kedro` command started

from churn_pipeline.config_loader import DatasetConfigLoader  # noqa: E402
from churn_pipeline.hooks import ParameterHooks, ProgressHooks, TrackingHooks  # noqa: E402

HOOKS = (ParameterHooks(), ProgressHooks(), TrackingHooks())
DISABLE_HOOKS_FOR_PLUGINS = ("kedro-mlflow",)  # where installed, it would open a run of its own

CONFIG_LOADER_CLASS = DatasetConfigLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    # experiments of `dvc exp run --temp` and `--queue` live under .dvc/tmp
    "ignore_hidden": False,
}
