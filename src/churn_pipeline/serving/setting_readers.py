"""Read the settings of the service from YAML: the file, and the values of each kind."""

import re
from collections.abc import Callable
from math import isfinite
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit

import yaml

from churn_pipeline.errors import ParameterError
from churn_pipeline.serving.http.networks import Network, parse_network

Reader = Callable[[Any], object]
"""Takes what YAML read; raises ValueError with the end of a sentence that begins with the key."""


def path(value: object) -> Path:
    """Take the path of a file or folder."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"is {value!r}; it must be the path of a file or folder")
    return Path(value)


def optional_path(value: object) -> Path | None:
    """Take such a path, or null."""
    return None if value is None else path(value)


def choice(literal: Any) -> Reader:
    """Take one of the texts of a ``Literal``."""
    options = get_args(literal)

    def read(value: object) -> str:
        if value not in options:
            raise ValueError(f"is {value!r}; valid options: {', '.join(options)}")
        return str(value)

    return read


def whole(minimum: int, maximum: int) -> Reader:
    """Take a whole number of a range."""

    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not minimum <= value <= maximum:
            raise ValueError(
                f"is {value!r}; it must be a whole number from {minimum:,} to {maximum:,}"
            )
        return value

    return read


def worker_count(value: object) -> int | str:
    """Take a number of processes, or ``cpu_count``."""
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 256:
        return value
    if value == "cpu_count":
        return "cpu_count"
    raise ValueError(f"is {value!r}; it must be a whole number from 1 to 256, or cpu_count")


def number(minimum: float, maximum: float, above: bool = False) -> Reader:
    """Take a number of a range; ``above``: its lower end is not in it."""

    def read(value: object) -> float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and isfinite(value) and minimum <= value <= maximum:  # type: ignore[arg-type, operator]
            if not (above and value == minimum):
                return float(value)  # type: ignore[arg-type]
        lower = f"above {minimum:g} and at most" if above else f"from {minimum:g} to"
        raise ValueError(f"is {value!r}; it must be a number {lower} {maximum:g}")

    return read


def flag(value: object) -> bool:
    """Take true or false."""
    if not isinstance(value, bool):
        raise ValueError(f"is {value!r}; it must be true or false")
    return value


def texts(value: object) -> list[str]:
    """Take a list of texts."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"is {value!r}; it must be a list of texts such as [a, b]")
    return value


def networks(value: object) -> tuple[Network, ...]:
    """Take a list of networks."""
    found = []
    for text in texts(value):
        try:
            found.append(parse_network(text))
        except ValueError as error:
            raise ValueError(f"holds {text!r}, which {error}") from None
    return tuple(found)


def some_of(options: tuple[str, ...]) -> Reader:
    """Take a list of some of these texts, each once."""

    def read(value: object) -> tuple[str, ...]:
        for text in texts(value):
            if text not in options:
                raise ValueError(f"holds {text!r}; valid options: {', '.join(options)}")
        return tuple(dict.fromkeys(texts(value)))

    return read


def origins(value: object) -> tuple[str, ...]:
    """Take a list of web origins, such as ``https://example.org``."""
    return tuple(_origin(text) for text in texts(value))


def _origin(text: str) -> str:
    try:
        parts = urlsplit(text)
        origin = f"{parts.scheme}://{parts.netloc}"
        bad = parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0
    except ValueError:  # a port that is none
        bad, origin = True, ""
    if bad or "@" in origin or "*" in origin or text.lower() not in (origin, origin + "/"):
        raise ValueError(
            f"holds {text!r}; name each origin as the browser sends it, like https://example.org"
        )
    return origin


def name(value: object) -> str | None:
    """Take a name that needs no escape anywhere, or null."""
    if value is None or (
        isinstance(value, str) and re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", value)
    ):
        return value
    raise ValueError(
        f"is {value!r}; it must be a name of up to 64 lower-case letters, digits, - and _, or null"
    )


def redis_address(value: object) -> str | None:
    """Take the address of a Redis server, or null."""
    # the value may hold a password, so no message does
    if value is None:
        return None
    try:
        parts = urlsplit(value if isinstance(value, str) else "")
        is_named = bool(parts.hostname) and parts.port != 0 and parts.scheme in ("redis", "rediss")
        is_good = is_named and re.fullmatch(r"/?\d*", parts.path) is not None
    except ValueError:
        is_good = False
    if not is_good:
        raise ValueError(
            "is no address of a Redis server; it must be like redis://:PASSWORD@HOST:6379/0, "
            "rediss:// for TLS, or null"
        )
    return str(value)


def section(file: Path) -> object:
    """Return the section ``serving`` of a params file as YAML read it; None if there is none.

    Raises
    ------
    ParameterError
        If the file cannot be read, or is no YAML; no line of it is in the message.
    """
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        reason = error.strerror or "it cannot be read"
        raise ParameterError(
            f"{file} cannot be read ({reason}); CHURN_PARAMS names the params file"
        ) from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ParameterError(f"{file} is no YAML: {_problem(error)}") from None
    if document is not None and not isinstance(document, dict):
        raise ParameterError(f"{file} must be a mapping of sections")
    return (document or {}).get("serving")


def _problem(error: Exception) -> str:
    """Say what is wrong and where, without the line itself: it may hold a password."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"{error.problem}, in line {error.problem_mark.line + 1}"
    return str(error).partition("\n")[0]
