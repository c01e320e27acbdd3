from __future__ import annotations

from pathlib import Path

import pytest

from churn_pipeline.orchestration.tracking import (
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
