"""Runs before any ``kedro`` command (entry point ``kedro.init``), ahead of all plugins.

A module of its own: the package must not be imported yet, since DVC's temporary experiments bring
their own copy of it.
"""

import os
import runpy
import sys
import warnings
from pathlib import Path
from typing import Any


def init() -> None:
    """Fix the arithmetic, switch off telemetry, and warnings that no user can act on."""
    runpy.run_path(str(Path(__file__).with_name("churn_pipeline") / "arithmetic.py"))
    for switch in (
        "DO_NOT_TRACK",
        "BENTOML_DO_NOT_TRACK",
        "DVC_NO_ANALYTICS",
        "KEDRO_DISABLE_TELEMETRY",
        "MLFLOW_DISABLE_TELEMETRY",
    ):
        os.environ.setdefault(switch, "true")
    # MLflow would install log handlers of its own
    os.environ.setdefault("MLFLOW_CONFIGURE_LOGGING", "false")
    runpy.run_path(str(Path(__file__).with_name("churn_pipeline_plugins.py")))[
        "load_plugins_on_use"
    ]()
    _hush_type_hint_warning()
    mlflow = sys.modules.get("mlflow")
    if mlflow is not None:  # imported before the switch was set: let it look again
        mlflow.telemetry.set_telemetry_client()


def _hush_type_hint_warning() -> None:
    """Drop MLflow's warning about model classes without type hints, which no user can act on.

    MLflow overrides warning filters with its own, so the warning is dropped where it is shown.
    """
    show = warnings.showwarning

    def show_others(message: Warning | str, *args: Any, **kwargs: Any) -> None:
        if "Add type hints to the `predict` method" not in str(message):
            show(message, *args, **kwargs)

    warnings.showwarning = show_others
