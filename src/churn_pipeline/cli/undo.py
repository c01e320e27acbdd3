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
@click.option("--dry-run", is_flag=True, help="Say what would be discarded; change nothing.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.pass_obj
def undo(metadata: ProjectMetadata | None, env: str | None, dry_run: bool, yes: bool) -> None:
    """Return the parameters and results of a data set to the last commit.

    For use after `dvc exp run`, `kedro run --params=…`, or a run that was killed. Other data sets,
    code, the contract and files that neither git nor DVC tracks stay as they are. Results come from
    git and DVC's cache, all of them or none: where the cache lacks one, only the parameters go
    back, and `make repro` makes the results.
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
        _say("Results to replace by those of the last commit", plan.results)
        _say("Results to remove, which the last commit does not have", plan.surplus)
        _say("Of these in no cache, so lost for good", plan.unsaved)
    if plan.branch:
        click.echo(f"Branch to return to, which a killed experiment left: {plan.branch}")
    if dry_run:
        return
    if not yes and sys.stdin.isatty():
        click.confirm("Go back?", abort=True)
    plan.apply()
    if plan.stashes:
        click.echo(
            f"`git stash list` has {plan.stashes} entries: an experiment that was killed as it "
            "began leaves your edits there; `git stash pop` brings them back."
        )
    if plan.missing:
        repro = "make repro" + (f" ENV={env}" if plan.folder != plan.project else "")
        raise click.ClickException(
            f"{len(plan.missing)} results of the last commit are in no cache here, such as "
            f"{plan.missing[0]}, so all results stay as they are, with their dvc.lock; the "
            f"parameters are those of the last commit, and `{repro}` makes their results"
        )
    click.echo("Parameters and results are those of the last commit.")


def _say(title: str, paths: Sequence[str]) -> None:
    if paths:
        shown = [*paths[:_SHOWN], *(["…"] if len(paths) > _SHOWN else [])]
        click.echo(f"{title} ({len(paths)}): {', '.join(shown)}")
