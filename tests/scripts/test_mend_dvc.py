from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from scripts import mend_dvc

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


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A DVC project of one stage that has run."""
    monkeypatch.setattr(mend_dvc, "_SECONDS_OF_A_WRITE", 0)
    assert dvc(tmp_path, "init", "--no-scm", "-q").returncode == 0
    stage = "stages: {hello: {cmd: echo hello > hello.txt, outs: [hello.txt]}}\n"
    (tmp_path / "dvc.yaml").write_text(stage, encoding="utf-8")
    assert dvc(tmp_path, "repro", "-q").returncode == 0
    assert (tmp_path / "dvc.lock").read_text(encoding="utf-8") == LOCK
    return tmp_path


@pytest.mark.parametrize("name", STATE_FILES)
@pytest.mark.parametrize("kept", [0, 20])
def test_dvc_runs_again_after_a_kill_within_its_write(project: Path, name: str, kept: int) -> None:
    path = project / name
    text = '{"read": {"hello.txt": []}}' if name.endswith("rwlock") else path.read_text("utf-8")
    path.write_text(text[:kept], encoding="utf-8")
    assert dvc(project, "repro").returncode != 0
    assert mend_dvc.mend(project) == [name]
    assert dvc(project, "repro").returncode == 0
    assert (project / "dvc.lock").read_text(encoding="utf-8") == LOCK


def test_the_lock_of_another_data_set_is_mended_too(project: Path) -> None:
    lock = project / "conf/bank/dvc.lock"
    lock.parent.mkdir(parents=True)
    lock.write_text(LOCK[:20], encoding="utf-8")
    assert mend_dvc.mend(project) == ["conf/bank/dvc.lock"]
    assert not lock.exists()
    assert (project / "dvc.lock").read_text(encoding="utf-8") == LOCK


def test_sound_and_absent_files_are_left_alone(project: Path) -> None:
    before = {path: path.read_bytes() for path in map(project.joinpath, STATE_FILES)}
    assert mend_dvc.mend(project) == []
    assert {path: path.read_bytes() for path in before} == before
    for path in before:
        path.unlink()
    assert mend_dvc.mend(project) == []


def test_a_write_that_ends_in_time_is_no_damage(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = project / "dvc.lock"
    path.write_text("stages:", encoding="utf-8")
    monkeypatch.setattr(time, "sleep", lambda _: path.write_text(LOCK, encoding="utf-8"))
    assert mend_dvc.mend(project) == []
    assert path.read_text(encoding="utf-8") == LOCK
