"""Mirror the outputs of a run into the MLflow run that kedro-mlflow opened."""

import sys
from pathlib import Path
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol

from churn_pipeline.orchestration.tracking import create_store, mlflow_tracking_uri


class TrackingHooks:
    """Logs metrics, plots, pages and the model as the catalog's ``metadata.dvc.kind`` says.

    The files that DVC tracks are the truth; nothing is ever read back from MLflow.
    """

    def __init__(self) -> None:
        self._catalog: CatalogProtocol | None = None

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: KedroContext) -> None:
        create_store(mlflow_tracking_uri())  # before kedro-mlflow opens it

    @hook_impl
    def after_catalog_created(self, catalog: CatalogProtocol) -> None:
        self._catalog = catalog

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        mlflow = sys.modules.get("mlflow")
        if self._catalog is None or mlflow is None or mlflow.active_run() is None:
            return
        dataset = self._catalog[dataset_name]
        kind = ((getattr(dataset, "metadata", None) or {}).get("dvc") or {}).get("kind")
        if kind == "metric":
            mlflow.log_metrics(_numbers(data, prefix=f"{dataset_name}."))
        if kind in ("metric", "record", "plot", "image", "page"):
            # one folder for all, since the page shows the images beside it
            mlflow.log_artifact(str(Path(dataset._filepath)), "reporting")
        if kind == "model":
            _log_model(data, dataset_name)


def _numbers(data: Any, prefix: str) -> dict[str, float]:
    """Return the numeric leaves of nested mappings, their keys joined by dots."""
    numbers: dict[str, float] = {}
    for key, value in data.items():
        if isinstance(value, dict):
            numbers |= _numbers(value, f"{prefix}{key}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            numbers[f"{prefix}{key}"] = float(value)
    return numbers


def _log_model(model: Any, name: str) -> None:
    import mlflow.sklearn
    import pandas as pd
    import sklearn
    import xgboost

    mlflow.sklearn.log_model(
        model,
        name=name,
        serialization_format="cloudpickle",
        # given, or MLflow would start a second Python to find out
        pip_requirements=[
            f"pandas=={pd.__version__}",
            f"scikit-learn=={sklearn.__version__}",
            f"xgboost=={xgboost.__version__}",
        ],
    )
