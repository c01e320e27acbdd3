"""The options of ``kedro api-key``, and how their texts are read."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from churn_pipeline.serving.http.networks import Network, parse_network
from churn_pipeline.serving.identity.caller import SCOPES
from churn_pipeline.serving.identity.key_file import to_time

_DURATION = re.compile(r"([1-9]\d{0,5})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
RATE = click.FloatRange(min=0, min_open=True, max=1e6)
BURST = click.IntRange(min=1, max=1_000_000)
NEVER, ANYWHERE, DEFAULT = "never", "any", "default"

file = click.option(
    "--file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of the keys; by default serving.api_keys of params.yaml.",
)


def owner(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Read whose key it is: words."""
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


def duration_of(_context: click.Context, _parameter: click.Parameter, value: str) -> timedelta:
    """Read the duration of an option."""
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
    return value if value in (None, NEVER) else expiry(value, datetime.now(UTC))


def _networks(
    _context: click.Context, _parameter: click.Parameter, values: Iterable[str]
) -> tuple[Network, ...] | None:
    """Return None if nothing is given, no network for ``any``."""
    values = tuple(values)
    if not values:
        return None
    if values == (ANYWHERE,):
        return ()
    networks = []
    for text in values:
        try:
            networks.append(parse_network(text))
        except ValueError as error:
            raise click.BadParameter(f"{text!r} {error}") from None
    return tuple(networks)


def or_default(kind: Any) -> Callable[..., Any]:
    """Return what reads a value of that kind, or the word ``default``."""

    def read(context: click.Context, parameter: click.Parameter, value: str | None) -> Any:
        return value if value in (None, DEFAULT) else kind.convert(value, parameter, context)

    return read


def scope(is_required: bool) -> Callable[[Any], Any]:
    """Return the option for the scopes of a key."""
    return click.option(
        "--scope",
        "scopes",
        multiple=True,
        required=is_required,
        type=click.Choice(SCOPES),
        help="What it may do; give several as several options.",
    )


expires = click.option(
    "--expires",
    callback=_expiry,
    help="When it ends: a duration such as 90d, the last day such as 2027-01-31, a time (UTC), or "
    "never.",
)
network = click.option(
    "--network",
    "networks",
    multiple=True,
    callback=_networks,
    help="From where it may be used, such as 10.0.0.0/8; give several as several options, or any.",
)
rate = click.option(
    "--requests-per-second",
    type=RATE,
    help="Lasting rate of its own; by default serving.requests_per_second.",
)
burst = click.option(
    "--burst",
    type=BURST,
    help="Requests at once of its own; by default serving.burst.",
)
quiet = click.option("--quiet", is_flag=True, help="Print the key alone, for scripts.")
