"""``kedro api-key``, and without Kedro ``python -m churn_pipeline.serving.key_commands``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import click

from churn_pipeline.errors import ChurnPipelineError
from churn_pipeline.serving.api_keys import (
    SCOPES,
    ApiKey,
    Scope,
    create_key,
    read_keys,
    revoke_key,
)
from churn_pipeline.serving.audit.key_changes import WriteChange, key_changes
from churn_pipeline.serving.settings import load_settings


class _Command(click.Command):
    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ChurnPipelineError as error:
            raise click.ClickException(str(error)) from None


class _Group(click.Group):
    command_class = _Command


@click.group(name="api-key", cls=_Group)
def api_key() -> None:
    """Create, list and revoke the keys that the scoring service asks for.

    The file holds only hashes of the keys. A running service takes a change over within a second.
    """


_file = click.option(
    "--file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of the keys; by default serving.api_keys of params.yaml.",
)


def _name(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    text = " ".join(value.split())
    if not text or not text.isprintable():
        raise click.BadParameter("say in words whose key it is")
    return text


@api_key.command()
@click.option(
    "--name", required=True, callback=_name, help="Whose key it is, such as the calling program."
)
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice(SCOPES),
    help="What it may do; give several as several options.",
)
@click.option(
    "--requests-per-second",
    type=click.FloatRange(min=0, min_open=True, max=1e6),
    help="Lasting rate of its own; by default serving.requests_per_second.",
)
@click.option(
    "--burst",
    type=click.IntRange(min=1, max=1_000_000),
    help="Requests at once of its own; by default serving.burst.",
)
@click.option("--quiet", is_flag=True, help="Print the key alone, for scripts.")
@_file
def create(
    name: str,
    scopes: tuple[str, ...],
    requests_per_second: float | None,
    burst: int | None,
    quiet: bool,
    file: Path | None,
) -> None:
    """Create a key and print it, this once."""
    path = _path(file)
    with key_changes(path, _audit_folder(file)) as write:
        token, key = create_key(
            path, name, cast(tuple[Scope, ...], scopes), requests_per_second, burst
        )
        _write_change(write, "key_created", path, key, {"from": [], "to": _listed(key)})
    click.echo(token)
    if not quiet:
        click.echo(
            f"This is the key of {key.name}, for {_scopes(key)}. It is shown only now: {path} "
            "holds its hash.\n"
            "Send it with each request as the header `Authorization: Bearer <key>`.",
            err=True,
        )


@api_key.command("list")
@_file
def list_keys(file: Path | None) -> None:
    """Show all keys, the oldest first; never their hashes."""
    path = _path(file)
    stored = read_keys(path)
    if stored is None or not stored.keys:
        click.echo(f"{path} holds no key yet; `create` makes one")
        return
    table = [["ID", "NAME", "SCOPES", "LIMITS", "CREATED", "STATUS"]]
    for key in stored.keys:
        status = f"revoked {key.revoked}" if key.revoked else "in use"
        table.append([key.key_id, key.name, _scopes(key), _limits(key), key.created, status])
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


@api_key.command()
@click.argument("key_id")
@_file
def revoke(key_id: str, file: Path | None) -> None:
    """Refuse the key KEY_ID from now on; there is no way back.

    KEY_ID is what `list` shows: the eight characters after `churn_`.
    """
    path = _path(file)
    with key_changes(path, _audit_folder(file)) as write:
        key = revoke_key(path, key_id)
        _write_change(write, "key_revoked", path, key, {"from": _listed(key), "to": []})
    click.echo(f"the key {key.key_id} of {key.name} is revoked")


def _path(file: Path | None) -> Path:
    return file or load_settings().api_keys


def _audit_folder(file: Path | None) -> Path | None:
    return None if file else load_settings().audit_log


def _write_change(
    write: WriteChange, event: str, path: Path, key: ApiKey, scopes: Mapping[str, list[str]]
) -> None:
    stored = read_keys(path)
    if stored is not None:
        audit_key = bytes.fromhex(stored.audit_key)
        write(event, audit_key, key=key.key_id, name=key.name, **scopes)


def _listed(key: ApiKey) -> list[str]:
    return [scope for scope in SCOPES if scope in key.scopes]


def _scopes(key: ApiKey) -> str:
    return ", ".join(_listed(key))


def _limits(key: ApiKey) -> str:
    rate = "" if key.requests_per_second is None else f"{key.requests_per_second:g}/s"
    burst = "" if key.burst is None else f"burst {key.burst}"
    return ", ".join(filter(None, [rate, burst])) or "default"


if __name__ == "__main__":
    api_key()
