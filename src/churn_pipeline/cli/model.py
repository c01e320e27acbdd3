"""``kedro model``: the versions in the registry, their promotion and the way back."""

import getpass
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from kedro.framework.startup import ProjectMetadata

from churn_pipeline.cli.commands import environment_option, project_root
from churn_pipeline.cli.runs import StoreCommand, log_results, log_stage_notes, show_runs
from churn_pipeline.cli.wait import wait_option
from churn_pipeline.environments import Dataset, params_file, read_dataset
from churn_pipeline.errors import RegistryError
from churn_pipeline.locking import all_places, hold, place
from churn_pipeline.scorer.bundle import MANIFEST
from churn_pipeline.tracking.provenance import file_sha256, git_user
from churn_pipeline.tracking.store import (
    mlflow_tracking_uri,
    open_store,
    sqlite_path,
)


class _Group(click.Group):
    command_class = StoreCommand


@click.group(cls=_Group)
def model() -> None:
    """List registered models, promote one to champion, roll back.

    A run registers its model with the alias `challenger`. A person promotes it to `champion`.
    """


@model.command("list")
@environment_option
@click.pass_obj
def list_versions(metadata: ProjectMetadata | None, env: str | None) -> None:
    """List all versions, newest first; `workspace` marks the one whose files are in 06_models."""
    dataset = _dataset(metadata, env)
    client = _client()
    from churn_pipeline.tracking.promotion import gates_verdict
    from churn_pipeline.tracking.registry import alias, registered_model, versions

    table = [["VERSION", "ALIAS", "CANDIDATE", "GATES", "ROC-AUC", "LOG LOSS", "DATA", "COMMIT"]]
    registered = registered_model(client, dataset.name)
    names = sorted(registered.aliases) if registered else []
    folder = project_root(metadata) / dataset.folder
    present, unlogged = _workspace_sha256(folder), _failed_in_workspace(folder)
    for version in versions(client, dataset.name):
        number = str(version.version)
        aliases = [name for name in names if registered and alias(registered, name) == number]
        if present is not None and version.tags.get("model_sha256") == present:
            aliases.append("workspace")
        scores = _scores(client, version)
        table.append(
            [
                number,
                ", ".join(aliases),
                version.tags.get("candidate", ""),
                gates_verdict(version, unlogged),
                *("" if score is None else f"{score:.4f}" for score in scores),
                version.tags.get("data_sha256", "")[:8],
                version.tags.get("git_commit", "")[:8],
            ]
        )
    if len(table) == 1:
        raise _no_model()
    _echo(table)


_reason = click.option(
    "--reason", required=True, metavar="TEXT", help="The reason, for the history."
)


@wait_option
@model.command()
@click.argument("version", type=click.IntRange(min=1), required=False)
@_reason
@click.option("--force", is_flag=True, help="Promote even if gates failed or were not checked.")
@environment_option
@click.pass_obj
def promote(
    metadata: ProjectMetadata | None,
    version: int | None,
    reason: str,
    force: bool,
    env: str | None,
) -> None:
    """Make VERSION (default: the challenger) the champion.

    Refused if the version did not pass the gates.
    """
    dataset = _dataset(metadata, env)
    client = _client(write=True)
    from churn_pipeline.tracking import promotion

    # a run asks which model is the champion, compares with it and notes with which
    with hold([place(project_root(metadata), env)]):
        done = promotion.promote(
            client,
            dataset.name,
            None if version is None else str(version),
            why=_sentence(reason),
            force=force,
            unlogged=_failed_in_workspace(project_root(metadata) / dataset.folder),
            **_signature(metadata),
        )
    click.echo(f"version {done.to_version} is the champion (before: {done.from_version or 'none'})")


@wait_option
@model.command()
@_reason
@environment_option
@click.pass_obj
def rollback(metadata: ProjectMetadata | None, reason: str, env: str | None) -> None:
    """Return to the previous champion; a second time, to the one before that."""
    name = _dataset(metadata, env).name
    client = _client(write=True)
    from churn_pipeline.tracking import promotion

    with hold([place(project_root(metadata), env)]):
        done = promotion.rollback(client, name, why=_sentence(reason), **_signature(metadata))
    before = done.from_version or "none"
    click.echo(f"version {done.to_version} is the champion again (before: {before})")


@model.command()
@environment_option
@click.pass_obj
def history(metadata: ProjectMetadata | None, env: str | None) -> None:
    """List all promotions and rollbacks, oldest first."""
    name = _dataset(metadata, env).name
    client = _client()
    from churn_pipeline.tracking import promotion
    from churn_pipeline.tracking.registry import registered_model

    promotions = promotion.history(registered_model(client, name))
    if not promotions:
        raise RegistryError(
            "no model has been promoted yet; `kedro model promote` makes the challenger champion"
        )
    _echo(
        [
            ["WHEN", "WHO", "ACTION", "FROM", "TO", "GATES", "WHY"],
            *(
                [p.when, p.who, p.action, p.from_version or "none", p.to_version, p.gates, p.why]
                for p in promotions
            ),
        ]
    )


@wait_option
@model.command()
@click.argument("version", default="champion")
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder to write to; its contents are replaced.",
)
@click.option("--force", is_flag=True, help="Even if it has failed a gate since it was packaged.")
@environment_option
@click.pass_obj
def fetch(
    metadata: ProjectMetadata | None, version: str, folder: Path, force: bool, env: str | None
) -> None:
    """Fetch the bundle of VERSION (a number, champion or challenger), to serve it."""
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MANIFEST).is_file():
        raise click.BadParameter(
            f"{folder} contains something other than a bundle; choose another folder"
        )
    name = _dataset(metadata, env).name
    client = _client()
    from churn_pipeline.tracking.registry import fetch_bundle

    written = folder.resolve()
    places = [
        item for item in all_places(project_root(metadata)) if written.is_relative_to(item.folder)
    ]
    with hold(places):
        bundle = fetch_bundle(client, name, version, folder, force)
    click.echo(f"{folder}: bundle {bundle.version} of {version}")


for command in (log_results, log_stage_notes, show_runs):
    model.add_command(command)


def _client(*, write: bool = False) -> Any:
    """Return a client of the store, which must exist: looking at it should not create one."""
    path = sqlite_path(mlflow_tracking_uri())
    if path is not None and not path.exists():
        raise _no_model()
    return open_store(write=write)


def _scores(client: Any, version: Any) -> list[float | None]:
    """Return ROC-AUC and log loss, of the run that judged the version or else of its own.

    A run of the evaluation alone judges a version, but does not log these two.
    """
    scores: list[float | None] = [None, None]
    for run_id in (version.tags.get("gates_run_id"), version.run_id):
        metrics = _metrics(client, run_id)
        scores = [metrics.get(f"metrics.{name}.value") for name in ("roc_auc", "log_loss")]
        if any(score is not None for score in scores):
            break
    return scores


def _metrics(client: Any, run_id: str | None) -> dict[str, float]:
    """Return the metrics of a run; none where it has been deleted for good."""
    from mlflow import MlflowException

    try:
        metrics: dict[str, float] = client.get_run(run_id).data.metrics if run_id else {}
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return {}
    return metrics


def _no_model() -> RegistryError:
    return RegistryError(
        "no model is registered yet; `dvc repro` (or `kedro run`) trains and registers one"
    )


def _sentence(reason: str) -> str:
    text = " ".join(reason.split())
    if not text:
        raise click.BadParameter("the reason is empty; state why, for readers of the history")
    return text


def _dataset(metadata: ProjectMetadata | None, env: str | None) -> Dataset:
    return read_dataset(params_file(project_root(metadata), env))


def _workspace_sha256(folder: Path) -> str | None:
    path = folder / "06_models" / "model.pkl"
    return file_sha256(path) if path.is_file() else None


def _failed_in_workspace(folder: Path) -> dict[str, str]:
    """Return the gates that the workspace's model failed, by the sum of its file.

    The registry does not know of an evaluation that could not be logged. Gates that are older than
    the model are of an earlier one.
    """
    model, file = folder / "06_models" / "model.pkl", folder / "08_reporting" / "gates.json"
    try:
        if file.stat().st_mtime < model.stat().st_mtime:
            return {}
        gates = json.loads(file.read_text(encoding="utf-8"))["gates"]
        failed = [gate["gate"] for gate in gates if gate["passed"] is False]
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError):
        raise RegistryError(f"{file} is damaged; `dvc repro` writes it anew") from None
    return {file_sha256(model): ", ".join(failed)} if failed else {}


def _signature(metadata: ProjectMetadata | None) -> dict[str, str]:
    return {
        "who": git_user(project_root(metadata)) or _login_name(),
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        raise RegistryError(
            "the history needs your name, which is not configured; set it with `git config "
            "user.name NAME`"
        ) from None


def _echo(table: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(cells).rstrip())
