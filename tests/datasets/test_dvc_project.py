from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from churn_pipeline.datasets.dvc_project import (
    former_data_sets,
    remove_former_stages,
    write_dvc_project,
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of an earlier version: git tracks stages in conf and small results in data."""
    for name, folder in (("churn", "data"), ("bank", "data/bank")):
        file = tmp_path / ("params.yaml" if name == "churn" else "conf/bank/params.yaml")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"dataset: {{name: {name}, folder: {folder}, contract: c.yml}}\n")
    for path in (
        "conf/bank/dvc.yaml",
        "conf/bank/dvc.lock",
        "data/bank/08_reporting/metrics.json",
        "data/08_reporting/metrics.json",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    return tmp_path


def git(project: Path, *arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=True).stdout


def test_former_stages_are_removed_and_results_stay(project: Path) -> None:
    assert former_data_sets(project) == ["bank"]
    write_dvc_project(project / "data/bank", "stages: {}\n")
    remove_former_stages(project, "bank")
    assert former_data_sets(project) == []
    assert not (project / "conf/bank/dvc.lock").exists()
    for folder in ("data", "data/bank"):  # also that which DVC keeps from now on
        assert (project / folder / "08_reporting/metrics.json").exists()
    tracked = git(project, "ls-files", "data").split()
    assert tracked == ["data/08_reporting/metrics.json"]


def test_files_of_the_users_own_stay(project: Path) -> None:
    write_dvc_project(project / "data/bank", "stages: {}\n")
    config = project / "data/bank/.dvc/config"
    config.write_text("with a remote")
    write_dvc_project(project / "data/bank", "stages: {a: b}\n")
    assert config.read_text() == "with a remote"
    assert (project / "data/bank/dvc.yaml").read_text() == "stages: {a: b}\n"
    assert not list(project.rglob("*.partial"))
