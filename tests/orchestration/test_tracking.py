from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import mlflow
import pytest

from churn_pipeline.errors import RegistryError
from churn_pipeline.orchestration.tracking import (
    create_store,
    mlflow_artifact_location,
    mlflow_tracking_uri,
    tracking_root,
)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DVC_ROOT", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)


def test_store_lies_in_the_project_wherever_it_is_called_from(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert tracking_root() == root
    assert mlflow_tracking_uri() == f"sqlite:///{root}/mlflow.db"
    assert mlflow_artifact_location() == f"file://{root}/mlartifacts"


def test_throw_away_copies_use_the_store_of_the_real_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    assert mlflow_tracking_uri() == f"sqlite:///{tmp_path}/mlflow.db"
    assert mlflow_artifact_location() == (tmp_path / "mlartifacts").as_uri()


def test_a_server_wins_and_keeps_its_artifacts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://localhost:5000")
    assert mlflow_tracking_uri() == "http://localhost:5000"
    assert mlflow_artifact_location() is None


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    assert mlflow_tracking_uri().startswith("sqlite:///")
    assert mlflow_artifact_location() is not None


def experiments(store: Path) -> list[str]:
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{store}")
    return [experiment.name for experiment in client.search_experiments()]


def test_store_is_created_ready_for_use(tmp_path: Path) -> None:
    store = tmp_path / "mlflow.db"
    create_store(f"sqlite:///{store}")
    assert [path.name for path in tmp_path.iterdir()] == ["mlflow.db"]
    assert experiments(store) == ["Default"]


def test_store_that_exists_is_left_alone(tmp_path: Path) -> None:
    store = tmp_path / "mlflow.db"
    for content in (b"SQLite format 3\0 and mine", b""):
        store.write_bytes(content)
        create_store(f"sqlite:///{store}")
        assert store.read_bytes() == content


def test_file_that_is_no_store_is_named_and_kept(tmp_path: Path) -> None:
    store = tmp_path / "mlflow.db"
    store.write_bytes(b"something else")
    with pytest.raises(RegistryError, match=r"^mlflow\.db, .* is no SQLite database; move it away"):
        create_store(f"sqlite:///{store}")
    assert store.read_bytes() == b"something else"


def test_server_is_left_to_mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    create_store("http://localhost:5000")
    assert list(tmp_path.iterdir()) == []


def test_kill_while_the_store_is_created_leaves_none(tmp_path: Path) -> None:
    store = tmp_path / "mlflow.db"
    uri = f"sqlite:///{store}"
    code = f"from churn_pipeline.orchestration import tracking; tracking.create_store({uri!r})"
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    while not any(tmp_path.iterdir()):  # its first table is being written
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert not store.exists()
    create_store(f"sqlite:///{store}")
    assert experiments(store) == ["Default"]
