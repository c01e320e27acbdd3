"""Where MLflow keeps its runs."""

import os
from pathlib import Path

from churn_pipeline.errors import RegistryError

PROJECT_ROOT = Path(__file__).resolve().parents[3]

_SQLITE = b"SQLite format 3\0"  # what each of its files begins with


def tracking_root() -> Path:
    """Return the folder of the MLflow store.

    DVC runs experiments in throw-away copies of the project (``dvc exp run --temp``) and names the
    real DVC project in ``DVC_ROOT``: their runs belong into the same store as all others.
    """
    root = Path(os.environ.get("DVC_ROOT", PROJECT_ROOT)).resolve()
    # of a data set: the DVC project lies within this project
    folders = (folder for folder in (root, *root.parents) if (folder / "pyproject.toml").is_file())
    return next(folders, root)


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


def create_store(uri: str) -> None:
    """Create the SQLite store that ``uri`` names, whole or not at all, unless it exists.

    MLflow itself creates it table by table: a run killed meanwhile leaves a file on which every
    later one fails. A ``uri`` of another kind is left to MLflow.

    Raises
    ------
    RegistryError
        If the file is something else than a SQLite database.
    """
    path = Path(uri.removeprefix("sqlite:///"))
    if not uri.startswith("sqlite:///"):
        return
    if path.exists():
        with path.open("rb") as file:
            start = file.read(len(_SQLITE))
        if start not in (b"", _SQLITE):
            raise RegistryError(
                f"{path.name}, the store of MLflow, is no SQLite database; move it away, and the "
                "next run makes a new one, or set MLFLOW_TRACKING_URI to another store"
            )
        return
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    staged = path.with_name(f".{path.name}.{os.getpid()}.partial")
    staged.unlink(missing_ok=True)
    artifacts = mlflow_artifact_location() or (tracking_root() / "mlartifacts").as_uri()
    SqlAlchemyStore(f"sqlite:///{staged}", artifacts).engine.dispose()
    try:
        os.link(staged, path)  # a rename would replace what another process created meanwhile
    except FileExistsError:
        pass
    finally:
        staged.unlink()
