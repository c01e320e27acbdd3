"""``kedro audit``, and without Kedro ``python -m churn_pipeline.serving.audit``."""

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import click

from churn_pipeline.commands import CommandGroup
from churn_pipeline.serving.audit.key_changes import folder_beside
from churn_pipeline.serving.audit.report import LogReport, Position
from churn_pipeline.serving.audit.search import find_customer
from churn_pipeline.serving.audit.verification import verify_folder
from churn_pipeline.serving.identity.key_file import read_keys
from churn_pipeline.serving.settings import load_settings


@click.group(name="audit", cls=CommandGroup)
def audit() -> None:
    """Verify and search the audit log of the scoring service."""


def _options(command: Callable[..., None]) -> Callable[..., None]:
    folder = click.option(
        "--folder",
        type=click.Path(file_okay=False, path_type=Path),
        help="Folder of the log; by default serving.audit_log of params.yaml.",
    )
    keys = click.option(
        "--keys",
        "key_files",
        multiple=True,
        type=click.Path(dir_okay=False, path_type=Path),
        help="File of API keys that holds the log's audit key; several for a log that is older "
        "than the present file. By default serving.api_keys.",
    )
    return folder(keys(command))


@audit.command()
@_options
@click.option(
    "--heads",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File that remembers where each log ends; keep it where the service cannot write. What "
    "it names must still be there; it is written anew if all is well.",
)
@click.option(
    "--accept-unkeyed",
    is_flag=True,
    help="Accept logs that end in a file chained without a key.",
)
def verify(
    folder: Path | None, key_files: tuple[Path, ...], heads: Path | None, accept_unkeyed: bool
) -> None:
    """Check that no line or file of the audit log was changed, removed, added or moved.

    What retention has removed (serving.audit_files) is no fault; neither is a last line that a
    power cut has torn. Exits by 1 if anything else is found.
    """
    folders, audit_keys = _places(folder, key_files)
    expected = _read_heads(heads) if heads is not None else {}
    found: dict[str, dict[str, Position]] = {}
    is_good = True
    any_log = False
    for place in folders:
        name = str(place.resolve())
        reports = verify_folder(
            place, audit_keys, expected.get(name), accept_unkeyed=accept_unkeyed
        )
        any_log = any_log or bool(reports)
        for report in reports:
            _print(report)
            is_good = is_good and not report.problems
            if report.end is not None:
                found.setdefault(name, {})[report.log] = report.end
    if not any_log:
        raise click.ClickException(f"there is no audit log in {folders[0]}")
    if not audit_keys:
        click.echo("note: without a file of API keys only accidents are found", err=True)
    if not is_good:
        raise click.ClickException("the audit log is not as it was written")
    if heads is not None:
        _write_heads(heads, {**expected, **found})


@audit.command()
@click.argument("customer")
@_options
def find(customer: str, folder: Path | None, key_files: tuple[Path, ...]) -> None:
    """Print what was answered about CUSTOMER, by the id as it was sent: a JSON object a line."""
    folders, audit_keys = _places(folder, key_files)
    if not audit_keys:
        raise click.ClickException(
            "customers' lines are found by the audit key, but there is no file of API keys; "
            "name it by --keys"
        )
    count = 0
    for line in find_customer(folders, customer, audit_keys):
        click.echo(json.dumps(line))
        count += 1
    if not count:
        click.echo("the audit log has no line about this customer", err=True)


def _places(folder: Path | None, key_files: Sequence[Path]) -> tuple[list[Path], list[bytes]]:
    """Return the folders to read and the audit keys."""
    if folder is None or not key_files:
        settings = load_settings()
        beside = folder_beside(settings.api_keys)
        folders = [settings.audit_log, *([beside] if beside.is_dir() else [])]
        key_files = key_files or [settings.api_keys]
    if folder is not None:
        folders = [folder]
    return folders, list(_audit_keys(key_files))


def _audit_keys(files: Iterable[Path]) -> Iterable[bytes]:
    for path in files:
        stored = read_keys(path)
        if stored is not None:
            yield bytes.fromhex(stored.audit_key)


def _print(report: LogReport) -> None:
    state = f"{len(report.problems)} problems" if report.problems else "whole"
    click.echo(f"{report.log}: {report.files} files, {report.lines:,} lines, {state}")
    for note in report.notes:
        click.echo(f"note: {note}", err=True)
    for problem in report.problems:
        click.echo(problem, err=True)


def _read_heads(path: Path) -> Mapping[str, Mapping[str, Position]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {
            folder: {log: Position(**position) for log, position in logs.items()}
            for folder, logs in content.items()
        }
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError):
        raise click.ClickException(
            f"{path} was not written by `audit verify --heads`; name another file"
        ) from None


def _write_heads(path: Path, heads: Mapping[str, Mapping[str, Position]]) -> None:
    content = {
        folder: {log: asdict(position) for log, position in logs.items()}
        for folder, logs in heads.items()
    }
    staged = path.with_name(f".{path.name}.{os.getpid()}.partial")
    staged.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    staged.replace(path)
