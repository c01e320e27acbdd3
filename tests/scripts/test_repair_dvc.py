from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from churn_pipeline.datasets.dvc_project import write_dvc_project
from scripts import repair_dvc

LOCK = """\
schema: '2.0'
stages:
  hello:
    cmd: echo hello > hello.txt
    outs:
    - path: hello.txt
      hash: md5
      md5: b1946ac92492d2347c6235b4d2611184
      size: 6
"""
STATE_FILES = ["dvc.lock", ".dvc/tmp/rwlock"]


def dvc(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dvc", *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DVC project of one stage that has run; to be copied."""
    project = tmp_path_factory.mktemp("reproduced")
    assert dvc(project, "init", "--no-scm", "-q").returncode == 0
    stage = "stages: {hello: {cmd: echo hello > hello.txt, outs: [hello.txt]}}\n"
    (project / "dvc.yaml").write_text(stage, encoding="utf-8")
    assert dvc(project, "repro", "-q").returncode == 0
    assert (project / "dvc.lock").read_text(encoding="utf-8") == LOCK
    return project


@pytest.fixture
def project(reproduced: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Such a project of the test's own."""
    monkeypatch.setattr(repair_dvc, "_SECONDS_OF_A_WRITE", 0)
    return shutil.copytree(reproduced, tmp_path / "project", symlinks=True)


@pytest.mark.parametrize("name", STATE_FILES)
@pytest.mark.parametrize("kept", [0, 20])
def test_dvc_runs_again_after_a_kill_within_its_write(project: Path, name: str, kept: int) -> None:
    path = project / name
    text = '{"read": {"hello.txt": []}}' if name.endswith("rwlock") else path.read_text("utf-8")
    path.write_text(text[:kept], encoding="utf-8")
    assert dvc(project, "repro").returncode != 0
    assert repair_dvc.repair(project) == [name]
    assert dvc(project, "repro").returncode == 0
    assert (project / "dvc.lock").read_text(encoding="utf-8") == LOCK


def test_the_lock_of_another_data_set_is_left_to_its_own_run(project: Path) -> None:
    other = project / "data/bank/dvc.lock"
    other.parent.mkdir(parents=True)
    other.write_text(LOCK[:20], encoding="utf-8")
    assert repair_dvc.repair(project) == []
    assert repair_dvc.repair(other.parent) == ["dvc.lock"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A project in git with a data set `bank`, whose stages lie where they belong."""
    for folder, name in ((".", "churn"), ("conf/bank", "bank")):
        where = "data" if folder == "." else "data/bank"
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        text = f"dataset: {{name: {name}, folder: {where}, contract: c.yml}}\n"
        (tmp_path / folder / "params.yaml").write_text(text, encoding="utf-8")
    (tmp_path / ".git").touch()  # as in a worktree or a submodule
    write_dvc_project(tmp_path, "stages: {}\n")
    write_dvc_project(tmp_path / "data/bank", "stages: {}\n")
    return tmp_path


@pytest.mark.parametrize(("env", "folder"), [(None, "."), ("bank", "data/bank")])
def test_the_folder_to_run_in_is_printed(
    checkout: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    env: str | None,
    folder: str,
) -> None:
    monkeypatch.chdir(checkout)
    assert repair_dvc.main(env) == 0
    assert capsys.readouterr() == (f"{checkout / folder}\n", "")


def test_an_unpacked_archive_gets_the_remedy(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (checkout / ".git").unlink()
    monkeypatch.chdir(checkout)
    assert repair_dvc.main(None) == 1
    said = capsys.readouterr().err
    assert "is not a git repository" in said
    assert said.count("\n") == 1
    assert dvc(checkout, "config", "--local", "core.no_scm", "true").returncode == 0  # as it says
    assert repair_dvc.main(None) == 0
    assert dvc(checkout, "repro").returncode == 0


@pytest.mark.parametrize("env", [None, "bank"])
def test_stages_where_they_formerly_were_get_the_remedy(checkout: Path, env: str | None) -> None:
    assert repair_dvc.obstacle(checkout, env) is None
    (checkout / "conf/bank/dvc.yaml").write_text("stages: {}\n", encoding="utf-8")
    said = repair_dvc.obstacle(checkout, env)
    assert said is not None
    assert "in conf/bank instead of in data/bank; run `kedro dvc-yaml --env bank`" in said


def test_a_data_set_without_stages_gets_the_remedy(checkout: Path) -> None:
    (checkout / "data/bank/dvc.yaml").unlink()
    assert repair_dvc.obstacle(checkout, None) is None
    assert "run `kedro dvc-yaml --env bank`" in str(repair_dvc.obstacle(checkout, "bank"))


def test_sound_and_absent_files_are_left_alone(project: Path) -> None:
    before = {path: path.read_bytes() for path in map(project.joinpath, STATE_FILES)}
    assert repair_dvc.repair(project) == []
    assert {path: path.read_bytes() for path in before} == before
    for path in before:
        path.unlink()
    assert repair_dvc.repair(project) == []


def test_a_write_that_ends_in_time_is_no_damage(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = project / "dvc.lock"
    path.write_text("stages:", encoding="utf-8")
    monkeypatch.setattr(time, "sleep", lambda _: path.write_text(LOCK, encoding="utf-8"))
    assert repair_dvc.repair(project) == []
    assert path.read_text(encoding="utf-8") == LOCK
