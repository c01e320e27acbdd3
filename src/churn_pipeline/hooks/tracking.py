"""Mirror the outputs of a run into MLflow, which never stops a run."""

import logging
import shlex
from collections.abc import Callable
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline

from churn_pipeline.tracking.mlflow_run import shared_run
from churn_pipeline.tracking.notes import StageNote, notes_file
from churn_pipeline.tracking.run_log import KINDS, RunLog, kind_of
from churn_pipeline.tracking.store import is_tracking_on, reach_store, unavailable

logger = logging.getLogger(__name__)


class TrackingHooks:
    """Logs what is saved to the run of this execution.

    The files that DVC tracks are the truth; nothing is read back from MLflow but the champion. So
    a store that fails costs one warning, and no result.
    """

    def __init__(self) -> None:
        self._context: KedroContext | None = None
        self._log: RunLog | StageNote | None = None
        self._command = ""
        self._how_to_log_later = ""

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: KedroContext) -> None:
        is_tracking_on()  # what it is set to is checked ahead of all work
        self._context = context

    @hook_impl
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol
    ) -> None:
        self._log, self._how_to_log_later = None, ""
        if self._context is None or not is_tracking_on():
            return
        outputs = [name for name in pipeline.all_outputs() if name in catalog]
        if not any(kind_of(catalog, name) in KINDS for name in outputs):
            return
        self._log = self._new_log(run_params, pipeline, catalog)
        self._command = _command_to_log_later(run_params)
        self._attempt(reach_store, write=True)  # reported now, not when there is something to log

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        if self._log is not None:
            self._attempt(self._log.log, dataset_name, lambda: data)

    @hook_impl
    def after_pipeline_run(self) -> None:
        self._end("FINISHED")

    @hook_impl
    def on_pipeline_error(self) -> None:
        self._end("FAILED")

    def _new_log(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol
    ) -> RunLog | StageNote:
        assert self._context is not None
        file = notes_file()
        if file is not None:
            return StageNote(file, run_params, lambda name: kind_of(catalog, name) in KINDS)
        shared = shared_run(self._context.config_loader.params_file)
        return RunLog(self._context, catalog, (run_params, pipeline), shared)

    def _end(self, status: str) -> None:
        if self._log is not None:
            self._attempt(self._log.end, status)
        if self._how_to_log_later:
            logger.warning(self._how_to_log_later)
        self._how_to_log_later = ""

    def _attempt(self, call: Callable[..., None], *arguments: Any, **settings: Any) -> None:
        """Call, unless the store has failed before in this run."""
        if self._log is None:
            return
        try:
            call(*arguments, **settings)
        except Exception as error:  # of MLflow, SQLAlchemy, requests, drivers, the disk
            logger.debug("MLflow failed", exc_info=True)
            self._log.abandon()
            self._log = None
            logger.warning("%s; the run continues without it", unavailable(error))
            self._how_to_log_later = (
                "MLflow has nothing, or only a part, of this run; all results are in the files. "
                f"When its store is available again, `{self._command}` logs them"
            )


def _command_to_log_later(run_params: dict[str, Any]) -> str:
    words = ["kedro", "model", "log"]
    if run_params.get("env"):
        words += ["--env", run_params["env"]]
    given = run_params.get("runtime_params") or {}
    if given:
        words += ["--params", ",".join(f"{key}={value}" for key, value in _flat(given).items())]
    return shlex.join(words)


def _flat(parameters: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in parameters.items():
        is_nested = isinstance(value, dict)
        flat |= _flat(value, f"{prefix}{key}.") if is_nested else {f"{prefix}{key}": value}
    return flat
