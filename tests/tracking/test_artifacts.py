"""A project that was moved or copied, with its real store."""

from __future__ import annotations

import pickle
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.tracking._tracking_service.utils import _artifact_repos_cache

from churn_pipeline.evaluation.champion import Champion
from churn_pipeline.io.champion_dataset import ChampionDataset
from churn_pipeline.modeling.model import ChurnModel
from churn_pipeline.scorer.bundle import Bundle, write_bundle
from churn_pipeline.tracking.artifacts import artifact_repository
from churn_pipeline.tracking.registry import (
    CHAMPION,
    attach_bundle,
    fetch_bundle,
    register,
)
from churn_pipeline.tracking.store import mlflow_artifact_location, open_store

NAME = "churn_pipeline"
BUNDLE = Bundle({"model.onnx": b"graph"})


def enter(project: Path, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    """Let this process work in that project, and return a client of its store."""
    _artifact_repos_cache.clear()  # a process works in one project
    monkeypatch.setenv("DVC_ROOT", str(project))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    client: MlflowClient = open_store(create=True, write=True)
    mlflow.set_tracking_uri(client.tracking_uri)
    mlflow.set_registry_uri(client.tracking_uri)
    return client


@pytest.fixture
def original(
    tmp_path: Path,
    migrated_store: Path,
    small_model: ChurnModel,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Path]:
    """A project with a champion and its bundle; a space and a % are in its path."""
    project = tmp_path / "my 100% project"
    project.mkdir()
    shutil.copy(migrated_store, project / "mlflow.db")
    client = enter(project, monkeypatch)
    experiment = client.create_experiment(NAME, mlflow_artifact_location())
    model = tmp_path / "model.pkl"
    model.write_bytes(pickle.dumps(small_model))
    with mlflow.start_run(experiment_id=experiment) as run:
        register(client, NAME, run.info.run_id, small_model, model, {"model_sha256": "a"})
        write_bundle(BUNDLE, tmp_path / "bundle")
        attach_bundle(client, NAME, "1", BUNDLE, tmp_path / "bundle", run.info.run_id)
    client.set_registered_model_alias(NAME, CHAMPION, "1")
    yield project
    mlflow.set_tracking_uri(None)
    mlflow.set_registry_uri("")


def record_absolute(project: Path, root: str) -> None:
    """Make the store one of those that recorded where artifacts lie by absolute path."""
    with closing(sqlite3.connect(project / "mlflow.db")) as database, database:
        for table, column in (
            ("experiments", "artifact_location"),
            ("runs", "artifact_uri"),
            ("logged_models", "artifact_location"),
            ("model_versions", "storage_location"),
        ):
            database.execute(
                f"UPDATE {table} SET {column} = ? || substr({column}, length('churn-artifacts:') "
                f"+ 1) WHERE {column} LIKE 'churn-artifacts:%'",
                (root,),
            )
        database.execute(
            "UPDATE experiments SET artifact_location = ? WHERE name = ?", (root, NAME)
        )


def files(folder: Path) -> dict[Path, str]:
    return {
        path.relative_to(folder): sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("recorded", ["relative", "absolute uri", "absolute path"])
def test_a_copy_has_all_artifacts_and_never_writes_into_the_original(
    recorded: str, original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = original / "mlartifacts"
    if recorded != "relative":
        record_absolute(original, root.as_uri() if recorded == "absolute uri" else str(root))
    before = files(original)
    copy = tmp_path / "copy"
    shutil.copytree(original, copy)
    client = enter(copy, monkeypatch)
    work(client, copy, tmp_path)
    assert files(original) == before


def test_a_moved_project_has_all_artifacts_and_does_not_come_back(
    original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = tmp_path / "deeper" / "moved"
    moved.parent.mkdir()
    original.rename(moved)
    original.write_text("a file where the project was", encoding="utf-8")
    work(enter(moved, monkeypatch), moved, tmp_path)
    assert original.is_file()


def work(client: MlflowClient, project: Path, tmp_path: Path) -> None:
    """Load the champion and its bundle, and log into its run and into a new one."""
    loaded = ChampionDataset(model_name=NAME).load()
    assert isinstance(loaded, Champion)
    assert isinstance(loaded.model, ChurnModel)
    assert fetch_bundle(client, NAME, "champion", tmp_path / "fetched") == BUNDLE
    (champion,) = client.search_model_versions(f"name = '{NAME}'")
    experiment = client.get_experiment_by_name(NAME)
    assert experiment is not None
    for run_id in (champion.run_id, client.create_run(experiment.experiment_id).info.run_id):
        assert run_id is not None
        client.log_text(run_id, "new", "new.txt")
        assert (project / "mlartifacts" / run_id / "artifacts" / "new.txt").read_text() == "new"
    mlflow.pyfunc.load_model(f"models:/{NAME}@{CHAMPION}")


def test_artifacts_that_were_put_elsewhere_on_purpose_stay_there(
    original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = enter(original, monkeypatch)
    elsewhere = (tmp_path / "large disk").as_uri()
    for location in (elsewhere, "s3://bucket/mlartifacts"):
        client.create_experiment(location, location)
    copy = tmp_path / "copy"
    shutil.copytree(original, copy)
    found = enter(copy, monkeypatch).search_experiments()
    assert {elsewhere, "s3://bucket/mlartifacts"} < {item.artifact_location for item in found}


def test_a_store_of_somebody_else_keeps_its_locations(
    original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_absolute(original, (original / "mlartifacts").as_uri())
    other = Path(shutil.copy(original / "mlflow.db", tmp_path / "shared.db"))
    before = other.read_bytes()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{other}")
    open_store(write=True)
    assert other.read_bytes() == before


def test_a_location_outside_of_the_folder_is_refused(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/mlflow.db"
    for path in ("/../secret", "/a/%2E%2E/%2E%2E/secret"):
        with pytest.raises(MlflowException, match="Invalid artifact location"):
            artifact_repository(f"churn-artifacts:{path}", store)
