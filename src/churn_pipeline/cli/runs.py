"""The commands of ``kedro model`` that concern runs: logging them later, and MLflow's page."""

import os
import sys
from pathlib import Path
from typing import Any

import click
from kedro.framework.cli.utils import _split_params
from kedro.framework.startup import ProjectMetadata

from churn_pipeline.cli.commands import ProjectCommand, environment_option, project_root
from churn_pipeline.cli.wait import wait_option
from churn_pipeline.errors import RegistryError
from churn_pipeline.locking import hold, place
from churn_pipeline.tracking.store import (
    ARTIFACTS,
    mlflow_artifact_location,
    mlflow_tracking_uri,
    open_store,
    tracking_root,
    unavailable,
)

_OF_STORE = ("mlflow", "sqlalchemy", "requests", "urllib3", "json")


class StoreCommand(ProjectCommand):
    """A command that opens the store of runs and models."""

    def sentence(self, error: Exception) -> str | None:
        """Return what to print of an error; None keeps its traceback."""
        sentence = super().sentence(error)
        # the libraries behind the store, which take seconds to import
        if sentence is None and type(error).__module__.partition(".")[0] in _OF_STORE:
            return str(unavailable(error))
        return sentence


@wait_option
@click.command("log", cls=StoreCommand)
@environment_option
@click.option(
    "--params",
    default="",
    metavar="KEY=VALUE,…",
    callback=_split_params,
    help="The parameters that were passed to the run, as for `kedro run`.",
)
@click.pass_obj
def log_results(metadata: ProjectMetadata | None, env: str | None, params: dict[str, Any]) -> None:
    """Log the results in the data folders, for example those of a run without MLflow.

    They become one run, and the model becomes a version: the challenger.
    """
    root = project_root(metadata)
    open_store(create=True, write=True)
    from kedro.framework.session import KedroSession

    from churn_pipeline.tracking.late_log import log_workspace

    # the files of one run, not of two
    held = hold([place(root, env)], writes=False)
    with held, KedroSession.create(root, env=env, runtime_params=params) as session:
        logged, left_out = log_workspace(session.load_context())
    if not logged:
        raise RegistryError(
            "there are no results to log; `dvc repro` (or `kedro run`) creates them"
        )
    click.echo(f"logged: {', '.join(logged)}")
    if left_out:
        click.echo(
            f"not logged, because they are older than the model: {', '.join(left_out)}; `dvc "
            "repro` (or `kedro "
            "run --pipelines export,evaluation,acceptance,packaging`) creates and logs those of "
            "this model"
        )


@click.command("log-notes", cls=StoreCommand, hidden=True)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.pass_obj
def log_stage_notes(metadata: ProjectMetadata | None, files: tuple[Path, ...]) -> None:
    """Log what the stages of a `dvc` command noted; DVC calls it when they are done."""
    from churn_pipeline.tracking.noted_log import log_notes
    from churn_pipeline.tracking.notes import read_notes

    log_notes(project_root(metadata), read_notes(list(files)))


@click.command("ui", cls=StoreCommand)
@click.option("--port", type=click.IntRange(1, 65535), default=5000, show_default=True)
def show_runs(port: int) -> None:
    """Serve MLflow's page of runs and models on this machine."""
    uri = mlflow_tracking_uri()
    if uri.startswith(("http:", "https:")):
        raise RegistryError("MLFLOW_TRACKING_URI names a server; open its address in the browser")
    client = open_store(create=True)
    command = [sys.executable, "-m", "mlflow", "ui", "--workers", "1", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--backend-store-uri", uri]
    if mlflow_artifact_location():
        command += ["--artifacts-destination", str(tracking_root() / ARTIFACTS)]
    for experiment in client.search_experiments():  # the plain address shows language models
        page = f"experiments/{experiment.experiment_id}?workflowType=machine_learning"
        click.echo(f"{experiment.name}: http://127.0.0.1:{port}/#/{page}")
    settings = {"MLFLOW_TRACKING_URI": uri, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    os.execve(sys.executable, command, {**os.environ, **settings})
