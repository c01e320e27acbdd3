"""Section ``serving`` of ``params.yaml``: how the service runs."""

import difflib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml

from churn_pipeline.environments import params_file, project_of
from churn_pipeline.errors import ParameterError
from churn_pipeline.serving import setting_readers as read
from churn_pipeline.serving.http.networks import Network
from churn_pipeline.serving.identity.token_settings import TokenSettings, read_token_settings

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
    """How the service runs; beside each setting stands what reads it.

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

    champion: Annotated[Path, read.path] = Path("data/06_models/bundle")
    challenger: Annotated[Path | None, read.optional_path] = None
    mode: Annotated[Mode, read.choice(Mode)] = "champion"
    challenger_share: Annotated[float, read.number(0, 1)] = 0.1
    unseen_category: Annotated[UnseenCategory, read.choice(UnseenCategory)] = "refuse"
    max_batch_customers: Annotated[int, read.whole(1, 100_000)] = 1000
    max_body_bytes: Annotated[int, read.whole(1000, 1_000_000_000)] = 2_000_000
    max_bodies_bytes: Annotated[int, read.whole(1000, 100_000_000_000)] = 16_000_000
    caller_bodies_share: Annotated[float, read.number(0, 1, above=True)] = 0.5
    max_unsent_bytes: Annotated[int, read.whole(1000, 100_000_000_000)] = 16_000_000
    max_shadow_bytes: Annotated[int, read.whole(1000, 100_000_000_000)] = 16_000_000
    max_connections: Annotated[int, read.whole(1, 1_000_000)] = 1000
    request_seconds: Annotated[float, read.number(0.1, 3600)] = 30.0
    authentication: Annotated[bool, read.flag] = True
    api_keys: Annotated[Path, read.path] = Path("conf/local/api_keys.json")
    key_use: Annotated[Path, read.path] = Path("data/09_serving/key_use.json")
    tokens: Annotated[TokenSettings | None, read_token_settings] = None
    requests_per_second: Annotated[float, read.number(0, 1e6, above=True)] = 100.0
    burst: Annotated[int, read.whole(1, 1_000_000)] = 200
    allowed_networks: Annotated[tuple[Network, ...], read.networks] = ()
    public_routes: Annotated[tuple[str, ...], read.some_of(PUBLIC_ROUTES)] = PUBLIC_ROUTES
    metrics_networks: Annotated[tuple[Network, ...], read.networks] = ()
    cors_origins: Annotated[tuple[str, ...], read.origins] = ()
    audit_log: Annotated[Path, read.path] = Path("data/09_serving/audit")
    audit_max_bytes: Annotated[int, read.whole(1000, 10_000_000_000)] = 50_000_000
    audit_files: Annotated[int, read.whole(1, 1000)] = 40
    audit_failure: Annotated[AuditFailure, read.choice(AuditFailure)] = "refuse"
    audit_full: Annotated[AuditFull, read.choice(AuditFull)] = "remove"
    audit_to: Annotated[AuditTarget, read.choice(AuditTarget)] = "file"
    log_format: Annotated[LogFormat, read.choice(LogFormat)] = "text"
    feedback: Annotated[Path, read.path] = Path("data/09_serving/feedback")
    feedback_file_bytes: Annotated[int, read.whole(1000, 10_000_000_000)] = 10_000_000
    feedback_max_bytes: Annotated[int, read.whole(1000, 100_000_000_000_000)] = 200_000_000
    shadow_log: Annotated[Path, read.path] = Path("data/09_serving/shadow")
    deployment: Annotated[Path, read.path] = Path("data/09_serving/deployment")
    deployment_group: Annotated[str | None, read.name] = None
    allow_ungated: Annotated[bool, read.flag] = False
    redis: Annotated[str | None, read.redis_address] = None
    redis_name: Annotated[str | None, read.name] = None
    workers: Annotated[int | str, read.worker_count] = 1


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
        section = read.section(file)
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
    """Check one value; ValueError is the end of a sentence that begins with the key."""
    reader = _READERS.get(key)
    if reader is None:
        near = difflib.get_close_matches(key, _READERS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"valid keys: {', '.join(_READERS)}"
        raise ValueError(f"is not a key; {hint}")
    return reader(value)


_READERS: Mapping[str, read.Reader] = {
    each.name: each.type.__metadata__[0]  # type: ignore[union-attr]
    for each in fields(ServingSettings)
}
