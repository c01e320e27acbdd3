"""The MLflow run of one execution, opened when there is something to log."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kedro.io import CatalogProtocol

from churn_pipeline.orchestration.mlflow_run import SharedRun
from churn_pipeline.orchestration.provenance import code_tags, file_sha256
from churn_pipeline.orchestration.tracking import (
    mlflow_artifact_location,
    mlflow_tracking_uri,
    open_store,
)

_FILES = ("metric", "record", "plot", "image", "page", "trials")
KINDS = (*_FILES, "model", "bundle")
_PARAMETERS_A_CALL = 100  # MLflow takes no more
_NOT_IN_A_NAME = re.compile(r"[^/\w.\- :]")  # to MLflow


class RunLog:
    """Logs metrics, files, trials and the model as ``metadata.dvc.kind`` of the catalog says.

    Parameters
    ----------
    project : Path
    name : str
        The data set's, which is that of the experiment and of the registered model.
    run_name : str
    parameters : dict
        All, since results of skipped stages are in use as well.
    catalog : CatalogProtocol
    shared : SharedRun, optional
        The run that this stage shares with others.
    """

    def __init__(
        self,
        project: Path,
        name: str,
        run_name: str,
        parameters: dict[str, Any],
        catalog: CatalogProtocol,
        shared: SharedRun | None = None,
    ) -> None:
        self._project = project
        self._name = name
        self._run_name = run_name
        self._parameters = parameters
        self._catalog = catalog
        self._shared = shared
        self._client: Any = None
        self._run_id = ""
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
        if kind not in KINDS:
            return
        self._open()
        path = Path(self._catalog[dataset_name]._filepath)
        if kind == "metric":
            self._log_metrics(_numbers(load(), prefix=f"{dataset_name}."))
        if kind in _FILES:
            # one folder for all, since the page shows the images beside it
            self._client.log_artifact(self._run_id, str(path), "reporting")
        if kind == "trials":
            from churn_pipeline.orchestration.trials import log_trials

            log_trials(self._client, self._client.get_run(self._run_id), load())
        if kind == "model":
            self._register(load(), path)
        if kind == "bundle":
            from churn_pipeline.orchestration.registry import attach_bundle

            number = self._registered()
            attach_bundle(self._client, self._name, number, load(), path, self._run_id)
        if dataset_name == "data_quality":
            self._set_tags(_data_tags(load()))
        if dataset_name == "gates":
            from churn_pipeline.orchestration.registry import grade

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
        if self._client is not None:
            client, self._client = self._client, None
            has_failed = shared is not None and shared.has_failed
            client.set_terminated(self._run_id, "FAILED" if has_failed else status)

    def abandon(self) -> None:
        """Forget the run without a word to the store, which does not answer."""
        self._client = None

    def _open(self) -> None:
        if self._client is not None:
            return
        client = open_store(create=True, write=True)
        import mlflow

        mlflow.set_tracking_uri(mlflow_tracking_uri())  # for what has no client
        mlflow.set_registry_uri(mlflow_tracking_uri())
        if not self._resume(client):
            run = client.create_run(_experiment(client, self._name), run_name=self._run_name)
            self._run_id = run.info.run_id
            self._client = client
            if self._shared is not None:
                self._shared.remember(self._run_id)
                self._end_abandoned_runs()
            self._log_parameters()
        self._client = client
        self._set_tags(self._provenance() | self._tags)

    def _resume(self, client: Any) -> bool:
        from mlflow import MlflowException

        run_id = None if self._shared is None else self._shared.run_id
        if run_id is None:
            return False
        try:
            client.update_run(run_id, "RUNNING")
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return False
        self._run_id = run_id
        return True

    def _set_tags(self, tags: dict[str, str]) -> None:
        from mlflow.entities import RunTag

        self._tags |= tags
        self._client.log_batch(self._run_id, tags=[RunTag(*item) for item in tags.items()])

    def _provenance(self) -> dict[str, str]:
        tags = code_tags(self._project)
        # a missing one is told by the node that wants it
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

        leaves = _leaves(self._parameters)
        params = [Param(_NOT_IN_A_NAME.sub("_", key), str(value)) for key, value in leaves.items()]
        for start in range(0, len(params), _PARAMETERS_A_CALL):
            self._client.log_batch(self._run_id, params=params[start : start + _PARAMETERS_A_CALL])

    def _log_metrics(self, numbers: dict[str, float]) -> None:
        import mlflow

        mlflow.log_metrics(numbers, run_id=self._run_id)

    def _register(self, model: Any, path: Path) -> None:
        import mlflow

        from churn_pipeline.orchestration.registry import register

        self._set_tags({"candidate": model.candidate, "model_sha256": file_sha256(path)})
        with mlflow.start_run(self._run_id):  # MLflow logs a model into the active run only
            version = register(self._client, self._name, self._run_id, model, path, self._tags)
        self._client.update_run(self._run_id, "RUNNING")
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


def _experiment(client: Any, name: str) -> str:
    """Return the id of the experiment, which is created or restored if need be."""
    from mlflow import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            created: str = client.create_experiment(
                name, mlflow_artifact_location(), {"mlflow.experimentKind": _CLASSIC}
            )
            return created
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":  # by another run, meanwhile
                raise
        found = client.get_experiment_by_name(name)
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    if "mlflow.experimentKind" not in found.tags:
        client.set_experiment_tag(found.experiment_id, "mlflow.experimentKind", _CLASSIC)
    return str(found.experiment_id)


_CLASSIC = "custom_model_development"  # else MLflow's page takes it for one of language models


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
