"""``kedro api-key``, and without Kedro ``python -m churn_pipeline.serving.key_commands``."""

import contextlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import click

from churn_pipeline.commands import CommandGroup
from churn_pipeline.errors import ParameterError
from churn_pipeline.serving.audit.key_changes import WriteChange, audit_key, audited
from churn_pipeline.serving.http.networks import Network
from churn_pipeline.serving.identity import key_options as options
from churn_pipeline.serving.identity.caller import SCOPES, Caller, Scope
from churn_pipeline.serving.identity.key_changes import (
    create_key,
    revoke_key,
    rotate_key,
    update_key,
)
from churn_pipeline.serving.identity.key_file import ApiKey, read_keys, to_text, to_time
from churn_pipeline.serving.identity.key_use import read_uses
from churn_pipeline.serving.identity.token_commands import id_of, restore_token, revoke_token
from churn_pipeline.serving.settings import load_settings

SOON = timedelta(days=14)
"""A key that expires within this time is pointed out."""


@click.group(name="api-key", cls=CommandGroup)
def api_key() -> None:
    """Create, list, change and revoke the keys that the scoring service asks for.

    The file holds only hashes of the keys. A running service takes a change over within a second.
    """


for _command in (revoke_token, restore_token, id_of):
    api_key.add_command(_command)


@api_key.command()
@click.option(
    "--name",
    required=True,
    callback=options.owner,
    help="Whose key it is, such as the calling program.",
)
@options.scope(is_required=True)
@options.expires
@options.network
@options.rate
@options.burst
@options.quiet
@options.file
def create(
    name: str,
    scopes: tuple[str, ...],
    expires: datetime | str | None,
    networks: tuple[Network, ...] | None,
    requests_per_second: float | None,
    burst: int | None,
    quiet: bool,
    file: Path | None,
) -> None:
    """Create a key and print it, this once."""
    path = _path(file)
    with audited(path, file) as write:
        token, key = create_key(
            path,
            name,
            cast(tuple[Scope, ...], scopes),
            requests_per_second,
            burst,
            expires if isinstance(expires, datetime) else None,
            networks or (),
        )
        _write_change(write, "key_created", path, None, key)
    click.echo(token)
    if not quiet:
        _show(key, path)


@api_key.command("list")
@options.file
def list_keys(file: Path | None) -> None:
    """Show all keys, the oldest first; never their hashes.

    LAST USED is what the service on this machine wrote down (serving.key_use), to the minute.
    """
    path = _path(file)
    stored = read_keys(path)
    if stored is None or not stored.keys:
        click.echo(f"{path} holds no key yet; `create` makes one")
        return
    uses = None
    with contextlib.suppress(ParameterError):  # the keys may be those of another place
        uses = read_uses(load_settings().key_use)
    now = datetime.now(UTC)
    table = [["ID", "NAME", "SCOPES", "NETWORKS", "LIMITS", "CREATED", "LAST USED", "STATUS"]]
    for key in stored.keys:
        table.append(
            [
                key.key_id,
                key.name,
                _scopes(key),
                ", ".join(map(str, key.networks)) or options.ANYWHERE,
                _limits(key),
                key.created,
                "unknown" if uses is None else uses.get(key.key_id, "never"),
                _status(key, now),
            ]
        )
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


@api_key.command()
@click.argument("key_id")
@click.option("--name", callback=options.owner, help="Whose key it is.")
@options.scope(is_required=False)
@options.expires
@options.network
@click.option(
    "--requests-per-second",
    callback=options.or_default(options.RATE),
    help="Lasting rate of its own; default: that of serving.requests_per_second.",
)
@click.option(
    "--burst",
    callback=options.or_default(options.BURST),
    help="Requests at once of its own; default: those of serving.burst.",
)
@options.file
def update(
    key_id: str,
    name: str | None,
    scopes: tuple[str, ...],
    expires: datetime | str | None,
    networks: tuple[Network, ...] | None,
    requests_per_second: float | str | None,
    burst: int | str | None,
    file: Path | None,
) -> None:
    """Change the key KEY_ID; its secret and whatever is not given stay.

    Scopes and networks that are given replace all former ones.
    """
    changes: dict[str, Any] = {}
    if name is not None:
        changes["name"] = name
    if scopes:
        changes["scopes"] = frozenset(scopes)
    if expires is not None:
        changes["expires"] = to_text(expires) if isinstance(expires, datetime) else None
    if networks is not None:
        changes["networks"] = networks
    for limit, value in (("requests_per_second", requests_per_second), ("burst", burst)):
        if value is not None:
            changes[limit] = None if value == options.DEFAULT else value
    if not changes:
        raise click.UsageError("say what to change, such as --expires 90d")
    path = _path(file)
    with audited(path, file) as write:
        before = _known_key(path, key_id)
        key = update_key(path, key_id, **changes)
        _write_change(write, "key_updated", path, before, key)
    click.echo(f"the key {key.key_id} is now that of {_described(key)}")


@api_key.command()
@click.argument("key_id")
@click.option(
    "--overlap",
    default="7d",
    show_default=True,
    callback=options.duration_of,
    help="How long the old key is taken beside the new one, such as 12h; 0: no more.",
)
@options.quiet
@options.file
def rotate(key_id: str, overlap: timedelta, quiet: bool, file: Path | None) -> None:
    """Create a successor of the key KEY_ID and print it, this once.

    It has the same name, scopes, networks, limits and lifetime. The old key ends after the overlap,
    or when it would have ended anyway.
    """
    path = _path(file)
    with audited(path, file) as write:
        before = _known_key(path, key_id)
        token, successor, old = rotate_key(path, key_id, overlap)
        _write_change(write, "key_created", path, None, successor)
        _write_change(write, "key_updated", path, before, old)
    click.echo(token)
    if not quiet:
        _show(successor, path)
        click.echo(f"The key {old.key_id} ends at {old.expires}.", err=True)


@api_key.command("revoke")
@click.argument("key_id")
@options.file
def revoke_command(key_id: str, file: Path | None) -> None:
    """Refuse the key KEY_ID from now on; there is no way back.

    KEY_ID is what `list` shows: the eight characters after `churn_`.
    """
    path = _path(file)
    with audited(path, file) as write:
        before = _known_key(path, key_id)
        key = revoke_key(path, key_id)
        _write_change(write, "key_revoked", path, before, key)
    click.echo(f"the key {key.key_id} of {key.name} is revoked")


def _path(file: Path | None) -> Path:
    return file or load_settings().api_keys


def _write_change(
    write: WriteChange, event: str, path: Path, before: ApiKey | None, after: ApiKey
) -> None:
    write(
        event,
        audit_key(path),
        key=after.key_id,
        name=after.name,
        **{"from": before and before.rights(), "to": after.rights()},
    )


def _known_key(path: Path, key_id: str) -> ApiKey | None:
    stored = read_keys(path)
    return next((key for key in stored.keys if key.key_id == key_id), None) if stored else None


def _show(key: ApiKey, path: Path) -> None:
    click.echo(
        f"This is the key of {_described(key)}. It is shown only now: {path} holds its hash.\n"
        "Send it with each request as the header `Authorization: Bearer <key>`.",
        err=True,
    )


def _described(key: ApiKey) -> str:
    networks = f", from {', '.join(map(str, key.networks))}" if key.networks else ""
    end = f", until {key.expires}" if key.expires else ""
    return f"{key.name}, for {_scopes(key)}{networks}{end}"


def _status(key: ApiKey, now: datetime) -> str:
    if key.revoked:
        return f"revoked {key.revoked}"
    if not key.expires:
        return "in use"
    left = to_time(key.expires) - now
    if left <= timedelta():
        return f"expired {key.expires}"
    soon = f", in {left.days} days" if left.days else ", within a day"
    return f"in use until {key.expires}" + (soon if left < SOON else "")


def _scopes(key: Caller) -> str:
    return ", ".join(scope for scope in SCOPES if scope in key.scopes)


def _limits(key: Caller) -> str:
    rate = "" if key.requests_per_second is None else f"{key.requests_per_second:g}/s"
    burst = "" if key.burst is None else f"burst {key.burst}"
    return ", ".join(filter(None, [rate, burst])) or options.DEFAULT


if __name__ == "__main__":
    api_key()
