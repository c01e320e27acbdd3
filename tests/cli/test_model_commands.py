from __future__ import annotations

import os
import re
from hashlib import sha256
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from mlflow import MlflowClient

from churn_pipeline.cli.model import model
from churn_pipeline.tracking.registry import CHALLENGER

MODEL_NAME = "churn_pipeline"
ROOT = Path(__file__).parents[2]


def kedro_model(*arguments: str) -> Result:
    return CliRunner().invoke(model, arguments)


@pytest.fixture
def with_versions(store: MlflowClient) -> MlflowClient:
    """Two versions: the first passed the gates, the second, the challenger, failed one."""
    store.create_registered_model(MODEL_NAME)
    experiment = store.get_experiment_by_name("churn_pipeline")
    assert experiment is not None
    for roc_auc, gates in ((0.84, "passed"), (0.79, "failed")):
        run = store.create_run(experiment.experiment_id)
        store.log_metric(run.info.run_id, "metrics.roc_auc.value", roc_auc)
        tags = {
            "candidate": "xgboost",
            "gates": gates,
            "failed_gates": "minimum_roc_auc" if gates == "failed" else "",
            "data_sha256": "d" * 64,
        }
        version = store.create_model_version(
            MODEL_NAME, "file:///nowhere", run.info.run_id, tags=tags
        )
        store.set_registered_model_alias(MODEL_NAME, CHALLENGER, version.version)
    return store


def cells(line: str) -> list[str]:
    return re.split(r" {2,}", line)


def test_list_shows_the_newest_first(with_versions: MlflowClient) -> None:
    kedro_model("promote", "1", "--reason", "first")
    result = kedro_model("list")
    assert result.exit_code == 0
    _, second, first = map(cells, result.output.splitlines())
    failed = "failed: minimum_roc_auc"
    assert second == ["2", "challenger", "xgboost", failed, "0.7900", "dddddddd"]
    assert first == ["1", "champion", "xgboost", "passed", "0.8400", "dddddddd"]


def test_promote_roll_back_and_history(
    with_versions: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "user.name")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "Ada Byron")
    assert (
        "version 1 is the champion (before: none)"
        in kedro_model("promote", "1", "--reason", "the first\none").output
    )
    forced = kedro_model("promote", "--force", "--reason", "a trial")
    assert "version 2 is the champion (before: 1)" in forced.output
    assert (
        "version 1 is the champion again (before: 2)"
        in kedro_model("rollback", "--reason", "worse").output
    )
    lines = [cells(line) for line in kedro_model("history").output.splitlines()]
    assert [line[1:] for line in lines] == [
        ["WHO", "ACTION", "FROM", "TO", "GATES", "WHY"],
        ["Ada Byron", "promote", "none", "1", "passed", "the first one"],
        ["Ada Byron", "promote", "1", "2", "failed: minimum_roc_auc", "a trial"],
        ["Ada Byron", "rollback", "2", "1", "passed", "worse"],
    ]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", x[0]) for x in lines[1:])


def test_failed_gates_refuse_with_one_sentence(with_versions: MlflowClient) -> None:
    result = kedro_model("promote", "--reason", "please")
    assert result.exit_code == 1
    assert result.output == (
        "Error: version 2 failed these gates: minimum_roc_auc; train a better model, or add "
        "--force\n"
    )


def test_an_evaluation_that_was_not_logged_counts(
    with_versions: MlflowClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text("utf-8"))
    file, gates = tmp_path / "data/06_models/model.pkl", tmp_path / "data/08_reporting/gates.json"
    for path in (file, gates):
        path.parent.mkdir(parents=True)
    file.write_bytes(b"a model")
    with_versions.set_model_version_tag(
        MODEL_NAME, "1", "model_sha256", sha256(b"a model").hexdigest()
    )
    gates.write_text('{"gates": [{"gate": "no_regression", "passed": false}]}')
    monkeypatch.chdir(tmp_path)
    assert cells(kedro_model("list").output.splitlines()[2])[3] == "failed: no_regression"
    refused = kedro_model("promote", "1", "--reason", "better")
    assert refused.exit_code == 1
    assert "version 1 failed these gates: no_regression" in refused.output
    os.utime(gates, (0, 0))  # of an earlier model
    assert cells(kedro_model("list").output.splitlines()[2])[3] == "passed"
    gates.write_text("[")
    assert "gates.json is damaged" in kedro_model("promote", "1", "--reason", "better").output


@pytest.mark.parametrize(
    "arguments", [("promote", "--reason", " "), ("promote",), ("rollback",), ("promote", "x")]
)
def test_a_reason_is_required_and_versions_are_numbers(
    with_versions: MlflowClient, arguments: tuple[str, ...]
) -> None:
    result = kedro_model(*arguments)
    assert result.exit_code == 2
    assert "Error: " in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    "arguments",
    [("list",), ("history",), ("promote", "--reason", "x"), ("rollback", "--reason", "x")],
)
def test_without_a_store_a_sentence_says_what_to_do(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    result = kedro_model(*arguments)
    assert result.exit_code == 1
    assert result.output.startswith("Error: no model is registered yet; `dvc repro`")
    assert result.output.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [("list",), ("history",), ("promote", "--reason", "x"), ("rollback", "--reason", "x")],
)
def test_a_store_that_cannot_be_read_is_told_in_one_sentence(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"no database " * 99)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    result = kedro_model(*arguments)
    assert result.exit_code == 1
    assert result.output.startswith(f"Error: {tmp_path}/mlflow.db, the store of MLflow, cannot be")
    assert "it is not an SQLite database" in result.output
    assert result.output.count("\n") == 1


def test_list_shows_versions_whose_runs_are_gone(with_versions: MlflowClient) -> None:
    deleted = "0" * 32
    with_versions.set_model_version_tag(MODEL_NAME, "1", "gates_run_id", deleted)
    with_versions.create_model_version(MODEL_NAME, "file:///nowhere")  # by hand, without a run
    result = kedro_model("list")
    assert result.exit_code == 0
    third, second, first = map(cells, result.output.splitlines()[1:])
    assert [third[0], second[0], first[0]] == ["3", "2", "1"]
    assert "0.7900" in second
    assert "0.8400" in first  # of the run that fitted it


def test_list_shows_the_scores_of_a_model_that_was_only_judged_again(
    with_versions: MlflowClient,
) -> None:
    experiment = with_versions.get_experiment_by_name("churn_pipeline")
    assert experiment is not None
    run = with_versions.create_run(experiment.experiment_id)  # of the evaluation alone: no metrics
    with_versions.set_model_version_tag(MODEL_NAME, "1", "gates_run_id", run.info.run_id)
    assert "0.8400" in cells(kedro_model("list").output.splitlines()[2])


def test_a_promotion_needs_a_name(
    with_versions: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr("churn_pipeline.cli.model.git_user", lambda project: None)
    monkeypatch.setattr("getpass.getuser", nobody)
    result = kedro_model("promote", "1", "--reason", "x")
    assert result.exit_code == 1
    assert result.output.startswith("Error: the history needs your name")
    assert "no model has been promoted yet" in kedro_model("history").output


def test_an_empty_registry_is_no_table(store: MlflowClient) -> None:
    assert "no model is registered yet" in kedro_model("list").output
    assert "no model has been promoted yet" in kedro_model("history").output


@pytest.mark.parametrize("command", [[], ["list"], ["promote"], ["rollback"], ["history"]])
def test_every_command_explains_itself(command: list[str]) -> None:
    result = kedro_model(*command, "--help")
    assert result.exit_code == 0
    assert len(result.output.splitlines()) > 4


def test_a_version_without_bundle_cannot_be_fetched(
    with_versions: MlflowClient, tmp_path: Path
) -> None:
    for wanted, sentence in [
        ("1", "version 1 of churn_pipeline has no bundle: it was not packaged"),
        ("champion", "no version of churn_pipeline is called champion"),
        ("7", "no version of churn_pipeline is called 7"),
    ]:
        result = kedro_model("fetch", wanted, "--to", str(tmp_path / "new"))
        assert result.exit_code == 1
        assert sentence in result.output
        assert not (tmp_path / "new").exists()


def test_fetch_overwrites_nothing_but_bundles(with_versions: MlflowClient, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    result = kedro_model("fetch", "1", "--to", str(tmp_path))
    assert result.exit_code == 2
    assert "contains something other than a bundle" in result.output
    assert (tmp_path / "thesis.txt").exists()


def test_list_marks_the_version_of_the_files_at_hand(
    with_versions: MlflowClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    dataset = "dataset: {name: churn_pipeline, folder: made, contract: c.yml}\n"
    (tmp_path / "params.yaml").write_text(dataset, encoding="utf-8")
    path = tmp_path / "made/06_models/model.pkl"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"model")
    assert "workspace" not in kedro_model("list").output
    digest = sha256(b"model").hexdigest()
    with_versions.set_model_version_tag(MODEL_NAME, "1", "model_sha256", digest)
    _, second, first = map(cells, kedro_model("list").output.splitlines())
    assert (second[1], first[1]) == ("challenger", "workspace")
