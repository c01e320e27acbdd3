"""Mirror the outputs of a run into the MLflow run that kedro-mlflow opened."""

import atexit
import re
import sys
from pathlib import Path
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline

from churn_pipeline.orchestration.mlflow_run import SharedRun, shared_run
from churn_pipeline.orchestration.provenance import code_tags, file_sha256
from churn_pipeline.orchestration.tracking import create_store, mlflow_tracking_uri

_PARAMETERS_A_CALL = 100  # MLflow takes no more
_NOT_IN_A_NAME = re.compile(r"[^/\w.\- :]")  # to MLflow


class TrackingHooks:
    """Logs metrics, plots, pages, trials and the model as ``metadata.dvc.kind`` says.

    The files that DVC tracks are the truth; nothing is read back from MLflow but the champion.
    """

    def __init__(self) -> None:
        self._context: KedroContext | None = None
        self._catalog: CatalogProtocol | None = None
        self._shared: SharedRun | None = None
        self._run_id: str | None = None
        self._tags: dict[str, str] = {}

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: KedroContext) -> None:
        create_store(mlflow_tracking_uri())  # before kedro-mlflow opens it
        self._context = context

    @hook_impl
    def after_catalog_created(self, catalog: CatalogProtocol) -> None:
        self._catalog = catalog

    @hook_impl(trylast=True)  # kedro-mlflow starts or resumes the run
    def before_pipeline_run(self, pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        self._run_id, self._shared, self._tags = None, None, {}
        mlflow = _mlflow_in_a_run()
        if mlflow is None:
            return
        # ahead of MLflow's own, to which an interrupted run is a finished one
        atexit.register(mlflow.end_run, "KILLED")
        self._run_id = mlflow.active_run().info.run_id
        self._shared = self._shared_run()
        if self._shared is not None and self._shared.run_id is None:
            self._shared.remember(self._run_id)
            self._end_abandoned_runs()
            self._log_all_parameters()
        self._set_tags(self._provenance(pipeline, catalog))

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        mlflow = _mlflow_in_a_run()
        if self._catalog is None or mlflow is None:
            return
        dataset = self._catalog[dataset_name]
        kind = ((getattr(dataset, "metadata", None) or {}).get("dvc") or {}).get("kind")
        if kind == "metric":
            mlflow.log_metrics(_numbers(data, prefix=f"{dataset_name}."))
        if kind in ("metric", "record", "plot", "image", "page", "trials"):
            # one folder for all, since the page shows the images beside it
            mlflow.log_artifact(str(Path(dataset._filepath)), "reporting")
        if kind == "trials":
            from churn_pipeline.orchestration.trials import log_trials

            log_trials(mlflow.MlflowClient(), mlflow.active_run(), data)
        if kind == "model":
            self._register(data, Path(dataset._filepath))
        if kind == "bundle":
            self._attach(data, Path(dataset._filepath))
        if dataset_name == "data_quality":
            self._set_tags(_data_tags(data))
        if dataset_name == "gates":
            self._grade(data)

    @hook_impl(tryfirst=True)  # before kedro-mlflow ends the run as finished
    def after_pipeline_run(self) -> None:
        mlflow = _mlflow_in_a_run()
        if mlflow is not None and self._shared is not None and self._shared.has_failed:
            mlflow.end_run("FAILED")

    @hook_impl
    def on_pipeline_error(self) -> None:
        if self._shared is not None and self._run_id is not None:
            self._shared.remember(self._run_id, failed=True)

    def _set_tags(self, tags: dict[str, str]) -> None:
        import mlflow

        self._tags |= tags
        mlflow.set_tags(tags)

    def _provenance(self, pipeline: Pipeline, catalog: CatalogProtocol) -> dict[str, str]:
        tags = code_tags(self._context.project_path) if self._context else {}
        # a missing one is told by the node that wants it
        if "contract" in catalog and catalog.exists("contract"):
            tags["contract_sha256"] = file_sha256(Path(catalog["contract"]._filepath))
        is_made = "data_quality" in pipeline.all_outputs()
        if not is_made and "data_quality" in catalog and catalog.exists("data_quality"):
            tags |= _data_tags(catalog.load("data_quality"))  # by an earlier run
        return tags

    def _end_abandoned_runs(self) -> None:
        """End the runs that were killed with their ``dvc``, which no handler could do."""
        from mlflow import MlflowClient, MlflowException

        assert self._shared is not None
        client = MlflowClient()
        for run_id in self._shared.forget_abandoned():
            try:
                if client.get_run(run_id).info.status == "RUNNING":
                    client.set_terminated(run_id, "KILLED")
            except MlflowException:  # deleted meanwhile, or of another store
                continue

    def _log_all_parameters(self) -> None:
        """Log those of skipped stages too: their results are in use."""
        import mlflow
        from mlflow.entities import Param

        assert self._context is not None
        leaves = _leaves(self._context.config_loader["parameters"])
        # named as kedro-mlflow names those of a node
        params = [Param(_NOT_IN_A_NAME.sub("_", key), str(value)) for key, value in leaves.items()]
        for start in range(0, len(params), _PARAMETERS_A_CALL):
            some = params[start : start + _PARAMETERS_A_CALL]
            mlflow.MlflowClient().log_batch(self._run_id, params=some, synchronous=True)

    def _shared_run(self) -> SharedRun | None:
        return shared_run(self._context.config_loader.params_file) if self._context else None

    def _model_name(self) -> str:
        """Return the name of the registered model, which is the data set's."""
        assert self._context is not None
        return str(self._context.config_loader["globals"]["dataset"]["name"])

    def _register(self, model: Any, path: Path) -> str:
        from mlflow import MlflowClient

        from churn_pipeline.orchestration.registry import register

        assert self._run_id is not None
        self._set_tags({"candidate": model.candidate, "model_sha256": file_sha256(path)})
        version = register(
            MlflowClient(), self._model_name(), self._run_id, model, path, self._tags
        )
        self._set_tags({"model_version": str(version.version)})
        return str(version.version)

    def _grade(self, gates: dict[str, Any]) -> None:
        from mlflow import MlflowClient

        from churn_pipeline.orchestration.registry import grade

        assert self._run_id is not None
        grade(MlflowClient(), self._model_name(), self._registered(), gates, self._run_id)

    def _attach(self, bundle: Any, folder: Path) -> None:
        from mlflow import MlflowClient

        from churn_pipeline.orchestration.registry import attach_bundle

        assert self._run_id is not None
        attach_bundle(
            MlflowClient(), self._model_name(), self._registered(), bundle, folder, self._run_id
        )

    def _registered(self) -> str:
        """Return the version of the model, registering one trained by another stage or long ago."""
        assert self._catalog is not None
        if "model_version" not in self._tags:
            model = self._catalog.load("model")
            self._register(model, Path(self._catalog["model"]._filepath))
        return self._tags["model_version"]


def _mlflow_in_a_run() -> Any | None:
    """Return the module ``mlflow``; None where kedro-mlflow is off or has started no run."""
    mlflow = sys.modules.get("mlflow")
    return mlflow if mlflow is not None and mlflow.active_run() is not None else None


def _data_tags(data_quality: dict[str, Any]) -> dict[str, str]:
    return {"data_sha256": data_quality["source"]["sha256"]}


def _leaves(data: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the leaves of nested mappings, their keys joined by dots."""
    leaves: dict[str, Any] = {}
    for key, value in data.items():
        if isinstance(value, dict):
            leaves |= _leaves(value, f"{prefix}{key}.")
        else:
            leaves[f"{prefix}{key}"] = value
    return leaves


def _numbers(data: dict[str, Any], prefix: str) -> dict[str, float]:
    return {
        key: float(value)
        for key, value in _leaves(data, prefix).items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
