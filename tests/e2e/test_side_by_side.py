"""Two data sets of one project: a table of each, everything else apart."""

import json
import shutil
import sqlite3
import sys
from hashlib import sha256
from pathlib import Path

import pytest
import yaml

from churn_pipeline.scorer import load_scorer
from tests.e2e.conftest import Project, copy_project
from tests.sizes import size

pytestmark = pytest.mark.slow

COMMANDS = size(
    ("checkout --force", "gc --workspace --force"),
    ("checkout --force", "exp run --dry", "gc --workspace --force", "pull"),
)
CREATE = """
import sys
from pathlib import Path
sys.path.insert(0, "src")
from churn_pipeline.datasets.scaffolding import create_dataset
contract = Path("conf/base/contract.yml").read_text(encoding="utf-8")
for name, source in zip(sys.argv[1::2], sys.argv[2::2]):
    create_dataset(Path.cwd(), name, contract, source, "# Report\\n", force=False)
"""


def files(folder: Path) -> dict[str, str]:
    """Return the hash of every file but DVC's own and those of locks, by its path."""
    return {
        path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and ".dvc" not in path.parts
        and not (path.name.startswith(".") and ".lock" in path.name)
    }


def keep_one_candidate(params: Path) -> None:
    document = yaml.safe_load(params.read_text(encoding="utf-8"))
    settings = document["candidates"]["logistic_regression"]
    document["candidates"] = {"logistic_regression": settings}
    params.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A checkout in which `north` and `south` have run and DVC knows it; the built-in one never."""
    folder = tmp_path_factory.mktemp("two")
    project = copy_project(folder / "project")
    tables = {"north": folder / "north.csv", "south": folder / "south.csv"}
    project.run("kedro", "simulate", "--customers", "500", "--output", str(tables["north"]))
    lines = tables["north"].read_text(encoding="utf-8").splitlines(keepends=True)
    tables["south"].write_text("".join(lines[:401]), encoding="utf-8")
    given = [word for name, table in tables.items() for word in (name, str(table))]
    project.run(sys.executable, "-c", CREATE, *given)
    for name in tables:
        keep_one_candidate(project.root / "conf" / name / "params.yaml")
        result = project.run("kedro", "run", "--env", name)
        assert f"Model card data/{name}/08_reporting/model_card.html" in result.stdout
        project.run("dvc", "commit", "--force", cwd=f"data/{name}")  # quicker than its stages
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "two data sets")
    return project


def test_each_has_its_own_outputs_and_bundle(two: Project) -> None:
    made = {name: files(two.root / "data" / name) for name in ("north", "south")}
    assert made["north"].keys() == made["south"].keys()
    assert {"06_models/bundle/manifest.json", "08_reporting/model_card.html"} <= {*made["north"]}
    for name in ("03_primary/customers.parquet", "08_reporting/metrics.json"):
        assert made["north"][name] != made["south"][name]
    scorers = [load_scorer(two.root / f"data/{name}/06_models/bundle") for name in made]
    assert scorers[0].version != scorers[1].version
    assert not (two.root / "data/03_primary").exists()
    journals = {path.name for path in (two.root / ".optuna").glob("*.journal")}
    assert journals == {"north.journal", "south.journal"}


def test_git_tracks_their_stages_and_dvc_their_results(two: Project) -> None:
    tracked = set(two.run("git", "ls-files", "data/south").stdout.split())
    names = {".dvc/.gitignore", ".dvc/config", "dvc.lock", "dvc.yaml"}
    assert tracked == {f"data/south/{name}" for name in names}
    lock = (two.root / "data/south/dvc.lock").read_text(encoding="utf-8")
    assert "path: 08_reporting/metrics.json" in lock
    assert str(two.root) not in lock
    assert two.run("git", "status", "--porcelain").stdout == ""


def test_each_has_its_own_experiment_and_registered_model(two: Project) -> None:
    with sqlite3.connect(two.root / "mlflow.db") as store:
        runs = store.execute(
            "SELECT e.name, r.status FROM runs r JOIN experiments e USING (experiment_id) "
            "WHERE r.run_uuid NOT IN (SELECT run_uuid FROM tags WHERE key = 'mlflow.parentRunId')"
        ).fetchall()
        models = store.execute("SELECT name FROM registered_models").fetchall()
    assert sorted(runs) == [("north", "FINISHED"), ("south", "FINISHED")]
    assert sorted(models) == [("north",), ("south",)]
    listed = two.run("kedro", "model", "list", "--env", "south").stdout
    assert "challenger, workspace" in listed
    unlisted = two.run("kedro", "model", "list", check=False)
    assert "no model is registered yet" in unlisted.stderr


def test_running_one_leaves_the_other_as_it_is(two: Project) -> None:
    for name in ("south", "north"):
        done = two.run("dvc", "repro", cwd=f"data/{name}")
        assert "Data and pipelines are up to date." in done.stdout
    before = {name: files(two.root / name) for name in ("data/south", "conf", "data/north")}
    two.run("kedro", "run", "--env", "north", "--pipelines", "evaluation")
    assert {name: files(two.root / name) for name in before} == before


def test_commands_of_dvc_leave_results_alone_that_it_does_not_know(two: Project) -> None:
    newer = two.root / "data/south/06_models/model.pkl"
    kept = newer.read_bytes()
    newer.write_bytes(b"of a run that DVC does not know")
    before = files(two.root / "data")
    try:
        for command in COMMANDS:
            two.run("dvc", *command.split(), check=False)
            two.run("dvc", *command.split(), cwd="data/north", check=False)
        assert files(two.root / "data") == before
    finally:
        newer.write_bytes(kept)


@pytest.mark.full  # test_dvc.py asks for those of the built-in data set
def test_metrics_and_plots_of_a_data_set_are_shown(two: Project) -> None:
    metrics = json.loads(two.run("dvc", "metrics", "show", "--json", cwd="data/south").stdout)
    assert "08_reporting/metrics.json" in metrics[""]["data"]
    two.run("dvc", "plots", "show", "--out", "dvc_plots", cwd="data/south")
    page = (two.root / "data/south/dvc_plots/index.html").read_text(encoding="utf-8")
    shutil.rmtree(two.root / "data/south/dvc_plots")
    assert "ROC curve" in page
    assert "08_reporting_roc_curve.png" in page


def test_an_experiment_of_one_in_a_temporary_folder(two: Project) -> None:
    before = files(two.root / "data")
    setting = "../../conf/south/params.yaml:split.seed=7"
    done = two.run(
        "dvc",
        "exp",
        "run",
        "--temp",
        "-n",
        "other-split",
        "features",
        "-S",
        setting,
        cwd="data/south",
    )
    assert "Stage 'ingestion' didn't change, skipping" in done.stdout
    assert "Running stage 'features'" in done.stdout
    assert files(two.root / "data") == before
    two.run("dvc", "exp", "branch", "other-split", "kept")
    params = two.run("git", "show", "kept:conf/south/params.yaml").stdout
    assert yaml.safe_load(params)["split"]["seed"] == 7


def test_an_unknown_data_set_gets_the_known_ones(two: Project) -> None:
    before = files(two.root / "data")
    result = two.run("kedro", "run", "--env", "nroth", check=False)
    assert result.returncode == 1
    assert result.stderr.startswith("Error: there is no data set 'nroth'")
    assert "north, south, and the built-in one" in result.stderr
    assert result.stderr.count("\n") == 1
    assert files(two.root / "data") == before
