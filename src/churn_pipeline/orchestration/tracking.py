"""Where MLflow keeps its runs."""

import os
from pathlib import Path

_PROJECT_ROOT = Path(__file__).resolve().parents[3]


def tracking_root() -> Path:
    """Return the folder of the MLflow store.

    DVC runs experiments in throw-away copies of the project (``dvc exp run --temp``) and names the
    real one in ``DVC_ROOT``: their runs belong into the same store as all others.
    """
    return Path(os.environ.get("DVC_ROOT", _PROJECT_ROOT))


def mlflow_tracking_uri() -> str:
    """Return ``MLFLOW_TRACKING_URI`` where it is set, else a SQLite file in the project's root.

    The path is absolute, since a relative one would start a second store in every folder that
    ``kedro`` is called from.
    """
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{tracking_root() / 'mlflow.db'}"


def mlflow_artifact_location() -> str | None:
    """Return where artifacts go; None leaves it to the server of ``MLFLOW_TRACKING_URI``."""
    if os.environ.get("MLFLOW_TRACKING_URI"):
        return None
    return (tracking_root() / "mlartifacts").as_uri()
