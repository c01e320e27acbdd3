"""``kedro dvc-yaml``: the stages of DVC, written from the pipelines."""

import difflib
import sys

import click
from kedro.framework.startup import ProjectMetadata

from churn_pipeline.cli.commands import ProjectCommand, environment_option, project_root
from churn_pipeline.environments import dvc_yaml_path, environments, params_name


@click.command("dvc-yaml", cls=ProjectCommand)
@environment_option
@click.option("--all", "of_all", is_flag=True, help="For the built-in data set and all others.")
@click.option("--check", is_flag=True, help="Change nothing; fail if dvc.yaml is out of date.")
@click.pass_obj
def dvc_yaml(metadata: ProjectMetadata, env: str | None, of_all: bool, check: bool) -> None:
    """Write dvc.yaml from the Kedro pipelines and the catalog; for a data set NAME, to data/NAME.

    Stages that an earlier version wrote to conf/NAME are moved there; the next
    `make repro ENV=NAME` runs them.
    """
    from churn_pipeline.datasets.dvc_project import (
        has_former_stages,
        remove_former_stages,
        write_dvc_project,
    )
    from churn_pipeline.stages.dvc_yaml import render_dvc_yaml

    root = project_root(metadata)
    stale = []
    names = ["", *environments(root)] if of_all else [params_name(root, env)]
    for name in names:
        expected = render_dvc_yaml(metadata, name)
        path = dvc_yaml_path(root, name)
        shown = path.relative_to(root).as_posix()
        actual = path.read_text(encoding="utf-8") if path.exists() else ""
        former = bool(name) and has_former_stages(root, name)
        is_project = (path.parent / ".dvc" / "config").exists()
        if expected == actual and is_project and not former:
            click.echo(f"{shown} is up to date with the pipelines")
        elif check:
            lines = difflib.unified_diff(
                actual.splitlines(), expected.splitlines(), shown, "pipelines", lineterm=""
            )
            click.echo("\n".join(lines), err=True)
            command = f"kedro dvc-yaml --env {name}" if name else "kedro dvc-yaml"
            click.echo(f"{shown} is out of date with the pipelines; run `{command}`", err=True)
            stale.append(shown)
        else:
            write_dvc_project(path.parent, expected)
            click.echo(f"{shown} written")
            if former:
                remove_former_stages(root, name)
                click.echo(f"removed its former stages in conf/{name}")
    if stale:
        sys.exit(1)
