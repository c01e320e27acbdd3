"""DVC, however it is started, holds the locks of the data sets it touches."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.locking.holders import holder

STAGES = """\
stages:
  make:
    cmd: >-
      python -c "import os, pathlib;
      pathlib.Path('data/held').write_text(pathlib.Path('data/.command.lock.json').read_text())"
    outs: [data/held]
"""
PARAMS = "dataset: {name: x, folder: data, contract: c}\n"
API = """
from dvc.repo import Repo
with Repo() as repo:
    repo.reproduce()
"""
WAYS = [
    [str(Path(sys.executable).parent / "dvc"), "repro", "-f"],
    [sys.executable, "-m", "dvc", "repro", "-f"],
    [sys.executable, "-c", API],
]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DVC project of one stage, which looks like this one."""
    root = tmp_path_factory.mktemp("project")
    (root / "pyproject.toml").write_text('package_name = "churn_pipeline"\n', encoding="utf-8")
    (root / "params.yaml").write_text(PARAMS, encoding="utf-8")
    (root / "dvc.yaml").write_text(STAGES, encoding="utf-8")
    subprocess.run([sys.executable, "-m", "dvc", "init", "--no-scm", "-q"], cwd=root, check=True)
    return root


def run(project: Path, command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("way", WAYS, ids=["dvc", "python -m dvc", "Repo"])
def test_dvc_holds_the_lock_from_its_start_or_touches_nothing(
    project: Path, way: list[str]
) -> None:
    held = project / "data/held"
    held.unlink(missing_ok=True)
    (project / "dvc.lock").unlink(missing_ok=True)
    assert run(project, way).returncode == 0
    assert '"pid"' in held.read_text(encoding="utf-8")  # while the stage ran
    held.write_text("of a run that is going on", encoding="utf-8")
    with holder(project / "data") as (process, _):
        refused = run(project, way)
    assert refused.returncode != 0
    assert (
        f"another run of the built-in data set is in progress (pid {process.pid}" in refused.stderr
    )
    assert held.read_text(encoding="utf-8") == "of a run that is going on"


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["checkout", "--force"], 255),
        (["commit", "--force"], 1),
        (["status"], 0),
        (["repro", "--dry"], 0),
    ],
)
def test_commands_that_write_are_refused_and_others_are_not(
    project: Path, command: list[str], code: int
) -> None:
    with holder(project / "data"):
        done = run(project, [sys.executable, "-m", "dvc", *command])
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("ERROR: ") is (code != 0)
    assert ("another run of the built-in data set" in done.stderr) is (code != 0)


def test_dvc_waits_when_it_is_asked_to(project: Path) -> None:
    with holder(project / "data") as (process, _):
        command = [sys.executable, "-m", "dvc", "--wait-for-lock", "repro", "-f"]
        dvc = subprocess.Popen(command, cwd=project, stderr=subprocess.PIPE, text=True)
        assert dvc.stderr is not None
        assert dvc.stderr.readline().startswith("waiting for another run of the built-in data set")
        process.kill()
        dvc.communicate()
    assert dvc.returncode == 0


def test_other_processes_import_nothing_for_it() -> None:
    code = "import sys; print([m for m in sys.modules if m.startswith(('churn_pipeline', 'dvc'))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['churn_pipeline_dvc']"
