"""Section ``serving`` of ``params.yaml``: how the service runs."""

import difflib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from math import isfinite
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

import yaml

from churn_pipeline.environments import params_file, project_of
from churn_pipeline.errors import ParameterError
from churn_pipeline.serving.identity.token_settings import TokenSettings, read_token_settings
from churn_pipeline.serving.networks import Network, parse_network

PREFIX = "CHURN_SERVING_"
STARTED_IN = "CHURN_STARTED_IN"
"""Variable that tells workers in which folder the service was started; BentoML takes them away."""
Mode = Literal["champion", "shadow", "split"]
AuditFailure = Literal["refuse", "continue"]
AuditFull = Literal["remove", "refuse"]
AuditTarget = Literal["file", "stdout", "both"]
LogFormat = Literal["text", "json"]
UnseenCategory = Literal["refuse", "missing"]
PUBLIC_ROUTES = ("/docs", "/metrics", "/openapi.json")
"""The routes without customers' data; the probes are always public."""

# what Kubernetes sets in every container next to a Service that is called churn-serving
_OF_KUBERNETES = re.compile(r"SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_\w+)?")


@dataclass(frozen=True)
class ServingSettings:
    """How the service runs.

    Attributes
    ----------
    champion : Path
        Folder of the bundle that answers.
    challenger : Path or None
        Folder of a second bundle.
    mode : {"champion", "shadow", "split"}
        Whether the challenger does nothing, scores silently, or answers a share of the customers.
    challenger_share : float
        Share of customers that ``split`` gives to the challenger.
    unseen_category : {"refuse", "missing"}
        What becomes of a category the contract does not list.
    max_batch_customers : int
        Customers in one request at most.
    max_body_bytes : int
        Size of a request's body at most.
    max_bodies_bytes : int
        Of all bodies that a worker has in memory, and of the values of each.
    caller_bodies_share : float
        Share of these that one key or subject, or without authentication one address, may hold.
    max_unsent_bytes : int
        Of answers that a worker's clients have not read.
    max_shadow_bytes : int
        Of customers who wait at a worker for a silent challenger.
    max_connections : int
        Open at a worker at most.
    request_seconds : float
        A client may take so long to send a request, and as long to read the answer.
    authentication : bool
        Whether a request needs a key.
    api_keys : Path
        File of the keys' hashes.
    key_use : Path
        File of when each key was last used.
    tokens : TokenSettings or None
        Whose tokens are taken beside the keys; None: nobody's.
    requests_per_second, burst : float, int
        What a key without limits of its own may ask, over all workers: lasting rate, and requests
        at once.
    allowed_networks : tuple of network
        From where requests are answered; empty: from everywhere.
    public_routes : tuple of str
        Which of /docs, /metrics and /openapi.json are answered without a key; without
        authentication all are.
    metrics_networks : tuple of network
        From where /metrics is answered without a key, though it is not public.
    cors_origins : tuple of str
        Web origins whose pages may ask; empty: none.
    audit_log : Path
        Folder of the audit log.
    audit_max_bytes, audit_files : int
        Size at which a file of the audit log is rotated, and files kept for each worker.
    audit_failure : {"refuse", "continue"}
        What becomes of an answer that cannot be written to the audit log: 503, or it is sent and
        counted as lost.
    audit_full : {"remove", "refuse"}
        What becomes of the oldest file of answers when there are ``audit_files``: it is removed, or
        no more is written until somebody has moved it away, as where the disk is full.
    audit_to : {"file", "stdout", "both"}
        Where the lines of the audit log go.
    log_format : {"text", "json"}
        Of the log on the standard output.
    feedback : Path
        Folder of what became of customers.
    feedback_file_bytes, feedback_max_bytes : int
        Size at which a file there is followed by the next, and of all of them, beyond which
        feedback is refused.
    shadow_log : Path
        Folder of what a silent challenger scored.
    deployment : Path
        Folder where the workers agree on the models that answer.
    deployment_group : str or None
        Name under which services share what answers; None: each port has a deployment of its own.
    allow_ungated : bool
        Whether models may answer that passed no quality gate.
    redis : str or None
        Address of a Redis server over which hosts share rate limits, revoked keys and tokens.
    redis_name : str or None
        Name under which they do; None: ``deployment_group``, else one made of the file of the keys.
    workers : int or "cpu_count"
        Processes that answer.
    """

    champion: Path = Path("data/06_models/bundle")
    challenger: Path | None = None
    mode: Mode = "champion"
    challenger_share: float = 0.1
    unseen_category: UnseenCategory = "refuse"
    max_batch_customers: int = 1000
    max_body_bytes: int = 2_000_000
    max_bodies_bytes: int = 16_000_000
    caller_bodies_share: float = 0.5
    max_unsent_bytes: int = 16_000_000
    max_shadow_bytes: int = 16_000_000
    max_connections: int = 1000
    request_seconds: float = 30.0
    authentication: bool = True
    api_keys: Path = Path("conf/local/api_keys.json")
    key_use: Path = Path("data/09_serving/key_use.json")
    tokens: TokenSettings | None = None
    requests_per_second: float = 100.0
    burst: int = 200
    allowed_networks: tuple[Network, ...] = ()
    public_routes: tuple[str, ...] = PUBLIC_ROUTES
    metrics_networks: tuple[Network, ...] = ()
    cors_origins: tuple[str, ...] = ()
    audit_log: Path = Path("data/09_serving/audit")
    audit_max_bytes: int = 50_000_000
    audit_files: int = 40
    audit_failure: AuditFailure = "refuse"
    audit_full: AuditFull = "remove"
    audit_to: AuditTarget = "file"
    log_format: LogFormat = "text"
    feedback: Path = Path("data/09_serving/feedback")
    feedback_file_bytes: int = 10_000_000
    feedback_max_bytes: int = 200_000_000
    shadow_log: Path = Path("data/09_serving/shadow")
    deployment: Path = Path("data/09_serving/deployment")
    deployment_group: str | None = None
    allow_ungated: bool = False
    redis: str | None = None
    redis_name: str | None = None
    workers: int | str = 1


def load_settings(
    path: Path | None = None, environ: Mapping[str, str] = os.environ
) -> ServingSettings:
    """Read the settings: their defaults, then ``params.yaml``, then the environment.

    Parameters
    ----------
    path : Path, optional
        The params file; by default that of the variable ``CHURN_PARAMS``, else that of the data
        set which ``KEDRO_ENV`` names, else ``params.yaml`` in the working folder, which may be
        absent.
    environ : mapping of str to str
        ``CHURN_SERVING_<KEY>`` holds a value of the section, written as in YAML.

    Returns
    -------
    ServingSettings
        With relative paths taken from the folder of the params file, or from the project's root
        for ``conf/NAME/params.yaml``. Of a Bento, only the bundles lie there; keys, logs and
        deployment lie where it was started.

    Raises
    ------
    ParameterError
        With one sentence a problem that names the key, the value and what is expected.
    DatasetNameError
        If ``KEDRO_ENV`` names no data set.
    """
    named = path or (Path(environ["CHURN_PARAMS"]) if environ.get("CHURN_PARAMS") else None)
    file = named or params_file(Path(), environ.get("KEDRO_ENV"))
    section: object = None
    if named or file.exists():
        section = _load_yaml(file)
    folder = project_of(file)
    # who serves a Bento writes beside it, not into BentoML's store
    is_bento = (folder.parent / "bento.yaml").is_file()
    state = Path(environ[STARTED_IN]) if is_bento and environ.get(STARTED_IN) else folder
    return parse_settings(section, folder, environ, source=str(file), state=state)


def parse_settings(
    section: object,
    folder: Path,
    environ: Mapping[str, str] = os.environ,
    source: str = "params.yaml",
    state: Path | None = None,
) -> ServingSettings:
    """Check the section ``serving`` and fill in its defaults.

    Parameters
    ----------
    section : object
        What YAML read; None is an empty section.
    folder : Path
        Where relative paths begin.
    environ : mapping of str to str
        As for :func:`load_settings`.
    source : str
        Name of the file, for the messages.
    state : Path, optional
        Where relative paths begin of what is no part of a model: keys, logs, deployment; by
        default ``folder``.

    Raises
    ------
    ParameterError
        As :func:`load_settings`.
    """
    if section is None:
        section = {}
    if not isinstance(section, Mapping):
        raise ParameterError(f"{source}: serving must be a mapping of keys to values")
    given = [(f"{source}: serving.{key}", str(key), value) for key, value in section.items()]
    given += [(name, name.removeprefix(PREFIX).lower(), v) for name, v in _from(environ).items()]
    defaults = ServingSettings()
    values = {field.name: getattr(defaults, field.name) for field in fields(ServingSettings)}
    problems: dict[str, str] = {}
    for where, key, value in given:
        try:
            values[key] = _read(key, value)
            problems.pop(key, None)
        except ValueError as error:
            problems[key] = f"{where} {error}"
    if not problems and values["mode"] != "champion" and values["challenger"] is None:
        where = f"{PREFIX}MODE" if f"{PREFIX}MODE" in environ else f"{source}: serving.mode"
        problems["mode"] = f"{where} is {values['mode']!r}, which needs a serving.challenger"
    one, all_ = values["max_body_bytes"], values["max_bodies_bytes"]
    if not problems and one > all_:
        problems["max_bodies_bytes"] = (
            f"{source}: serving.max_bodies_bytes is {all_:,}, less than max_body_bytes ({one:,}); "
            "raise it"
        )
    if problems:
        raise ParameterError("; ".join(problems.values()))
    for key, value in values.items():
        if isinstance(value, Path):
            is_model = key in ("champion", "challenger")
            values[key] = (folder if is_model or state is None else state) / value
        elif isinstance(value, TokenSettings):
            values[key] = value.located(state or folder, values["api_keys"])
    return ServingSettings(**values)


def _load_yaml(file: Path) -> object:
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


def _from(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of the environment, in a fixed order."""
    values = {}
    for name in sorted(environ):
        key = name.removeprefix(PREFIX)
        if key == name or _OF_KUBERNETES.fullmatch(key):
            continue
        try:
            values[name] = yaml.safe_load(environ[name])
        except yaml.YAMLError:
            raise ParameterError(f"{name} is no YAML value; put texts in quotes") from None
    return values


def _read(key: str, value: object) -> object:
    """Check one value.

    Raises
    ------
    ValueError
        With the end of a sentence that begins with the key.
    """
    read = _READERS.get(key)
    if read is None:
        near = difflib.get_close_matches(key, _READERS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"valid keys: {', '.join(_READERS)}"
        raise ValueError(f"is not a key; {hint}")
    return read(value)


Reader = Callable[[Any], object]


def _path(value: object) -> Path:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"is {value!r}; it must be the path of a file or folder")
    return Path(value)


def _optional_path(value: object) -> Path | None:
    return None if value is None else _path(value)


def _choice(options: tuple[str, ...]) -> Reader:
    def read(value: object) -> str:
        if value not in options:
            raise ValueError(f"is {value!r}; valid options: {', '.join(options)}")
        return str(value)

    return read


def _whole(minimum: int, maximum: int) -> Reader:
    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not minimum <= value <= maximum:
            raise ValueError(
                f"is {value!r}; it must be a whole number from {minimum:,} to {maximum:,}"
            )
        return value

    return read


def _workers(value: object) -> int | str:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 256:
        return value
    if value == "cpu_count":
        return "cpu_count"
    raise ValueError(f"is {value!r}; it must be a whole number from 1 to 256, or cpu_count")


def _number(minimum: float, maximum: float, above: bool = False) -> Reader:
    def read(value: object) -> float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and isfinite(value) and minimum <= value <= maximum:  # type: ignore[arg-type, operator]
            if not (above and value == minimum):
                return float(value)  # type: ignore[arg-type]
        lower = f"above {minimum:g} and at most" if above else f"from {minimum:g} to"
        raise ValueError(f"is {value!r}; it must be a number {lower} {maximum:g}")

    return read


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"is {value!r}; it must be true or false")
    return value


def _texts(value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"is {value!r}; it must be a list of texts such as [a, b]")
    return value


def _networks(value: object) -> tuple[Network, ...]:
    networks = []
    for text in _texts(value):
        try:
            networks.append(parse_network(text))
        except ValueError as error:
            raise ValueError(f"holds {text!r}, which {error}") from None
    return tuple(networks)


def _routes(value: object) -> tuple[str, ...]:
    for text in _texts(value):
        if text not in PUBLIC_ROUTES:
            raise ValueError(f"holds {text!r}; valid options: {', '.join(PUBLIC_ROUTES)}")
    return tuple(dict.fromkeys(_texts(value)))


def _origins(value: object) -> tuple[str, ...]:
    return tuple(_origin(text) for text in _texts(value))


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


def _group(value: object) -> str | None:
    if value is None or (
        isinstance(value, str) and re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", value)
    ):
        return value
    raise ValueError(
        f"is {value!r}; it must be a name of up to 64 lower-case letters, digits, - and _, or null"
    )


def _redis(value: object) -> str | None:
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


_READERS: Mapping[str, Reader] = {
    "champion": _path,
    "challenger": _optional_path,
    "mode": _choice(get_args(Mode)),
    "challenger_share": _number(0, 1),
    "unseen_category": _choice(get_args(UnseenCategory)),
    "max_batch_customers": _whole(1, 100_000),
    "max_body_bytes": _whole(1000, 1_000_000_000),
    "max_bodies_bytes": _whole(1000, 100_000_000_000),
    "caller_bodies_share": _number(0, 1, above=True),
    "max_unsent_bytes": _whole(1000, 100_000_000_000),
    "max_shadow_bytes": _whole(1000, 100_000_000_000),
    "max_connections": _whole(1, 1_000_000),
    "request_seconds": _number(0.1, 3600),
    "authentication": _flag,
    "api_keys": _path,
    "key_use": _path,
    "tokens": read_token_settings,
    "requests_per_second": _number(0, 1e6, above=True),
    "burst": _whole(1, 1_000_000),
    "allowed_networks": _networks,
    "public_routes": _routes,
    "metrics_networks": _networks,
    "cors_origins": _origins,
    "audit_log": _path,
    "audit_max_bytes": _whole(1000, 10_000_000_000),
    "audit_files": _whole(1, 1000),
    "audit_failure": _choice(get_args(AuditFailure)),
    "audit_full": _choice(get_args(AuditFull)),
    "audit_to": _choice(get_args(AuditTarget)),
    "log_format": _choice(get_args(LogFormat)),
    "feedback": _path,
    "feedback_file_bytes": _whole(1000, 10_000_000_000),
    "feedback_max_bytes": _whole(1000, 100_000_000_000_000),
    "shadow_log": _path,
    "deployment": _path,
    "deployment_group": _group,
    "allow_ungated": _flag,
    "redis": _redis,
    "redis_name": _group,
    "workers": _workers,
}
