"""Where MLflow keeps its runs, and how the store is opened."""

import logging
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from churn_pipeline.errors import ParameterError, TrackingError

PROJECT_ROOT = Path(__file__).resolve().parents[3]
STORE = "mlflow.db"
ARTIFACTS = "mlartifacts"
ARTIFACT_SCHEME = "churn-artifacts"  # see `artifacts`
SWITCH = "CHURN_TRACKING"
CHAMPION_ALIAS = "champion"  # of the model in use, in the registry

_SQLITE = "sqlite:///"
_SECONDS_TO_CONNECT = 3
_SECONDS_TO_ANSWER = 10
# MLflow's own defaults wait four minutes for a server that is down, and draw bars
_DEFAULTS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
_LOUD = ("mlflow", "alembic", "sqlalchemy", "urllib3")  # they log tracebacks and each attempt
_PASSWORD = re.compile(r"://[^/\s]*@")  # and the user's name, in an address


def tracking_root() -> Path:
    """Return the folder of the MLflow store.

    DVC runs experiments in throw-away copies of the project (``dvc exp run --temp``) and names the
    real DVC project in ``DVC_ROOT``: their runs belong into the same store as all others.
    """
    root = Path(os.environ.get("DVC_ROOT", PROJECT_ROOT)).resolve()
    # of a data set: the DVC project is within this project
    folders = (folder for folder in (root, *root.parents) if (folder / "pyproject.toml").is_file())
    return next(folders, root)


def mlflow_tracking_uri() -> str:
    """Return ``MLFLOW_TRACKING_URI`` where it is set, else a SQLite file in the project's root.

    The path is absolute, since a relative one would start a second store in every folder that
    ``kedro`` is called from.
    """
    return os.environ.get("MLFLOW_TRACKING_URI") or f"{_SQLITE}{tracking_root() / STORE}"


def mlflow_artifact_location() -> str | None:
    """Return where artifacts of the project's store go; None leaves it to another store."""
    is_own = sqlite_path(mlflow_tracking_uri()) == tracking_root() / STORE
    return f"{ARTIFACT_SCHEME}:/" if is_own else None


def sqlite_path(uri: str) -> Path | None:
    """Return the file of a SQLite store; None for other stores."""
    return Path(uri.removeprefix(_SQLITE)) if uri.startswith(_SQLITE) else None


def is_tracking_on() -> bool:
    """Whether runs are logged: not where ``CHURN_TRACKING`` is ``off``.

    Raises
    ------
    ParameterError
        If it is something else than ``on`` or ``off``.
    """
    value = os.environ.get(SWITCH, "").strip().lower()
    if value in ("off", "false", "no", "0"):
        return False
    if value in ("", "on", "true", "yes", "1"):
        return True
    raise ParameterError(f"the environment variable {SWITCH} is {value!r}; set it to on or off")


def open_store(*, create: bool = False, write: bool = False) -> Any:
    """Return a client of MLflow's store, after it has answered.

    Parameters
    ----------
    create : bool
        Whether to create a SQLite store that does not exist.
    write : bool
        Whether it is going to be written.

    Returns
    -------
    mlflow.MlflowClient

    Raises
    ------
    TrackingError
        If the store cannot be used. This takes seconds, and the message names the remedy.
    """
    reach_store(create=create, write=write)
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    for name in _LOUD:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    uri = mlflow_tracking_uri()
    try:
        from mlflow import MlflowClient

        client = MlflowClient(uri)
        client.search_experiments(max_results=1)
    except Exception as error:  # of MLflow, SQLAlchemy, requests, drivers
        raise unavailable(error) from error
    return client


def reach_store(*, create: bool = False, write: bool = False) -> None:
    """See whether the store can be reached, without MLflow, which takes seconds to import.

    Parameters and errors are those of :func:`open_store`. A SQLite file that is not there yet is
    no error unless it is to be created.
    """
    uri = mlflow_tracking_uri()
    path = sqlite_path(uri)
    if path is not None:
        from churn_pipeline.tracking.sqlite_store import prepare_sqlite_store

        prepare_sqlite_store(path, create=create, write=write)
        return
    try:
        _connect(uri)
    except Exception as error:  # of SQLAlchemy, requests, drivers
        raise unavailable(error) from error


def unavailable(error: BaseException) -> TrackingError:
    """Return one sentence that says why the store cannot be used, and what to do."""
    if isinstance(error, TrackingError):
        return error
    uri = mlflow_tracking_uri()
    reason = _reason(error)
    if path := sqlite_path(uri):
        remedy = "make the file, its folder and mlartifacts writable, and free disk space"
        if "database schema" in reason:
            remedy = f"back it up and run `mlflow db upgrade {uri}`"
        return TrackingError(
            f"{path}, the store of MLflow, or {ARTIFACTS} beside it cannot be used ({reason}); "
            f"{remedy}, or set MLFLOW_TRACKING_URI to another store"
        )
    address = _PASSWORD.sub("://", uri)
    return TrackingError(
        f"MLflow's store at {address} cannot be used ({reason}); check that it is running and that "
        "MLFLOW_TRACKING_URI and its credentials are correct, or unset MLFLOW_TRACKING_URI "
        f"to use {STORE} in the project's root"
    )


def _connect(uri: str) -> None:
    """Reach a server or database once, where MLflow would try again and again."""
    scheme = uri.partition(":")[0].partition("+")[0]
    if scheme in ("http", "https"):
        import requests

        with suppress(requests.exceptions.SSLError):  # MLflow has settings for certificates
            requests.get(uri, timeout=(_SECONDS_TO_CONNECT, _SECONDS_TO_ANSWER), stream=True)
    elif scheme in ("postgresql", "mysql"):
        import sqlalchemy

        engine = sqlalchemy.create_engine(
            uri, connect_args={"connect_timeout": _SECONDS_TO_CONNECT}
        )
        engine.connect().close()
        engine.dispose()


def _reason(error: BaseException) -> str:
    """Return the first words of the error at the root of all, since libraries wrap it."""
    found: BaseException | None = error
    while found is not None:
        kind = type(found).__name__
        if isinstance(found, ConnectionRefusedError):
            return "connection refused"
        if kind in ("ConnectTimeout", "ConnectTimeoutError"):
            return f"no connection within {_SECONDS_TO_CONNECT} seconds"
        if kind in ("ReadTimeout", "ReadTimeoutError"):
            return "no answer in time"
        if kind in ("NameResolutionError", "gaierror"):
            return "no such host"
        if isinstance(found, OSError) and found.errno and found.strerror:
            name = f": {found.filename}" if found.filename else ""
            return f"{found.strerror}{name}"
        found = found.__cause__ or found.__context__
    return _first_line(error)


def _first_line(error: BaseException) -> str:
    if found := re.search(r"too many \d+ error responses", str(error)):
        return found[0]
    line = str(error).partition("\n")[0].partition("Response body")[0].strip(" .:;,")
    return _PASSWORD.sub("://", line)[:200] or type(error).__name__
