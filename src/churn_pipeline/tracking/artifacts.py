"""Artifacts of the project's MLflow store are in its root, wherever that is at present.

MLflow records the location of artifacts with every experiment, run and model, by absolute path. A
project that was moved would lose them, and a copy would write into the original's. So the store
records locations of the scheme ``churn-artifacts``, relative to the folder of the store; MLflow
finds this module by the entry point ``mlflow.artifact_repository``.
"""

from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repo import ArtifactRepository
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository
from mlflow.store.artifact.mlflow_artifacts_repo import MlflowArtifactsRepository

from churn_pipeline.tracking.store import ARTIFACTS, sqlite_path, tracking_root


def artifact_repository(
    artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None
) -> ArtifactRepository:
    """Return the repository of a location of the scheme ``churn-artifacts``.

    Parameters
    ----------
    artifact_uri : str
        Such as ``churn-artifacts:/<run>/artifacts``.
    tracking_uri : str, optional
        The store that recorded it; by default MLflow's present one.
    registry_uri : str, optional

    Raises
    ------
    MlflowException
        If the location is outside of the folder of artifacts.
    """
    import mlflow  # which imports this module while it is imported itself

    path = PurePosixPath(unquote(urlsplit(artifact_uri).path)).relative_to("/")
    if ".." in path.parts:
        raise MlflowException.invalid_parameter_value(f"Invalid artifact location: {artifact_uri}")
    store = tracking_uri or mlflow.get_tracking_uri()
    if store.startswith(("http:", "https:")):  # a server on such a store: it has the files
        return MlflowArtifactsRepository(f"mlflow-artifacts:/{path}", store, registry_uri)
    database = sqlite_path(store)
    folder = tracking_root() if database is None else database.parent
    return LocalArtifactRepository(_uri(folder / ARTIFACTS / path), tracking_uri, registry_uri)


def _uri(path: Path) -> str:
    return path.absolute().as_uri()
