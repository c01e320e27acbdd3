"""The project's own ``kedro`` commands, and ``kedro run`` with errors that people can read."""

import difflib
import os
import sys
from pathlib import Path
from typing import Any

import click
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.startup import ProjectMetadata

from churn_pipeline.cli.contract import contract
from churn_pipeline.cli.model import environment_option, model
from churn_pipeline.cli.simulate import simulate
from churn_pipeline.cli.undo import undo
from churn_pipeline.cli.wait import wait_parameter
from churn_pipeline.environments import dvc_yaml_path, environments, params_name
from churn_pipeline.errors import ChurnPipelineError
from churn_pipeline.io.storage import storage_error
from churn_pipeline.pipeline_registry import PIPELINES
from churn_pipeline.serving.audit.commands import audit
from churn_pipeline.serving.key_commands import api_key


@click.group(name="churn_pipeline")
def cli() -> None:
    """Commands of the churn_pipeline project."""


class _RunCommand(click.Command):
    """``kedro run``, but an error that the user can mend is one sentence, not a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        for name in filter(None, [*ctx.params["pipelines"], ctx.params["pipeline"]]):
            if name not in (*PIPELINES, "__default__"):
                raise click.BadParameter(
                    f"there is no pipeline {name!r}; valid pipelines: {', '.join(PIPELINES)}",
                    param_hint="--pipelines",
                )
        if ctx.params["env"]:
            os.environ["KEDRO_ENV"] = ctx.params["env"]  # for the pipeline registry
        try:
            return super().invoke(ctx)
        except Exception as error:
            for cause in _chain(error):
                if isinstance(cause, OSError):
                    cause = storage_error(cause) or cause
                if isinstance(cause, ChurnPipelineError):
                    raise click.ClickException(str(cause)) from None
            raise


def _chain(error: BaseException | None) -> list[BaseException]:
    chain = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__
    return chain


cli.add_command(
    _RunCommand(
        name="run",
        callback=kedro_run.callback,
        params=[*kedro_run.params, wait_parameter],
        help=kedro_run.help,
    )
)
cli.add_command(model)
cli.add_command(contract)
cli.add_command(api_key)
cli.add_command(audit)
cli.add_command(simulate)
cli.add_command(undo)


@cli.command("dvc-yaml")
@environment_option
@click.option("--all", "of_all", is_flag=True, help="Of the built-in data set and of all others.")
@click.option("--check", is_flag=True, help="Change nothing; fail if dvc.yaml is out of step.")
@click.pass_obj
def dvc_yaml(metadata: ProjectMetadata, env: str | None, of_all: bool, check: bool) -> None:
    """Write dvc.yaml from the Kedro pipelines and the catalog, of a data set to data/NAME.

    Moves the stages of a data set there that formerly lay in conf/NAME; the next
    `make repro ENV=NAME` runs them.
    """
    from churn_pipeline.datasets.dvc_project import (
        has_former_stages,
        remove_former_stages,
        write_dvc_project,
    )
    from churn_pipeline.stages.dvc_yaml import render_dvc_yaml

    root = Path(metadata.project_path)
    stale = []
    try:
        names = ["", *environments(root)] if of_all else [params_name(root, env)]
        for name in names:
            expected = render_dvc_yaml(metadata, name)
            path = dvc_yaml_path(root, name)
            shown = path.relative_to(root).as_posix()
            actual = path.read_text(encoding="utf-8") if path.exists() else ""
            former = bool(name) and has_former_stages(root, name)
            is_project = (path.parent / ".dvc" / "config").exists()
            if expected == actual and is_project and not former:
                click.echo(f"{shown} is in step with the pipelines")
            elif check:
                lines = difflib.unified_diff(
                    actual.splitlines(), expected.splitlines(), shown, "pipelines", lineterm=""
                )
                click.echo("\n".join(lines), err=True)
                command = f"kedro dvc-yaml --env {name}" if name else "kedro dvc-yaml"
                click.echo(f"{shown} is out of step with the pipelines; run `{command}`", err=True)
                stale.append(shown)
            else:
                write_dvc_project(path.parent, expected)
                click.echo(f"{shown} written")
                if former:
                    remove_former_stages(root, name)
                    click.echo(f"its former stages in conf/{name} removed")
    except ChurnPipelineError as error:
        raise click.ClickException(str(error)) from None
    if stale:
        sys.exit(1)
