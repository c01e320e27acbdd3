"""`kedro run` and `kedro model` in the ways a user would call them, with good and bad input."""

import json
import re
import sqlite3
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from benchmarks.telco import simulate_customers
from churn_pipeline.cli.model import model
from churn_pipeline.scorer import read_bundle
from tests.e2e.conftest import CANDIDATES, Project

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def own_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tables") / "own.parquet"
    simulate_customers(700, seed=3).customers.to_parquet(path)
    return path


@pytest.fixture(scope="module")
def finished(reproduced: Project, own_table: Path) -> Project:
    """A checkout in which `kedro run` has run once, on a Parquet file of the user's.

    The model that `dvc repro` made there before is the champion.
    """
    reproduced.run("kedro", "model", "promote", "--reason", "the first")
    parameters = f"--params=ingestion.source={own_table}"
    result = reproduced.run("kedro", "run", parameters, cwd="tests", offline=True)
    assert "700 rows read from own.parquet, 0 rejected" in result.stdout
    assert result.stderr == ""
    return reproduced


_OTHER_PARTS = pytest.mark.full  # a command takes seven seconds; the parts differ in their nodes


@pytest.mark.parametrize(
    ("part", "runs", "leaves"),
    [
        (("--from-nodes", "measure"), "measure", "cross_validate_candidates"),
        pytest.param(
            *(("--tags", "reporting"), "draw_figures", "score_test_customers"), marks=_OTHER_PARTS
        ),
        pytest.param(
            *(("--pipelines", "training"), "choose_and_calibrate", "check_customers"),
            marks=_OTHER_PARTS,
        ),
    ],
)
def test_parts_of_the_pipelines_run_alone_and_change_nothing(
    finished: Project, part: tuple[str, str], runs: str, leaves: str
) -> None:
    expected = finished.checksums()
    said = finished.run("kedro", "run", *part).stdout
    assert runs in said
    assert leaves not in said
    assert finished.checksums() == expected


def test_mlflow_mirrors_parameters_metrics_figures_and_model(
    finished: Project, own_table: Path
) -> None:
    store = f"sqlite:///{finished.root / 'mlflow.db'}"
    client = mlflow.MlflowClient(tracking_uri=store)
    experiment = client.get_experiment_by_name("churn_pipeline")
    assert experiment is not None
    (run,) = client.search_runs(
        [experiment.experiment_id], f"params.`ingestion.source` = '{own_table}'"
    )
    metrics = json.loads((finished.root / "data/08_reporting/metrics.json").read_text())
    assert run.data.metrics["metrics.roc_auc.value"] == metrics["roc_auc"]["value"]
    assert run.data.params["training.folds"] == "2"
    assert run.data.params["economics.tiers.high.minimum"] == "0.6"
    assert run.info.status == "FINISHED"
    for tag in ("git_commit", "data_sha256", "contract_sha256", "model_sha256"):
        assert len(run.data.tags[tag]) in (40, 64), tag
    logged_files = {item.path for item in client.list_artifacts(run.info.run_id, "reporting")}
    local = Path(client.download_artifacts(run.info.run_id, "reporting/model_card.html"))
    pictures = re.findall(r'src="([^"]+)"', local.read_text(encoding="utf-8"))
    assert len(pictures) == 8
    assert all(picture.startswith("data:image/png;base64,") for picture in pictures)
    assert {"reporting/metrics.json", "reporting/roc_curve.csv"} <= logged_files
    trials = client.search_runs(
        [experiment.experiment_id], f"tags.mlflow.parentRunId = '{run.info.run_id}'"
    )
    assert len(trials) == len(pd.read_csv(finished.root / "data/08_reporting/trials.csv"))
    assert len(trials) == 2 * len(CANDIDATES)

    mlflow.set_tracking_uri(store)
    scorer = mlflow.pyfunc.load_model("models:/churn_pipeline@challenger")
    test = pd.read_parquet(finished.root / "data/05_model_input/test.parquet")
    predictions = pd.read_parquet(finished.root / "data/07_model_output/test_predictions.parquet")
    # the pickle that MLflow keeps and the ONNX model that is shipped may differ in the last bits
    np.testing.assert_allclose(
        scorer.predict(test), predictions["churn_probability"], rtol=0, atol=1e-9
    )
    version = client.get_model_version_by_alias("churn_pipeline", "challenger")
    bundle = read_bundle(finished.root / "data/06_models/bundle")
    assert version.tags["bundle_version"] == bundle.version


def test_the_mlflow_store_stands_in_the_projects_root_alone(finished: Project) -> None:
    assert [path.parent for path in finished.root.rglob("mlflow.db")] == [finished.root]
    with sqlite3.connect(finished.root / "mlflow.db") as store:
        (locations,) = zip(*store.execute("SELECT artifact_uri FROM runs"), strict=True)
    # beside the store, wherever that is
    assert all(location.startswith("churn-artifacts:/") for location in locations)


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ("ingestion.source=nowhere.csv", "nowhere.csv does not exist; set ingestion.source"),
        pytest.param(
            *("split.test_share=1.5", "split.test_share is 1.5: input should be less than 1"),
            marks=pytest.mark.full,  # as the other; tests/test_parameters.py has the sentences
        ),
    ],
)
def test_bad_input_gets_one_sentence(finished: Project, parameters: str, sentence: str) -> None:
    result = finished.run(
        "kedro", "run", "--pipelines", "ingestion", f"--params={parameters}", check=False
    )
    assert result.returncode == 1
    assert sentence in result.stderr
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1


def test_a_misspelled_pipeline_gets_the_valid_ones(finished: Project) -> None:
    result = finished.run("kedro", "run", "-p", "trainig", check=False)
    assert result.returncode == 2
    assert "valid pipelines: simulation, ingestion, features, tuning, training" in result.stderr
    assert "Traceback" not in result.stdout + result.stderr


def test_too_many_bad_rows_stop_the_run_but_leave_their_reasons(
    finished: Project, tmp_path: Path
) -> None:
    customers = simulate_customers(200, seed=1).customers
    customers["tenure"] = customers["tenure"].astype(object)
    customers.loc[:39, "tenure"] = "soon"
    table = tmp_path / "bad.csv"
    customers.to_csv(table, index=False)
    before = (finished.root / "data/03_primary/customers.parquet").read_bytes()
    result = finished.run(
        "kedro",
        "run",
        "--pipelines",
        "ingestion",
        f"--params=ingestion.source={table}",
        check=False,
    )
    assert result.returncode == 1
    assert result.stderr.startswith("Error: 20.0% of bad.csv was rejected")
    assert "not_an_integer (tenure): 40" in result.stderr
    rejected = pd.read_parquet(finished.root / "data/02_intermediate/rejected.parquet")
    assert len(rejected) == 40
    assert (finished.root / "data/03_primary/customers.parquet").read_bytes() == before


@pytest.mark.full  # tests/cli does it in one process, and test_side_by_side.py runs the command
def test_simulate_writes_customers_and_their_truth(finished: Project, tmp_path: Path) -> None:
    path = tmp_path / "drawn.csv"
    command = ["kedro", "simulate", "--customers", "50", "--seed", "1", "--output", str(path)]
    finished.run(*command)
    drawn = pd.read_csv(path)
    truth = pd.read_csv(tmp_path / "drawn_truth.csv")
    assert len(drawn) == 50
    assert truth["customerID"].tolist() == drawn["customerID"].tolist()
    assert truth["churn_probability"].between(0, 1).all()
    again = finished.run(*command, check=False)
    assert again.returncode == 1
    assert "--force" in again.stderr


def test_dvc_yaml_is_in_step_and_the_check_notices_when_it_is_not(finished: Project) -> None:
    before = (finished.root / "dvc.yaml").read_bytes()
    finished.edit("dvc.yaml", "- training\n", "- training.folds\n")
    stale = finished.run("kedro", "dvc-yaml", "--check", check=False)
    assert stale.returncode == 1
    assert "run `kedro dvc-yaml`" in stale.stderr
    finished.run("kedro", "dvc-yaml")
    assert (finished.root / "dvc.yaml").read_bytes() == before


@pytest.mark.full  # tests/stages does it in one process
def test_the_check_of_dvc_yaml_says_that_it_is_in_step(finished: Project) -> None:
    assert "up to date" in finished.run("kedro", "dvc-yaml", "--check").stdout


def test_models_are_promoted_and_rolled_back(
    finished: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{finished.root / 'mlflow.db'}")
    monkeypatch.chdir(finished.root)

    def shown(command: str) -> str:
        # in this process: a `kedro` takes six seconds
        result = CliRunner().invoke(model, [command])
        assert result.exit_code == 0, result.output
        return result.output

    finished.run("kedro", "model", "promote", "--reason", "the second")
    listed = shown("list").splitlines()
    assert "challenger, champion" in listed[1]
    assert "champion" not in listed[2]
    finished.run("kedro", "model", "rollback", "--reason", "complaints")
    listed = shown("list").splitlines()
    assert "challenger" in listed[1]
    assert "champion" in listed[2]
    history = shown("history")
    for words in ("the first", "the second", "complaints"):
        assert words in history
