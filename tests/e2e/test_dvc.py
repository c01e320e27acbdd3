"""`dvc` in all its uses, on one checkout that has been reproduced."""

import contextlib
import json
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from dvc.repo import Repo

from benchmarks.telco import simulate_customers
from tests.e2e.conftest import STAGES, Project

pytestmark = pytest.mark.slow


def changed_stages(project: Project) -> list[str]:
    # in this process, and by the name of the file: DVC reads dvc.lock again for each stage it is
    # given the name of
    with contextlib.chdir(project.root), Repo() as repo:
        return sorted(repo.status(targets=["dvc.yaml"]), key=STAGES.index)


def tracked_runs(project: Project) -> list[str]:
    """Return the statuses of the runs in MLflow's store, the nested ones of trials left out."""
    with sqlite3.connect(project.root / "mlflow.db") as store:
        found = store.execute(
            "SELECT status FROM runs WHERE run_uuid NOT IN "
            "(SELECT run_uuid FROM tags WHERE key = 'mlflow.parentRunId') ORDER BY start_time"
        )
        return [status for (status,) in found]


def test_repro_says_what_it_did_and_what_came_out(reproduced: Project) -> None:
    log = (reproduced.root / "repro.log").read_text(encoding="utf-8")
    assert "900 rows read from simulated.csv, 0 rejected" in log
    assert "ROC-AUC" in log
    assert "data/08_reporting/model_card.html" in log
    assert "Warning" not in log
    assert (reproduced.root / "data/08_reporting/model_card.html").is_file()


def test_all_stages_are_one_run_in_mlflow(reproduced: Project) -> None:
    assert tracked_runs(reproduced) == ["FINISHED"]


def test_second_repro_does_nothing(reproduced: Project) -> None:
    before = reproduced.checksums()
    assert "Data and pipelines are up to date." in reproduced.run("dvc", "repro").stdout
    assert reproduced.checksums() == before
    assert changed_stages(reproduced) == []


def test_graph_metrics_params_and_plots_are_shown(reproduced: Project) -> None:
    graph = reproduced.run("dvc", "dag").stdout
    assert all(stage in graph for stage in STAGES)
    metrics = json.loads(reproduced.run("dvc", "metrics", "show", "--json").stdout)
    roc_auc = metrics[""]["data"]["data/08_reporting/metrics.json"]["data"]["roc_auc"]
    assert 0.5 < roc_auc["low"] < roc_auc["value"] < roc_auc["high"] < 1
    reproduced.edit("params.yaml", "top_share: 0.1", "top_share: 0.15")
    try:
        changes = json.loads(reproduced.run("dvc", "params", "diff", "--json").stdout)
        assert changes["params.yaml"]["evaluation.top_share"]["new"] == 0.15
    finally:
        reproduced.edit("params.yaml", "top_share: 0.15", "top_share: 0.1")
    reproduced.run("dvc", "plots", "show", "--out", "dvc_plots")
    page = (reproduced.root / "dvc_plots/index.html").read_text(encoding="utf-8")
    for title in (
        "ROC curve",
        "Precision and recall",
        "Calibration",
        "Cumulative gains",
        "Profit by share",
    ):
        assert title in page
    assert "confusion.png" in page


@pytest.mark.parametrize(
    ("path", "old", "new", "stages"),
    [
        ("README.md", "#", "# ", []),
        ("Makefile", "BIN :=", "BIN  :=", []),
        (
            "src/churn_pipeline/pipelines/evaluation/nodes.py",
            "the one place",
            "the only place",
            ["evaluation"],
        ),
        (
            "src/churn_pipeline/reporting/model_card.md.j2",
            "Test metrics",
            "Metrics",
            ["decisions"],
        ),
        (
            "src/churn_pipeline/modeling/cross_validation.py",
            "Repeated",
            "The repeated",
            ["tuning", "training", "evaluation"],  # which refits the champion
        ),
        (
            "src/churn_pipeline/features/combinations.py",
            "Find sums",
            "Look for sums",
            ["features"],
        ),
        ("params.yaml", "patience: 5", "patience: 6", ["tuning", "decisions"]),  # the card says it
        ("params.yaml", "contact_cost: 1", "contact_cost: 2", ["decisions", "packaging"]),
        (
            "conf/base/catalog.yml",
            "filepath: ${globals:dataset.folder}/08_reporting/metrics.json",
            "filepath: ${globals:dataset.folder}/08_reporting/figures.json",
            ["decisions", "packaging"],
        ),
    ],
)
def test_a_change_concerns_only_the_stages_that_depend_on_it(
    reproduced: Project, path: str, old: str, new: str, stages: list[str]
) -> None:
    original = (reproduced.root / path).read_bytes()
    reproduced.edit(path, old, new)
    try:
        assert changed_stages(reproduced) == stages
    finally:
        (reproduced.root / path).write_bytes(original)


def test_kedro_run_from_a_subfolder_gives_the_same_bytes(reproduced: Project) -> None:
    expected = reproduced.checksums()
    for path in expected:
        (reproduced.root / path).unlink()
    result = reproduced.run("kedro", "run", cwd="conf/base")
    assert "data/08_reporting/model_card.html" in result.stdout
    assert reproduced.checksums() == expected
    assert not (reproduced.root / "conf/base/mlflow.db").exists()


@pytest.mark.full  # test_side_by_side.py runs a stage in a temporary folder at each size
def test_an_experiment_of_another_table_in_a_temporary_folder(
    reproduced: Project, tmp_path: Path
) -> None:
    table = tmp_path / "others.csv"
    simulate_customers(600, seed=5).customers.to_csv(table, index=False)
    runs = tracked_runs(reproduced)
    source = f"ingestion.source={table}"
    reproduced.run("dvc", "exp", "run", "--temp", "-n", "temporary", "-S", source)
    assert tracked_runs(reproduced) == [*runs, "FINISHED"]
    reproduced.run("dvc", "exp", "branch", "temporary", "kept")
    quality = json.loads(
        reproduced.run("git", "show", "kept:data/08_reporting/data_quality.json").stdout
    )
    assert quality["source"]["name"] == "others.csv"
    assert quality["rows_read"] == 600


def metrics_of_experiments(project: Project) -> dict[str, dict[str, dict[str, float]]]:
    shown = json.loads(project.run("dvc", "exp", "show", "--json").stdout)
    return {
        revision["revs"][0]["name"]: revision["revs"][0]["data"]["metrics"][
            "data/08_reporting/metrics.json"
        ]["data"]
        for commit in shown
        for revision in commit["experiments"] or []
        if revision["revs"][0]["name"] in ("here", "queued")
    }


@pytest.fixture(scope="module")
def metrics_here(reproduced: Project) -> dict[str, dict[str, float]]:
    """The metrics of an experiment in the workspace, which is as it was afterwards."""
    run = reproduced.run("dvc", "exp", "run", "-n", "here", "-S", "economics.contact_cost=20")
    for stage in ("training", "export", "evaluation"):
        assert f"Stage '{stage}' didn't change, skipping" in run.stdout
    reproduced.run("git", "checkout", "-q", ".")
    reproduced.run("dvc", "checkout", "dvc.yaml")
    return metrics_of_experiments(reproduced)["here"]


@pytest.mark.full  # tests/datasets/test_undo.py runs some in a small project
def test_an_experiment_in_the_workspace(
    reproduced: Project, metrics_here: dict[str, dict[str, float]]
) -> None:
    before = json.loads((reproduced.root / "data/08_reporting/metrics.json").read_text("utf-8"))
    assert metrics_here["roc_auc"] == before["roc_auc"]
    assert metrics_here["recall"]["value"] != before["recall"]["value"]


@pytest.mark.full  # DVC's queue starts a worker of its own, which takes minutes
def test_experiments_in_the_queue(
    reproduced: Project, metrics_here: dict[str, dict[str, float]]
) -> None:
    reproduced.run("dvc", "exp", "run", "--queue", "-n", "queued", "-S", "evaluation.seed=1")
    reproduced.run("dvc", "exp", "run", "--run-all")
    queued = metrics_of_experiments(reproduced)["queued"]
    assert metrics_here["roc_auc"]["value"] == queued["roc_auc"]["value"]
    assert metrics_here["roc_auc"]["low"] != queued["roc_auc"]["low"]
    assert metrics_here["recall"]["value"] != queued["recall"]["value"]


LIMIT = "minimum_roc_auc: 0.6"


@pytest.fixture(scope="module")
def refused(reproduced: Project) -> Iterator[Project]:
    """A checkout whose model is not good enough."""
    reproduced.edit("params.yaml", LIMIT, "minimum_roc_auc: 0.999")
    result = reproduced.run("dvc", "repro", check=False)
    assert result.returncode != 0
    assert "FAIL" in result.stdout
    assert "is not accepted: it failed 1 gate: minimum_roc_auc" in result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    yield reproduced
    reproduced.run("git", "checkout", "-q", ".")
    reproduced.run("dvc", "checkout", "dvc.yaml")


def test_a_failing_gate_exits_with_1_and_keeps_all_that_was_measured(refused: Project) -> None:
    assert refused.run("kedro", "run", "-p", "acceptance", check=False).returncode == 1
    for path in ("metrics.json", "economics.json", "fairness.json", "model_card.html"):
        assert (refused.root / "data/08_reporting" / path).is_file()
    gates = json.loads((refused.root / "data/08_reporting/gates.json").read_text("utf-8"))
    assert not gates["passed"]
    assert not (refused.root / "data/08_reporting/acceptance.json").exists()
    assert "acceptance" in refused.run("dvc", "status", "acceptance").stdout


def test_a_refused_model_is_not_promoted(refused: Project) -> None:
    result = refused.run("kedro", "model", "promote", "--reason", "hope", check=False)
    assert result.returncode == 1
    assert "minimum_roc_auc" in result.stderr


@pytest.mark.parametrize(
    ("notebook", "shown"),
    [
        (
            "01-explore",
            ("rows read", "of the training set churned", "Alone, ", "pairs of numbers"),
        ),
        pytest.param(
            *(
                "02-read-the-model",
                ("Champion: ", "groups churn", "without a model", "counts most", "lowers it most"),
            ),
            marks=pytest.mark.full,  # what it calls is tested without it
        ),
    ],
)
def test_the_notebooks_run_on_the_results(
    reproduced: Project, notebook: str, shown: tuple[str, ...]
) -> None:
    command = (sys.executable, "-m", "IPython", "--colors=NoColor", f"{notebook}.ipynb")
    done = reproduced.run(*command, cwd="notebooks")
    assert "Traceback" not in done.stdout + done.stderr
    for text in shown:
        assert text in done.stdout
