"""``kedro api-key``, and without Kedro ``python -m churn_pipeline.serving.key_commands``."""

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import click

from churn_pipeline.commands import CommandGroup
from churn_pipeline.errors import ParameterError
from churn_pipeline.serving.audit.key_changes import WriteChange, key_changes
from churn_pipeline.serving.identity.caller import SCOPES, Caller, Scope
from churn_pipeline.serving.identity.key_changes import (
    create_key,
    revoke_key,
    rotate_key,
    update_key,
)
from churn_pipeline.serving.identity.key_file import ApiKey, read_keys, to_text, to_time
from churn_pipeline.serving.identity.key_use import read_uses
from churn_pipeline.serving.identity.revocations import restore, revoke
from churn_pipeline.serving.identity.token_settings import TokenSettings
from churn_pipeline.serving.networks import Network, parse_network
from churn_pipeline.serving.settings import load_settings

SOON = timedelta(days=14)
"""A key that expires within this time is pointed out."""
_DURATION = re.compile(r"([1-9]\d{0,5})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_RATE = click.FloatRange(min=0, min_open=True, max=1e6)
_BURST = click.IntRange(min=1, max=1_000_000)
_NEVER, _ANYWHERE, _DEFAULT = "never", "any", "default"


@click.group(name="api-key", cls=CommandGroup)
def api_key() -> None:
    """Create, list, change and revoke the keys that the scoring service asks for.

    The file holds only hashes of the keys. A running service takes a change over within a second.
    """


_file = click.option(
    "--file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of the keys; by default serving.api_keys of params.yaml.",
)


def _name(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    text = " ".join(value.split())
    if not text or not text.isprintable():
        raise click.BadParameter("say in words whose key it is")
    return text


def duration(text: str) -> timedelta:
    """Read a duration such as ``90d``, ``12h``, ``4w`` or ``30m``; ``0`` is none at all.

    Raises
    ------
    click.BadParameter
        If it is no duration.
    """
    found = _DURATION.fullmatch(text)
    if found is None and text != "0":
        raise click.BadParameter("give a duration such as 90d, 12h, 4w or 30m")
    return timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else timedelta()


def _duration(_context: click.Context, _parameter: click.Parameter, value: str) -> timedelta:
    return duration(value)


def expiry(text: str, now: datetime) -> datetime:
    """Read from when on a key is refused: a duration from now, a day (its end), or a time, in UTC.

    Raises
    ------
    click.BadParameter
        If it is none of these, or has passed.
    """
    try:
        if _DURATION.fullmatch(text):
            return now + duration(text)
        if "T" in text:
            when = to_time(text)
        else:
            day = date.fromisoformat(text)
            when = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    except (ValueError, OverflowError):
        raise click.BadParameter(
            "give a duration such as 90d, a day such as 2027-01-31, which is the last one, or a "
            "time such as 2027-01-31T12:00:00Z"
        ) from None
    if when <= now:
        raise click.BadParameter("that has passed; `revoke` ends a key at once")
    return when


def _expiry(_context: click.Context, _parameter: click.Parameter, value: str | None) -> Any:
    return value if value in (None, _NEVER) else expiry(value, datetime.now(UTC))


def _networks(
    _context: click.Context, _parameter: click.Parameter, values: Iterable[str]
) -> tuple[Network, ...] | None:
    """Return None if nothing is given, no network for ``any``."""
    values = tuple(values)
    if not values:
        return None
    if values == (_ANYWHERE,):
        return ()
    networks = []
    for text in values:
        try:
            networks.append(parse_network(text))
        except ValueError as error:
            raise click.BadParameter(f"{text!r} {error}") from None
    return tuple(networks)


def _or_default(kind: Any) -> Callable[..., Any]:
    """Return what reads a value of that kind, or the word ``default``."""

    def read(context: click.Context, parameter: click.Parameter, value: str | None) -> Any:
        return value if value in (None, _DEFAULT) else kind.convert(value, parameter, context)

    return read


def _scope_option(is_required: bool) -> Callable[[Any], Any]:
    return click.option(
        "--scope",
        "scopes",
        multiple=True,
        required=is_required,
        type=click.Choice(SCOPES),
        help="What it may do; give several as several options.",
    )


_expires = click.option(
    "--expires",
    callback=_expiry,
    help="When it ends: a duration such as 90d, the last day such as 2027-01-31, a time (UTC), or "
    "never.",
)
_network = click.option(
    "--network",
    "networks",
    multiple=True,
    callback=_networks,
    help="From where it may be used, such as 10.0.0.0/8; give several as several options, or any.",
)
_rate = click.option(
    "--requests-per-second",
    type=_RATE,
    help="Lasting rate of its own; by default serving.requests_per_second.",
)
_burst = click.option(
    "--burst",
    type=_BURST,
    help="Requests at once of its own; by default serving.burst.",
)
_quiet = click.option("--quiet", is_flag=True, help="Print the key alone, for scripts.")


@api_key.command()
@click.option(
    "--name", required=True, callback=_name, help="Whose key it is, such as the calling program."
)
@_scope_option(is_required=True)
@_expires
@_network
@_rate
@_burst
@_quiet
@_file
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
    with _audited(path, file) as write:
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
@_file
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
                ", ".join(map(str, key.networks)) or _ANYWHERE,
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
@click.option("--name", callback=_name, help="Whose key it is.")
@_scope_option(is_required=False)
@_expires
@_network
@click.option(
    "--requests-per-second",
    callback=_or_default(_RATE),
    help="Lasting rate of its own; default: that of serving.requests_per_second.",
)
@click.option(
    "--burst",
    callback=_or_default(_BURST),
    help="Requests at once of its own; default: those of serving.burst.",
)
@_file
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
            changes[limit] = None if value == _DEFAULT else value
    if not changes:
        raise click.UsageError("say what to change, such as --expires 90d")
    path = _path(file)
    with _audited(path, file) as write:
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
    callback=_duration,
    help="How long the old key is taken beside the new one, such as 12h; 0: no more.",
)
@_quiet
@_file
def rotate(key_id: str, overlap: timedelta, quiet: bool, file: Path | None) -> None:
    """Create a successor of the key KEY_ID and print it, this once.

    It has the same name, scopes, networks, limits and lifetime. The old key ends after the overlap,
    or when it would have ended anyway.
    """
    path = _path(file)
    with _audited(path, file) as write:
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
@_file
def revoke_command(key_id: str, file: Path | None) -> None:
    """Refuse the key KEY_ID from now on; there is no way back.

    KEY_ID is what `list` shows: the eight characters after `churn_`.
    """
    path = _path(file)
    with _audited(path, file) as write:
        before = _known_key(path, key_id)
        key = revoke_key(path, key_id)
        _write_change(write, "key_revoked", path, before, key)
    click.echo(f"the key {key.key_id} of {key.name} is revoked")


_jti = click.option("--jti", help="Claim `jti` of a token.")
_subject = click.option("--subject", help="Claim `sub`: all tokens of it, also later ones.")
_revoked_file = click.option(
    "--file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of the revoked tokens; by default serving.tokens.revoked of params.yaml.",
)


@api_key.command("revoke-token")
@_jti
@_subject
@_revoked_file
def revoke_token(jti: str | None, subject: str | None, file: Path | None) -> None:
    """Refuse a token of the identity provider, or all tokens of a subject."""
    path = _revoked_path(jti, subject, file)
    with _audited(path, file) as write:
        revoke(path, jti, subject)
        write("token_revoked", _audit_key(load_settings().api_keys), jti=jti, subject=subject)
    click.echo(f"{_named(jti, subject)} is revoked")


@api_key.command("restore-token")
@_jti
@_subject
@_revoked_file
def restore_token(jti: str | None, subject: str | None, file: Path | None) -> None:
    """Take back what `revoke-token` did."""
    path = _revoked_path(jti, subject, file)
    with _audited(path, file) as write:
        if not restore(path, jti, subject):
            raise click.ClickException(f"{path} does not name {_named(jti, subject)}")
        write("token_restored", _audit_key(load_settings().api_keys), jti=jti, subject=subject)
    click.echo(f"{_named(jti, subject)} is no longer revoked")


@api_key.command("id-of")
@click.argument("subject")
def id_of(subject: str) -> None:
    """Print the id by which audit log and limits know SUBJECT, the claim `sub` of tokens."""
    from churn_pipeline.serving.identity.verification import subject_id  # loads the cryptography

    click.echo(subject_id(_token_settings().issuer, subject))


def _revoked_path(jti: str | None, subject: str | None, file: Path | None) -> Path:
    if bool(jti) == bool(subject):
        raise click.UsageError("give either --jti or --subject")
    return file or cast(Path, _token_settings().revoked)


def _token_settings() -> TokenSettings:
    settings = load_settings().tokens
    if settings is None:
        raise ParameterError("serving.tokens is null in params.yaml: no tokens are taken")
    return settings


def _named(jti: str | None, subject: str | None) -> str:
    return f"the token {jti!r}" if jti else f"the subject {subject!r}"


def _path(file: Path | None) -> Path:
    return file or load_settings().api_keys


@contextlib.contextmanager
def _audited(path: Path, file: Path | None) -> Iterator[WriteChange]:
    """Make sure that a change of a file can be written to the audit log."""
    with key_changes(path, None if file else load_settings().audit_log) as write:
        yield write


def _write_change(
    write: WriteChange, event: str, path: Path, before: ApiKey | None, after: ApiKey
) -> None:
    write(
        event,
        _audit_key(path),
        key=after.key_id,
        name=after.name,
        **{"from": before and before.rights(), "to": after.rights()},
    )


def _audit_key(path: Path) -> bytes | None:
    stored = read_keys(path)
    return None if stored is None else bytes.fromhex(stored.audit_key)


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
    return ", ".join(filter(None, [rate, burst])) or _DEFAULT


if __name__ == "__main__":
    api_key()
