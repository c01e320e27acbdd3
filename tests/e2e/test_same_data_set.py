"""Commands on one data set at the same time: one of them works, the others touch nothing."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from tests.e2e.conftest import Project, copy_project, environment
from tests.e2e.test_side_by_side import keep_one_candidate
from tests.sizes import size

pytestmark = pytest.mark.slow

OTHER = ("kedro", "run", "--params=split.seed=7")
SCORING = ("kedro", "run", "--pipelines", "scoring")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = copy_project(tmp_path_factory.mktemp("same") / "project")
    keep_one_candidate(project.root / "params.yaml")
    return project


def start(project: Project, *command: str) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, cwd=project.root, env=environment(), stdout=pipe, stderr=pipe, text=True
    )


def wait_for_the_lock(project: Project, process: subprocess.Popen[str]) -> None:
    while not (project.root / "data/.command.lock.json").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)


def is_refused(code: int, text: str) -> bool:
    sentence = (
        r"another run of the built-in data set is in progress \(pid \d+, .*, since .*\); wait"
    )
    return code != 0 and "Traceback" not in text and len(re.findall(sentence, text)) == 1


def test_of_runs_started_together_one_runs_and_prints_its_own_figures(project: Project) -> None:
    runs = [start(project, "kedro", "run")]
    for offset in size((0.1,), (0.1, 0.1, 2.8)):
        time.sleep(offset)
        runs.append(start(project, *OTHER))
    wait_for_the_lock(project, runs[0])
    beside = [
        project.run(*command, check=False)
        for command in (SCORING, ("dvc", "checkout"), ("dvc", "repro", "-f", "simulation"))
    ]
    said = [run.communicate() for run in runs]
    ended = [
        *((run.returncode, "".join(texts)) for run, texts in zip(runs, said, strict=True)),
        *((done.returncode, done.stdout + done.stderr) for done in beside),
    ]
    [winner] = [number for number, (code, _) in enumerate(ended) if code == 0]
    assert winner < len(runs)
    assert all(is_refused(*end) for number, end in enumerate(ended) if number != winner), ended
    metrics = json.loads((project.root / "data/08_reporting/metrics.json").read_text("utf-8"))
    printed = re.search(r"ROC-AUC +([\d.]+)", ended[winner][1])
    assert printed is not None
    assert float(printed[1]) == pytest.approx(metrics["roc_auc"]["value"], abs=0.0006)
    with sqlite3.connect(project.root / "mlflow.db") as store:
        logged = store.execute(
            "SELECT p.value FROM params p JOIN metrics m USING (run_uuid) "
            "WHERE p.key = 'split.seed' AND m.key = 'metrics.roc_auc.value'"
        ).fetchall()
        (count,) = store.execute(
            "SELECT count(*) FROM experiments e JOIN runs r USING "
            "(experiment_id) WHERE e.name = 'churn_pipeline' AND r.run_uuid "
            "NOT IN (SELECT run_uuid FROM tags WHERE key = "
            "'mlflow.parentRunId')"
        ).fetchone()
    assert logged == [("42" if winner == 0 else "7",)]
    assert count == 1  # who was refused has logged nothing
    assert not list((project.root / "data").rglob("*.partial"))


@pytest.mark.full  # tests/locking waits for a real DVC of a small project
def test_a_command_waits_for_dvc(project: Project) -> None:
    dvc = start(project, "dvc", "repro", "-f", "-s", "ingestion")
    wait_for_the_lock(project, dvc)
    refused = project.run(*OTHER, check=False)
    scored = project.run(*SCORING, "--wait")
    text = "".join(dvc.communicate())
    assert dvc.returncode == 0, text
    assert is_refused(refused.returncode, refused.stderr)
    assert "waiting for another run of the built-in data set (pid" in scored.stderr
    assert "Scored" in scored.stdout
    assert Path(project.root / "data/07_model_output/scores.csv").is_file()
