"""``kedro undo``: back to the parameters and results of the last commit."""

import sys
from collections.abc import Sequence

import click
from kedro.framework.startup import ProjectMetadata

from churn_pipeline.cli.commands import ProjectCommand, environment_option, project_root
from churn_pipeline.cli.wait import wait_option
from churn_pipeline.locking import hold, place

_SHOWN = 5


@wait_option
@click.command(cls=ProjectCommand)
@environment_option
@click.option("--dry-run", is_flag=True, help="Show what would be discarded; change nothing.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask for confirmation.")
@click.pass_obj
def undo(metadata: ProjectMetadata | None, env: str | None, dry_run: bool, yes: bool) -> None:
    """Restore the parameters and results of a data set to the last commit.

    Use it after `dvc exp run`, `kedro run --params=…`, or a run that was killed. Other data sets,
    code, the contract and files that neither git nor DVC tracks are not touched. Results are
    restored from git and DVC's cache, all or none: if the cache lacks one, only the parameters are
    restored, and `make repro` recreates the results.
    """
    from churn_pipeline.datasets.undo import plan_undo

    project = project_root(metadata)
    if not dry_run:
        click.get_current_context().with_resource(hold([place(project, env)], writes=False))
    plan = plan_undo(project, env)
    if not plan.is_needed:
        click.echo("Nothing to undo: parameters and results are those of the last commit.")
        return
    _say("Parameters to discard", plan.parameters)
    if not plan.missing:
        _say("Results to replace with those of the last commit", plan.results)
        _say("Results to remove (not in the last commit)", plan.surplus)
        _say("Of these, not in any cache and lost permanently", plan.unsaved)
    _say("Files of DVC to take out of git's index, after a killed experiment", plan.staged)
    if plan.branch:
        click.echo(f"Branch to return to, after a killed experiment: {plan.branch}")
    if dry_run:
        return
    if not yes and sys.stdin.isatty():
        click.confirm("Go back?", abort=True)
    plan.apply()
    if plan.stashes:
        click.echo(
            f"`git stash list` has {plan.stashes} entries: an experiment that was killed at its "
            "start leaves your edits there; `git stash pop` restores them."
        )
    if plan.missing:
        repro = "make repro" + (f" ENV={env}" if plan.folder != plan.project else "")
        raise click.ClickException(
            f"{len(plan.missing)} results of the last commit are not in a cache here, such as "
            f"{plan.missing[0]}, so no results and no dvc.lock were changed; the parameters are "
            f"those of the last commit, and `{repro}` creates their results"
        )
    click.echo("Parameters and results are those of the last commit.")


def _say(title: str, paths: Sequence[str]) -> None:
    if paths:
        shown = [*paths[:_SHOWN], *(["…"] if len(paths) > _SHOWN else [])]
        click.echo(f"{title} ({len(paths)}): {', '.join(shown)}")
