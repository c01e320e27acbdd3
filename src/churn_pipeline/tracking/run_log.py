"""The MLflow run of one execution, opened through kedro-mlflow when there is something to log."""

import atexit
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from kedro.framework.context import KedroContext
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline

from churn_pipeline.tracking.mlflow_run import SharedRun
from churn_pipeline.tracking.provenance import code_tags, file_sha256, pointer_tags
from churn_pipeline.tracking.store import open_store

_FILES = ("metric", "record", "plot", "image", "page", "trials")
KINDS = (*_FILES, "model", "bundle", "pointer")
_PARAMETERS_A_CALL = 100  # MLflow takes no more
_KIND, _CLASSIC = "mlflow.experimentKind", "custom_model_development"
_NOT_IN_A_NAME = re.compile(r"[^/\w.\- :]")  # to MLflow


class RunLog:
    """Logs metrics, files, trials and the model as ``metadata.dvc.kind`` of the catalog says.

    Parameters
    ----------
    context : KedroContext
        Its ``mlflow.yml`` says where, its parameters are logged: all, since results of skipped
        stages are in use as well.
    catalog : CatalogProtocol
    execution : tuple of dict and Pipeline, optional
        What Kedro gives to ``before_pipeline_run``; None where no pipeline runs.
    shared : SharedRun, optional
        The run that this stage shares with others.
    """

    def __init__(
        self,
        context: KedroContext,
        catalog: CatalogProtocol,
        execution: tuple[dict[str, Any], Pipeline] | None = None,
        shared: SharedRun | None = None,
    ) -> None:
        self._context = context
        self._name = str(context.config_loader["globals"]["dataset"]["name"])
        self._catalog = catalog
        self._execution = execution
        self._shared = shared
        self._client: Any = None
        self._run_id = ""
        self._is_ours = True  # a run that was active before goes on
        self._is_disabled = False
        self._tags: dict[str, str] = {}

    def log(self, dataset_name: str, load: Callable[[], Any]) -> None:
        """Log a data set that has been saved.

        Parameters
        ----------
        dataset_name : str
        load : callable
            Returns its data, if it is needed.

        Raises
        ------
        TrackingError
            If the store cannot be used. Whatever MLflow raises passes as well.
        """
        kind = kind_of(self._catalog, dataset_name)
        if kind not in KINDS or self._is_disabled:
            return
        self._open()
        if self._is_disabled:
            return
        path = Path(self._catalog[dataset_name]._filepath)
        if kind == "metric":
            self._log_metrics(_numbers(load(), prefix=f"{dataset_name}."))
        if kind in _FILES:
            # one folder for all, since the page shows the images beside it
            self._client.log_artifact(self._run_id, str(path), "reporting")
        if kind == "pointer":
            self._set_tags(pointer_tags(dataset_name, path, self._context.project_path))
        if kind == "trials":
            from churn_pipeline.tracking.trials import log_trials

            log_trials(self._client, self._client.get_run(self._run_id), load())
        if kind == "model":
            self._register(load(), path)
        if kind == "bundle":
            from churn_pipeline.tracking.registry import attach_bundle

            number = self._registered()
            attach_bundle(self._client, self._name, number, load(), path, self._run_id)
        if dataset_name == "data_quality":
            self._set_tags(_data_tags(load()))
        if dataset_name == "gates":
            from churn_pipeline.tracking.registry import grade

            grade(self._client, self._name, self._registered(), load(), self._run_id)

    def end(self, status: str) -> None:
        """End the run, if it has been opened: FINISHED, FAILED or KILLED.

        Once a stage has failed, the run that it shares is a failed one.
        """
        shared = self._shared
        if shared is not None and status == "FAILED":
            run_id = self._run_id or shared.run_id
            if run_id and self._client is None:  # nothing of this stage was logged
                self._client, self._run_id = open_store(write=True), run_id
            if run_id:
                shared.remember(run_id, failed=True)
        if self._client is None:
            return
        client, self._client = self._client, None
        if not self._is_ours:
            return
        import mlflow

        has_failed = shared is not None and shared.has_failed
        status = "FAILED" if has_failed else status
        active = mlflow.active_run()
        if active is not None and active.info.run_id == self._run_id:
            mlflow.end_run(status)
        else:
            client.set_terminated(self._run_id, status)

    def abandon(self) -> None:
        """Forget the run, since the store does not answer."""
        is_active, self._client = self._client is not None and self._is_ours, None
        if is_active:
            import mlflow

            with suppress(Exception):  # MLflow forgets the run before it asks the store
                mlflow.end_run("FAILED")

    def _open(self) -> None:
        if self._client is not None:
            return
        client = open_store(create=True, write=True)
        if self._shared is not None:
            self._forget_deleted(client)
        is_new = self._shared is None or self._shared.run_id is None
        import mlflow

        # registered after MLflow's own, so called before it, to which any run has finished
        atexit.register(self._end_killed)
        self._is_ours = mlflow.active_run() is None
        self._start()
        active = mlflow.active_run()
        if active is None:  # mlflow.yml disables the pipeline
            self._is_disabled = True
            return
        self._client, self._run_id = client, active.info.run_id
        self._declare_classic(active.info.experiment_id)
        if is_new and self._shared is not None:
            self._shared.remember(self._run_id)
            self._end_abandoned_runs()
        if is_new:
            self._log_parameters()
        self._set_tags(self._provenance() | self._tags)

    def _start(self) -> None:
        """Start or resume the run as ``mlflow.yml`` says."""
        import mlflow
        from kedro_mlflow.framework.hooks import MlflowHook

        hook = MlflowHook()
        logging.getLogger("kedro_mlflow").setLevel(logging.WARNING)
        hook.after_context_created(self._context)
        if self._execution is not None:
            run_params, pipeline = self._execution
            hook.before_pipeline_run(run_params, pipeline, self._catalog)
        elif self._is_ours:
            experiment = hook.mlflow_config.tracking.experiment._experiment
            mlflow.start_run(experiment_id=experiment.experiment_id, run_name="kedro model log")

    def _end_killed(self) -> None:
        with suppress(Exception):  # a store that does not answer is no news any more
            self.end("KILLED")

    def _forget_deleted(self, client: Any) -> None:
        """Start a new run if somebody deleted the run of the earlier stages."""
        from mlflow import MlflowException

        assert self._shared is not None
        try:
            if self._shared.run_id is not None:
                client.get_run(self._shared.run_id)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            self._shared.forget()

    def _declare_classic(self, experiment_id: str) -> None:
        """Tell MLflow's page that an older experiment is not one of language models."""
        if _KIND not in self._client.get_experiment(experiment_id).tags:
            self._client.set_experiment_tag(experiment_id, _KIND, _CLASSIC)

    def _set_tags(self, tags: dict[str, str]) -> None:
        from mlflow.entities import RunTag

        self._tags |= tags
        self._client.log_batch(self._run_id, tags=[RunTag(*item) for item in tags.items()])

    def _provenance(self) -> dict[str, str]:
        tags = code_tags(self._context.project_path)
        # a missing one is reported by the node that reads it
        if "contract" in self._catalog and self._catalog.exists("contract"):
            tags["contract_sha256"] = file_sha256(Path(self._catalog["contract"]._filepath))
        if "data_quality" in self._catalog and self._catalog.exists("data_quality"):
            tags |= _data_tags(self._catalog.load("data_quality"))
        return tags

    def _end_abandoned_runs(self) -> None:
        """End the runs that were killed with their ``dvc``, which no handler could do."""
        from mlflow import MlflowException

        assert self._shared is not None
        for run_id in self._shared.forget_abandoned():
            try:
                if self._client.get_run(run_id).info.status == "RUNNING":
                    self._client.set_terminated(run_id, "KILLED")
            except MlflowException:  # deleted meanwhile, or of another store
                continue

    def _log_parameters(self) -> None:
        from mlflow.entities import Param

        leaves = _leaves(self._context.config_loader["parameters"])
        params = [Param(_NOT_IN_A_NAME.sub("_", key), str(value)) for key, value in leaves.items()]
        for start in range(0, len(params), _PARAMETERS_A_CALL):
            self._client.log_batch(self._run_id, params=params[start : start + _PARAMETERS_A_CALL])

    def _log_metrics(self, numbers: dict[str, float]) -> None:
        import mlflow

        mlflow.log_metrics(numbers, run_id=self._run_id)

    @contextmanager
    def _active(self) -> Iterator[None]:
        """Make it the thread's active run, which alone MLflow logs a model into."""
        import mlflow

        active = mlflow.active_run()
        if active is not None and active.info.run_id == self._run_id:
            yield
            return
        with mlflow.start_run(self._run_id):
            yield
        self._client.update_run(self._run_id, "RUNNING")

    def _register(self, model: Any, path: Path) -> None:
        from churn_pipeline.tracking.registry import register

        self._set_tags({"candidate": model.candidate, "model_sha256": file_sha256(path)})
        with self._active():
            version = register(self._client, self._name, self._run_id, model, path, self._tags)
        self._set_tags({"model_version": str(version.version)})

    def _registered(self) -> str:
        """Return the version of the model, registering one trained by another stage or long ago."""
        if "model_version" not in self._tags:
            self._register(self._catalog.load("model"), Path(self._catalog["model"]._filepath))
        return self._tags["model_version"]


def kind_of(catalog: CatalogProtocol, dataset_name: str) -> str | None:
    """Return ``metadata.dvc.kind`` of a catalog entry, None without one."""
    metadata = getattr(catalog[dataset_name], "metadata", None) or {}
    kind: str | None = (metadata.get("dvc") or {}).get("kind")
    return kind


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
