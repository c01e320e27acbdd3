"""What stages note, and who logs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from churn_pipeline.tracking import notes
from churn_pipeline.tracking.notes import NOTES, StageNote, notes_file, read_notes


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The processes that were started, none of which runs; each ends well."""
    started: list[list[str]] = []

    def run(command: list[str], **_: Any) -> Any:
        started.append(command)
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr("subprocess.run", run)
    return started


def module(stage: Any) -> Any:
    """A module as `dvc.repo`, the `reproduce` of which runs one stage."""

    class Repo:
        def __init__(self, folder: Path) -> None:
            self.root_dir, self.tmp_dir = str(folder), str(folder / "tmp")

        def reproduce(self) -> str:
            stage()
            return "reproduced"

    found = SimpleNamespace(Repo=Repo)
    notes.guard(found)
    return found


def save(monkeypatch: pytest.MonkeyPatch, *names: str, status: str = "FINISHED") -> None:
    """Do what a stage does that saves these data sets."""
    monkeypatch.setenv("DVC_STAGE", "features")
    file = notes_file()
    assert file is not None
    note = StageNote(file, {"env": "local"}, lambda name: name != "customers")
    for name in names:
        note.log(name, dict)
    note.end(status)


def test_all_notes_are_logged_by_one_process(
    tmp_path: Path, commands: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[dict[str, Any]] = []

    def stages() -> None:
        save(monkeypatch, "customers", "split")
        save(monkeypatch, "trials", status="FAILED")
        found.extend(read_notes([Path(os.environ[NOTES])]))

    assert module(stages).Repo(tmp_path).reproduce() == "reproduced"
    assert [note["names"] for note in found] == [["split"], ["trials"]]
    assert [note["status"] for note in found] == ["FINISHED", "FAILED"]
    assert found[0]["environment"]["DVC_STAGE"] == "features"
    (command,) = commands
    assert command[1:5] == ["-m", "kedro", "model", "log-notes"]
    assert NOTES not in os.environ
    assert not list((tmp_path / "tmp/mlflow_notes").iterdir())


def test_nothing_starts_where_no_stage_ran(tmp_path: Path, commands: list[list[str]]) -> None:
    module(lambda: None).Repo(tmp_path).reproduce()
    assert commands == []


def test_a_stage_that_failed_is_logged_with_those_before(
    tmp_path: Path, commands: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stages() -> None:
        save(monkeypatch, "split")
        raise ValueError("the next stage failed")

    with pytest.raises(ValueError, match="next stage"):
        module(stages).Repo(tmp_path).reproduce()
    assert len(commands) == 1


def test_notes_of_a_dvc_that_was_killed_or_interrupted_are_logged_by_the_next(
    tmp_path: Path, commands: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "tmp/mlflow_notes"
    folder.mkdir(parents=True)
    with subprocess.Popen([sys.executable, "-c", "pass"]) as process:
        pass
    left = folder / f"{process.pid}.jsonl"
    left.write_text(json.dumps({"names": ["trials"]}) + '\n{"names": ["cut o')

    def interrupted() -> None:
        save(monkeypatch, "split")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        module(interrupted).Repo(tmp_path).reproduce()
    assert commands == []
    assert [note["names"] for note in read_notes(sorted(folder.iterdir()))].count(["trials"]) == 1
    module(lambda: save(monkeypatch, "metrics")).Repo(tmp_path).reproduce()
    (command,) = commands
    assert command[5:] == [str(left), str(folder / f"{os.getpid()}.jsonl")]
    assert not list(folder.iterdir())


def test_notes_stay_when_who_logs_them_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = SimpleNamespace(returncode=-signal.SIGKILL)
    monkeypatch.setattr("subprocess.run", lambda *_, **__: killed)
    module(lambda: save(monkeypatch, "metrics")).Repo(tmp_path).reproduce()
    assert len(list((tmp_path / "tmp/mlflow_notes").iterdir())) == 1


def test_a_stage_of_a_dvc_that_reads_no_notes_logs_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DVC_STAGE", "features")
    monkeypatch.delenv(NOTES, raising=False)
    assert notes_file() is None
    monkeypatch.setenv(NOTES, "anywhere")
    monkeypatch.delenv("DVC_STAGE")  # a plain `kedro run` that something in a stage starts
    assert notes_file() is None
