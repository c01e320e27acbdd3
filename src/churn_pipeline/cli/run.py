"""``kedro run`` with errors that people can read."""

import os
from typing import Any

import click
from kedro.framework.cli.project import run as kedro_run

from churn_pipeline.cli.commands import ProjectCommand
from churn_pipeline.cli.wait import wait_parameter
from churn_pipeline.pipeline_registry import PIPELINES


class _RunCommand(ProjectCommand):
    def invoke(self, ctx: click.Context) -> Any:
        for name in filter(None, [*ctx.params["pipelines"], ctx.params["pipeline"]]):
            if name not in (*PIPELINES, "__default__"):
                raise click.BadParameter(
                    f"there is no pipeline {name!r}; valid pipelines: {', '.join(PIPELINES)}",
                    param_hint="--pipelines",
                )
        if ctx.params["env"]:
            os.environ["KEDRO_ENV"] = ctx.params["env"]  # for the pipeline registry
        return super().invoke(ctx)


run = _RunCommand(
    name="run",
    callback=kedro_run.callback,
    params=[*kedro_run.params, wait_parameter],
    help=kedro_run.help,
)
