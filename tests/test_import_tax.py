"""What a command imports before its work, since each of DVC's stages pays for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_RUN = """
import sys
sys.argv[1:] = {arguments!r}
try:
    import kedro.framework.cli
    kedro.framework.cli.main()
except SystemExit as end:
    assert not end.code, end.code
finally:
    print("imported", *sorted(set({heavy!r}) & set(sys.modules)))
"""
_HEAVY = [
    *(
        "IPython",
        "bentoml",
        "catboost",
        "hypothesis",
        "kedro_telemetry",
        "lightgbm",
        "matplotlib",
        "mlflow",
    ),
    *("moto", "optuna", "pytest", "scipy", "sklearn", "sqlalchemy", "trio", "uvicorn", "xgboost"),
]


def imported(arguments: list[str], root: Path, **environment: str) -> list[str]:
    """Return which of the heavy packages a `kedro` command has imported when it ends."""
    done = subprocess.run(
        [sys.executable, "-c", _RUN.format(arguments=arguments, heavy=_HEAVY)],
        cwd=root,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1].split()[1:]


def test_the_list_of_commands_brings_nothing_heavy_but_what_commands_are_made_of(
    root: Path,
) -> None:
    assert "mlflow" not in imported(["--help"], root)


def test_a_plugin_is_loaded_when_its_command_is_called(root: Path) -> None:
    assert "mlflow" in imported(["mlflow", "--help"], root)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.e2e.conftest import copy_project

    project = copy_project(tmp_path_factory.mktemp("imports") / "project")
    # the first stage of new settings fits each candidate, to see that it takes them
    project.run("kedro", "run", "--pipelines", "simulation")
    return project.root


@pytest.mark.parametrize("stage", ["simulation", "ingestion"])
def test_a_stage_imports_what_it_runs(copy: Path, tmp_path: Path, stage: str) -> None:
    notes = tmp_path / "notes.jsonl"
    arguments = ["run", "--env", "local", "--pipelines", stage]
    given = {"DVC_STAGE": stage, "CHURN_TRACKING_NOTES": str(notes)}
    assert imported(arguments, copy, **given) == []
    assert notes.exists() == (stage == "ingestion")  # what the other writes is not logged
