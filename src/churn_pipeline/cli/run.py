"""``kedro run`` with errors that people can read, and nodes by their short names."""

import os
from collections.abc import Collection
from typing import Any

import click
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.project import pipelines

from churn_pipeline.cli.commands import ProjectCommand
from churn_pipeline.cli.wait import wait_parameter
from churn_pipeline.pipeline_registry import PIPELINES

_NODE_OPTIONS = {"node_names": "--nodes", "from_nodes": "--from-nodes", "to_nodes": "--to-nodes"}


class _RunCommand(ProjectCommand):
    def invoke(self, ctx: click.Context) -> Any:
        chosen = [*filter(None, [*ctx.params["pipelines"], ctx.params["pipeline"]])]
        for name in chosen:
            if name not in (*PIPELINES, "__default__"):
                raise click.BadParameter(
                    f"there is no pipeline {name!r}; valid pipelines: {', '.join(PIPELINES)}",
                    param_hint="--pipelines",
                )
        if ctx.params["env"]:
            os.environ["KEDRO_ENV"] = ctx.params["env"]  # for the pipeline registry
        for parameter, option in _NODE_OPTIONS.items():
            ctx.params[parameter] = _full_names(ctx.params[parameter], chosen, option)
        return super().invoke(ctx)


def _full_names(names: Collection[str], chosen: list[str], option: str) -> list[str]:
    """Return the names of nodes with the pipelines that they are in: ``evaluation.measure``."""
    if not names:
        return []
    pipelines.set_requested(chosen or None)  # as the session will, so that they are loaded once
    nodes = [node for name in chosen or ["__default__"] for node in pipelines[name].nodes]
    full = {known: node.name for node in nodes for known in (node.short_name, node.name)}
    for name in names:
        if name not in full:
            raise click.BadParameter(
                f"there is no node {name!r} in {', '.join(chosen) or 'the pipelines that run'}; "
                f"valid nodes: {', '.join(sorted(node.short_name for node in nodes))}",
                param_hint=option,
            )
    return [full[name] for name in names]


run = _RunCommand(
    name="run",
    callback=kedro_run.callback,
    params=[*kedro_run.params, wait_parameter],
    help=kedro_run.help,
)
