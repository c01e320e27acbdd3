"""Two data sets of one project: a table of each, everything else apart."""

import json
import sqlite3
import sys
from hashlib import sha256
from pathlib import Path

import pytest
import yaml

from churn_pipeline.scorer import load_scorer
from tests.e2e.conftest import Project, copy_project

pytestmark = pytest.mark.slow

CREATE = """
import sys
from pathlib import Path
sys.path.insert(0, "src")
from churn_pipeline.orchestration.datasets import create_dataset
contract = Path("conf/base/contract.yml").read_text(encoding="utf-8")
for name, source in zip(sys.argv[1::2], sys.argv[2::2]):
    create_dataset(Path.cwd(), name, contract, source, "# Report\\n", force=False)
"""


def files(folder: Path) -> dict[str, str]:
    """Return the hash of every file, by its path."""
    return {
        path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def keep_one_candidate(params: Path) -> None:
    document = yaml.safe_load(params.read_text(encoding="utf-8"))
    settings = document["candidates"]["logistic_regression"]
    document["candidates"] = {"logistic_regression": settings}
    params.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A checkout in which `bank` has run in Kedro and `saas` in DVC, and the built-in one never."""
    folder = tmp_path_factory.mktemp("two")
    project = copy_project(folder / "project")
    tables = {"bank": folder / "bank.csv", "saas": folder / "saas.csv"}
    project.run("kedro", "simulate", "--customers", "500", "--output", str(tables["bank"]))
    lines = tables["bank"].read_text(encoding="utf-8").splitlines(keepends=True)
    tables["saas"].write_text("".join(lines[:401]), encoding="utf-8")
    given = [word for name, table in tables.items() for word in (name, str(table))]
    project.run(sys.executable, "-c", CREATE, *given)
    for name in tables:
        keep_one_candidate(project.root / "conf" / name / "params.yaml")
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "two data sets")
    result = project.run("kedro", "run", "--env", "bank")
    assert "Model card data/bank/08_reporting/model_card.html" in result.stdout
    project.run("dvc", "repro", "conf/saas/dvc.yaml")
    project.run("dvc", "commit", "--force", "conf/bank/dvc.yaml")  # what Kedro made
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "run")
    return project


def test_each_has_its_own_outputs_and_bundle(two: Project) -> None:
    made = {name: files(two.root / "data" / name) for name in ("bank", "saas")}
    assert made["bank"].keys() == made["saas"].keys()
    assert {"06_models/bundle/manifest.json", "08_reporting/model_card.html"} <= {*made["bank"]}
    for name in ("03_primary/customers.parquet", "08_reporting/metrics.json"):
        assert made["bank"][name] != made["saas"][name]
    scorers = [load_scorer(two.root / f"data/{name}/06_models/bundle") for name in made]
    assert scorers[0].version != scorers[1].version
    assert not (two.root / "data/03_primary").exists()
    journals = {path.name for path in (two.root / ".optuna").glob("*.journal")}
    assert journals == {"bank.journal", "saas.journal"}


def test_small_results_are_left_to_git_and_all_else_to_dvc(two: Project) -> None:
    tracked = set(two.run("git", "ls-files", "data/saas", "conf/saas").stdout.split())
    document = yaml.safe_load((two.root / "conf/saas/dvc.yaml").read_text(encoding="utf-8"))
    entries = [
        entry
        for stage in document["stages"].values()
        for key in ("outs", "metrics")
        for entry in stage.get(key, [])
    ]
    small = {path for entry in entries if isinstance(entry, dict) for path in entry}
    assert "data/saas/08_reporting/metrics.json" in small
    assert small | {"conf/saas/dvc.lock"} <= tracked
    assert not [path for path in tracked if path.endswith((".parquet", ".pkl", ".onnx", ".html"))]
    assert two.run("git", "status", "--porcelain").stdout == ""


def test_each_has_its_own_experiment_and_registered_model(two: Project) -> None:
    with sqlite3.connect(two.root / "mlflow.db") as store:
        runs = store.execute(
            "SELECT e.name, r.status FROM runs r JOIN experiments e USING (experiment_id) "
            "WHERE r.run_uuid NOT IN (SELECT run_uuid FROM tags WHERE key = 'mlflow.parentRunId')"
        ).fetchall()
        models = store.execute("SELECT name FROM registered_models").fetchall()
    assert sorted(runs) == [("bank", "FINISHED"), ("saas", "FINISHED")]
    assert sorted(models) == [("bank",), ("saas",)]
    listed = two.run("kedro", "model", "list", "--env", "saas").stdout
    assert "challenger, workspace" in listed
    unlisted = two.run("kedro", "model", "list", check=False)
    assert "no model is registered yet" in unlisted.stderr


def test_running_one_leaves_the_other_as_it_is(two: Project) -> None:
    both = ("conf/saas/dvc.yaml", "conf/bank/dvc.yaml")
    assert "Data and pipelines are up to date." in two.run("dvc", "repro", *both).stdout
    before = {name: files(two.root / name) for name in ("data/saas", "conf", "data/bank")}
    two.run("kedro", "run", "--env", "bank", "--pipelines", "evaluation")
    assert {name: files(two.root / name) for name in before} == before


def test_metrics_and_plots_of_a_data_set_are_shown(two: Project) -> None:
    metrics = json.loads(two.run("dvc", "metrics", "show", "--json").stdout)
    assert "data/saas/08_reporting/metrics.json" in metrics[""]["data"]
    target = "data/saas/08_reporting/roc_curve.csv"
    two.run("dvc", "plots", "show", target, "--out", "dvc_plots")
    assert "ROC curve" in (two.root / "dvc_plots/index.html").read_text(encoding="utf-8")


def test_an_experiment_of_one_in_a_temporary_folder(two: Project) -> None:
    before = files(two.root / "data")
    knob = "conf/saas/params.yaml:split.seed=7"
    target = "conf/saas/dvc.yaml:features"
    done = two.run("dvc", "exp", "run", "--temp", "-n", "other-split", target, "-S", knob)
    assert "Stage 'conf/saas/dvc.yaml:ingestion' didn't change, skipping" in done.stdout
    assert "Running stage 'conf/saas/dvc.yaml:features'" in done.stdout
    assert files(two.root / "data") == before
    params = two.run("git", "show", "other-split:conf/saas/params.yaml").stdout
    assert yaml.safe_load(params)["split"]["seed"] == 7


def test_an_unknown_data_set_gets_the_known_ones(two: Project) -> None:
    before = files(two.root / "data")
    result = two.run("kedro", "run", "--env", "bnak", check=False)
    assert result.returncode == 1
    assert result.stderr.startswith("Error: there is no data set 'bnak'")
    assert "there are bank, saas, and the built-in one" in result.stderr
    assert result.stderr.count("\n") == 1
    assert files(two.root / "data") == before
