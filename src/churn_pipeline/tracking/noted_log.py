"""Log what stages noted, as if each had logged it."""

import json
import logging
import os
from collections.abc import Iterator
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.session import KedroSession
from kedro.pipeline import Pipeline

from churn_pipeline.tracking.mlflow_run import shared_run
from churn_pipeline.tracking.run_log import RunLog
from churn_pipeline.tracking.store import unavailable

logger = logging.getLogger(__name__)


def log_notes(project: Path, notes: list[dict[str, Any]]) -> None:
    """Log the files that the notes name as they are in the workspace now.

    A store that fails costs a warning.

    Parameters
    ----------
    project : Path
        Its root.
    notes : list of dict
        See :class:`churn_pipeline.tracking.notes.StageNote`.
    """
    for (env, parameters), stages in groupby(notes, _session):
        found = list(stages)
        os.environ.update(found[0]["environment"])
        given = json.loads(parameters)
        with KedroSession.create(project, env=env, runtime_params=given) as session:
            context = session.load_context()
            for note in found:
                if not _log_stage(context, note):
                    return


def _session(note: dict[str, Any]) -> tuple[str | None, str]:
    parameters = note["run_params"].get("runtime_params") or {}
    return note["run_params"].get("env"), json.dumps(parameters)


def _log_stage(context: KedroContext, note: dict[str, Any]) -> bool:
    """Log what one stage noted; whether the store could be used."""
    catalog = context.catalog
    shared = shared_run(context.config_loader.params_file)
    log = RunLog(context, catalog, (note["run_params"], Pipeline([])), shared)
    try:
        for name in _present(note, catalog):
            log.log(name, partial(catalog.load, name))
        log.end(note["status"])
    except Exception as error:  # of MLflow, SQLAlchemy, requests, drivers, the disk
        log.abandon()
        logger.warning(
            "%s; all results are in the files. When MLflow's store is back, `kedro model log` logs "
            "them",
            unavailable(error),
        )
        return False
    return True


def _present(note: dict[str, Any], catalog: Any) -> Iterator[str]:
    # what a killed DVC left to log may be gone
    return (name for name in note["names"] if name in catalog and catalog.exists(name))
