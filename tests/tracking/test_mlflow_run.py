"""Stages of one dvc process share a run; the process is a script of that name that starts them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from churn_pipeline.tracking.mlflow_run import (
    SharedRun,
    mlflow_run_name,
    shared_run,
)

# what a stage does: tell the run it resumes, or start one
STAGE = """
import os, sys, uuid
from pathlib import Path
from churn_pipeline.tracking.mlflow_run import shared_run
run = shared_run(Path(os.environ.get("PARAMS", "params.yaml")))
if run is not None and run.run_id is None:
    run.remember(uuid.uuid4().hex)
    run.forget_abandoned()
print(run and run.run_id)
"""

# runs its arguments as commands through a shell, one after the other
DVC = """
import os, subprocess, sys
for number, command in enumerate(sys.argv[1:]):
    subprocess.run(command, shell=True, check=True, env={**os.environ, "DVC_STAGE": str(number)})
"""


@pytest.fixture
def project(tmp_path: Path, root: Path) -> Path:
    """A copy of what the stages import, since its parameters are edited."""
    package = Path("src/churn_pipeline")
    (tmp_path / package / "tracking").mkdir(parents=True)
    for name in (
        "errors",
        "staging",
        *(f"tracking/{m}" for m in ("__init__", "mlflow_run", "store")),
    ):
        shutil.copy(root / package / f"{name}.py", tmp_path / package / f"{name}.py")
    (tmp_path / "src/churn_pipeline/__init__.py").touch()
    (tmp_path / "params.yaml").write_text("training: {folds: 5}\n", encoding="utf-8")
    (tmp_path / "stage.py").write_text(STAGE, encoding="utf-8")
    (tmp_path / "dvc").write_text(DVC, encoding="utf-8")
    return tmp_path


def run_stages(
    project: Path,
    *between: str,
    stages: int = 2,
    name: str = "dvc",
    last: str = "true",
    **environment: str,
) -> list[str]:
    """Return the runs of the stages that one process starts, with a command between them."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DVC_", "MLFLOW_"))}
    stage = f"{sys.executable} {project / 'stage.py'}"
    commands = [stage, *between, *[stage] * (stages - 1), last]
    done = subprocess.run(
        [sys.executable, str(project / name), *commands],
        env={**kept, "PYTHONPATH": str(project / "src"), "DVC_ROOT": str(project), **environment},
        cwd=project,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_stages_of_one_process_share_a_run_and_those_of_the_next_another(project: Path) -> None:
    first = run_stages(project, stages=3)
    second = run_stages(project)
    assert len(first) == 3
    assert len({*first}) == len({*second}) == 1
    assert first[0] != second[0]
    files = list((project / ".dvc/tmp/mlflow_runs").iterdir())
    assert [json.loads(file.read_text())["run_id"] for file in files] == second[:1]


def test_edited_parameters_begin_a_run(project: Path) -> None:
    edit = f"echo 'training: {{folds: 6}}' > {project / 'params.yaml'}"
    before, after = run_stages(project, edit)
    assert before != after


def test_stages_of_another_data_set_have_a_run_of_their_own(project: Path) -> None:
    (project / "conf").mkdir()
    shutil.copy(project / "params.yaml", project / "conf/params.yaml")
    stage = f"PARAMS=conf/params.yaml {sys.executable} {project / 'stage.py'}"
    first, other, second, again = run_stages(project, stage, stages=2, last=stage)
    assert first == second != other == again


def test_stages_that_no_dvc_started_share_nothing(project: Path) -> None:
    shutil.copy(project / "dvc", project / "make")
    assert run_stages(project, name="make") == ["None", "None"]


def test_outside_of_a_stage_no_run_is_resumed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DVC_STAGE", raising=False)
    assert shared_run(Path("params.yaml")) is None


@pytest.fixture
def params(tmp_path: Path) -> Path:
    path = tmp_path / "params.yaml"
    path.touch()
    return path


@pytest.fixture
def shared(tmp_path: Path, params: Path, monkeypatch: pytest.MonkeyPatch) -> SharedRun:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return SharedRun.of(psutil.Process(), params)


def test_run_of_an_earlier_process_of_the_same_id_is_not_resumed(shared: SharedRun) -> None:
    shared.remember("a")
    assert shared.run_id == "a"
    assert SharedRun(shared.file, shared.started + 1).run_id == "a"  # the clock was corrected
    assert SharedRun(shared.file, shared.started + 3600).run_id is None


def test_a_failure_is_remembered(shared: SharedRun) -> None:
    shared.remember("a")
    assert not shared.has_failed
    shared.remember("a", failed=True)
    assert shared.has_failed
    assert shared.run_id == "a"


def test_experiments_of_one_process_have_runs_of_their_own(
    shared: SharedRun, params: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_EXP_NAME", "plum-acts")
    assert SharedRun.of(psutil.Process(), params).file != shared.file


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({}, None),
        ({"DVC_STAGE": "training"}, "dvc repro"),
        ({"DVC_STAGE": "training", "DVC_EXP_NAME": "plum-acts"}, "plum-acts"),
    ],
)
def test_name_of_the_run(
    environment: dict[str, str], name: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("DVC_STAGE", "DVC_EXP_NAME"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    assert mlflow_run_name() == name
