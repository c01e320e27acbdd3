"""The hook among Kedro's calls, which `execution` makes."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from subprocess import PIPE
from types import SimpleNamespace
from typing import Any, ClassVar

import pandas as pd
import psutil
import pytest
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline, node
from mlflow import MlflowClient
from mlflow.entities import Run

from churn_pipeline.errors import BundleError, ParameterError, RegistryError
from churn_pipeline.hooks import tracking
from churn_pipeline.hooks.tracking import TrackingHooks
from churn_pipeline.io.atomic import CSVDataset, JSONDataset, PickleDataset
from churn_pipeline.io.bundle_dataset import BundleDataset
from churn_pipeline.io.contract_dataset import ContractDataset
from churn_pipeline.modeling.model import ChurnModel
from churn_pipeline.scorer.bundle import Bundle, read_bundle, write_bundle
from churn_pipeline.tracking.mlflow_run import SharedRun
from churn_pipeline.tracking.registry import (
    CHALLENGER,
    fetch_bundle,
    versions,
)
from churn_pipeline.tracking.store import mlflow_tracking_uri

MODEL_NAME = "churn_pipeline"
QUALITY = {"source": {"name": "customers.csv", "sha256": "d" * 64}}
GATES = {"passed": False, "gates": [{"gate": "minimum_roc_auc", "passed": False}]}
PARAMETERS = {
    "training": {"folds": 5, "calibrators": ["sigmoid"]},
    "split": {"seed": 42},
    "tiers": {"VIPs & others (%)": 0.8},
}


@pytest.fixture
def catalog(tmp_path: Path) -> DataCatalog:
    def entry(kind: str) -> dict[str, Any]:
        return {"metadata": {"dvc": {"kind": kind}}}

    (tmp_path / "contract.yml").write_text("name: x\n", encoding="utf-8")
    return DataCatalog(
        {
            "contract": ContractDataset(filepath=str(tmp_path / "contract.yml")),
            "data_quality": JSONDataset(
                filepath=str(tmp_path / "data_quality.json"), **entry("record")
            ),
            "metrics": JSONDataset(filepath=str(tmp_path / "metrics.json"), **entry("metric")),
            "gates": JSONDataset(filepath=str(tmp_path / "gates.json"), **entry("record")),
            "trials": CSVDataset(filepath=str(tmp_path / "trials.csv"), **entry("trials")),
            "model": PickleDataset(filepath=str(tmp_path / "model.pkl"), **entry("model")),
            "bundle": BundleDataset(filepath=str(tmp_path / "bundle"), **entry("bundle")),
            "scores": CSVDataset(filepath=str(tmp_path / "out" / "scores.csv"), **entry("pointer")),
            "scoring_report": JSONDataset(
                filepath=str(tmp_path / "scoring.json"), **entry("metric")
            ),
        }
    )


# as Kedro gives them for a plain `kedro run`
RUN_PARAMS = dict.fromkeys(
    ("tags", "node_names", "from_nodes", "to_nodes", "from_inputs", "load_versions", "env")
) | {"pipeline_names": ["__default__"]}


class Loader(dict[str, Any]):
    """What the hook and kedro-mlflow ask of a config loader."""

    config_patterns: ClassVar = {"mlflow": ["mlflow*"]}

    def __init__(self, params_file: Path) -> None:
        super().__init__(parameters=PARAMETERS, globals={"dataset": {"name": MODEL_NAME}})
        self.params_file = params_file

    def __getitem__(self, key: str) -> Any:
        if key != "mlflow":
            return super().__getitem__(key)
        shared = vars(tracking)["shared_run"](self.params_file)
        return {
            "server": {"mlflow_tracking_uri": mlflow_tracking_uri()},
            "tracking": {
                "experiment": {"name": MODEL_NAME},
                "run": {"id": shared and shared.run_id, "nested": False},
            },
        }


def context(folder: Path) -> Any:
    return SimpleNamespace(
        project_path=folder,
        config_loader=Loader(folder / "params.yaml"),
        _get_config_credentials=dict,
    )


Save = Callable[[str, Any], None]


@pytest.fixture
def execution(catalog: DataCatalog, store: MlflowClient, tmp_path: Path) -> Any:
    """One `kedro run` or stage: gives what saves its datasets, as Kedro would call it."""

    @contextmanager
    def run(*outputs: str) -> Iterator[Save]:
        hooks = TrackingHooks()
        hooks.after_context_created(context(tmp_path))
        pipeline = Pipeline([node(lambda: None, None, name) for name in outputs])
        hooks.before_pipeline_run(RUN_PARAMS, pipeline, catalog)

        def save(name: str, data: Any) -> None:
            catalog.save(name, data)
            hooks.after_dataset_saved(name, data)

        try:
            yield save
        except Exception:
            hooks.on_pipeline_error()
            raise
        hooks.after_pipeline_run()

    return run


def runs(store: MlflowClient) -> list[Run]:
    experiment = store.get_experiment_by_name("churn_pipeline")
    assert experiment is not None
    return store.search_runs([experiment.experiment_id], order_by=["start_time ASC"])


def test_a_run_tells_what_it_was_made_of(
    execution: Any, store: MlflowClient, small_model: ChurnModel, tmp_path: Path
) -> None:
    with execution("data_quality", "model", "metrics", "gates") as save:
        save("data_quality", QUALITY)
        save("model", small_model)
        save("metrics", {"roc_auc": {"value": 0.84, "low": 0.8}})
        save("gates", GATES)
    (run,) = runs(store)
    assert run.info.status == "FINISHED"
    assert run.data.metrics == {"metrics.roc_auc.value": 0.84, "metrics.roc_auc.low": 0.8}
    model_sha256 = sha256((tmp_path / "model.pkl").read_bytes()).hexdigest()
    expected = {
        "candidate": "logistic_regression",
        "contract_sha256": sha256(b"name: x\n").hexdigest(),
        "data_sha256": "d" * 64,
        "model_sha256": model_sha256,
    }
    assert expected.items() <= run.data.tags.items()
    assert run.data.tags["model_version"] == "1"
    version = store.get_model_version_by_alias(MODEL_NAME, CHALLENGER)
    assert version.run_id == run.info.run_id
    assert expected.items() <= version.tags.items()
    assert version.tags["gates"] == "failed"
    logged = {item.path for item in store.list_artifacts(run.info.run_id, "reporting")}
    names = {"data_quality", "metrics", "gates"}
    assert logged == {f"reporting/{name}.json" for name in names}


def test_a_missing_contract_is_left_to_the_node_that_wants_it(
    execution: Any, store: MlflowClient, tmp_path: Path
) -> None:
    (tmp_path / "contract.yml").unlink()
    with execution("metrics") as save:
        save("metrics", {"a": 1})
    (run,) = runs(store)
    assert "contract_sha256" not in run.data.tags


def test_trials_are_nested_runs(execution: Any, store: MlflowClient) -> None:
    line = {"candidate": "xgboost", "state": "complete", "log_loss": 0.4, "folds": 5}
    with execution("trials") as save:
        save("trials", pd.DataFrame([{**line, "trial": n} for n in range(3)]))
    parents = [run.data.tags.get("mlflow.parentRunId") for run in runs(store)]
    (parent,) = [run for run in runs(store) if "mlflow.parentRunId" not in run.data.tags]
    assert parents.count(parent.info.run_id) == 3
    assert [item.path for item in store.list_artifacts(parent.info.run_id, "reporting")] == [
        "reporting/trials.csv"
    ]


def test_of_a_scoring_run_figures_and_a_pointer_are_logged_but_no_customer(
    execution: Any, store: MlflowClient, tmp_path: Path
) -> None:
    with execution("scores", "scoring_report") as save:
        save("scores", pd.DataFrame({"id": ["somebody"], "churn_probability": [0.5]}))
        save("scoring_report", {"rows": {"scored": 1}, "source": {"name": "x.csv"}})
    (run,) = runs(store)
    assert run.data.tags["scores_path"] == "out/scores.csv"
    content = (tmp_path / "out" / "scores.csv").read_bytes()
    assert run.data.tags["scores_sha256"] == sha256(content).hexdigest()
    assert run.data.metrics["scoring_report.rows.scored"] == 1
    artifacts = [artifact.path for artifact in store.list_artifacts(run.info.run_id, "reporting")]
    assert artifacts == ["reporting/scoring.json"]
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".csv"]
    assert not any(b"somebody" in path.read_bytes() for path in files)


def test_an_evaluation_by_itself_grades_the_model_of_the_stage_before(
    execution: Any, store: MlflowClient, small_model: ChurnModel
) -> None:
    with execution("data_quality", "model") as save:
        save("data_quality", QUALITY)
        save("model", small_model)
    assert "gates" not in store.get_model_version_by_alias(MODEL_NAME, CHALLENGER).tags
    with execution("gates") as save:
        save("gates", {"passed": True, "gates": []})
    version = store.get_model_version_by_alias(MODEL_NAME, CHALLENGER)
    first, second = runs(store)
    assert str(version.version) == "1"
    assert version.run_id == first.info.run_id
    assert version.tags["gates"] == "passed"
    assert version.tags["gates_run_id"] == second.info.run_id
    assert second.data.tags["data_sha256"] == "d" * 64


def test_a_bundle_is_kept_with_the_version_of_the_stage_before(
    execution: Any, store: MlflowClient, small_model: ChurnModel, tmp_path: Path
) -> None:
    with execution("data_quality", "model") as save:
        save("data_quality", QUALITY)
        save("model", small_model)
    bundle = Bundle({"model.onnx": b"graph", "contract.json": b"{}\n"})
    with execution("bundle") as save:
        save("bundle", bundle)
    (version,) = versions(store, MODEL_NAME)
    assert version.tags["bundle_version"] == bundle.version
    for wanted in ("challenger", "1"):
        assert fetch_bundle(store, MODEL_NAME, wanted, tmp_path / "fetched") == bundle
        assert read_bundle(tmp_path / "fetched") == bundle


def test_a_bundle_whose_model_failed_a_gate_since_is_fetched_by_force_only(
    execution: Any, store: MlflowClient, small_model: ChurnModel, tmp_path: Path
) -> None:
    bundle = Bundle({"model.onnx": b"graph"})
    with execution("data_quality", "model", "bundle") as save:
        save("data_quality", QUALITY)
        save("model", small_model)
        save("bundle", bundle)
    with execution("gates") as save:
        save("gates", GATES)
    with pytest.raises(RegistryError, match="failed these gates since it was packaged: minimum_r"):
        fetch_bundle(store, MODEL_NAME, "1", tmp_path / "fetched")
    assert not (tmp_path / "fetched").exists()
    assert fetch_bundle(store, MODEL_NAME, "1", tmp_path / "fetched", force=True) == bundle
    store.set_registered_model_alias(MODEL_NAME, "champion", "1")  # somebody chose it
    assert fetch_bundle(store, MODEL_NAME, "champion", tmp_path / "fetched") == bundle


def test_another_bundle_in_place_of_the_packaged_one_is_not_fetched(
    execution: Any, store: MlflowClient, small_model: ChurnModel, tmp_path: Path
) -> None:
    with execution("data_quality", "model", "bundle") as save:
        save("data_quality", QUALITY)
        save("model", small_model)
        save("bundle", Bundle({"model.onnx": b"graph"}))
    (version,) = versions(store, MODEL_NAME)
    write_bundle(Bundle({"model.onnx": b"another"}), tmp_path / "another")  # whole in itself
    store.log_artifacts(version.tags["bundle_run_id"], str(tmp_path / "another"), "bundle")
    with pytest.raises(BundleError, match=version.tags["bundle_version"]):
        fetch_bundle(store, MODEL_NAME, "1", tmp_path / "fetched")
    assert not (tmp_path / "fetched").exists()


def test_an_evaluation_registers_a_model_that_came_with_the_data(
    execution: Any, store: MlflowClient, small_model: ChurnModel, catalog: DataCatalog
) -> None:
    catalog.save("model", small_model)  # as `dvc pull` would bring it
    with execution("gates") as save:
        save("gates", GATES)
    assert store.get_model_version_by_alias(MODEL_NAME, CHALLENGER).tags["gates"] == "failed"


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SharedRun:
    """This process as the `dvc` that runs a stage."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    params = tmp_path / "params.yaml"
    params.touch()
    shared = SharedRun.of(psutil.Process(), params)
    monkeypatch.setattr(tracking, "shared_run", lambda params: shared)
    return shared


def test_stages_share_a_run_with_all_parameters(
    execution: Any, store: MlflowClient, stage: SharedRun
) -> None:
    with execution("metrics") as save:
        save("metrics", {"a": 1})
    with execution("metrics") as save:
        save("metrics", {"b": 2})
    (run,) = runs(store)
    assert run.info.status == "FINISHED"
    assert run.data.metrics == {"metrics.a": 1, "metrics.b": 2}
    assert run.data.params == {
        "training.folds": "5",
        "training.calibrators": "['sigmoid']",
        "split.seed": "42",
        "tiers.VIPs _ others ___": "0.8",
    }


def test_a_run_stays_failed_when_other_stages_go_on(
    execution: Any, store: MlflowClient, stage: SharedRun
) -> None:
    with pytest.raises(ValueError, match="broken"), execution("metrics") as save:  # noqa: PT012
        save("metrics", {"a": 1})
        raise ValueError("broken")
    with execution("metrics") as save:
        save("metrics", {"b": 2})
    (run,) = runs(store)
    assert run.info.status == "FAILED"


@pytest.fixture
def killed(stage: SharedRun, tmp_path: Path) -> SharedRun:
    """The run of a `dvc` that has been killed."""
    with psutil.Popen([sys.executable, "-c", "input()"], stdin=PIPE) as dvc:
        shared = SharedRun.of(dvc, tmp_path / "params.yaml")
        dvc.kill()
    return shared


@pytest.mark.parametrize(("status", "expected"), [("RUNNING", "KILLED"), ("FINISHED", "FINISHED")])
def test_a_run_killed_with_its_dvc_does_not_run_for_ever(
    status: str, expected: str, execution: Any, store: MlflowClient, killed: SharedRun
) -> None:
    experiment = store.get_experiment_by_name("churn_pipeline")
    assert experiment is not None
    run_id = store.create_run(experiment.experiment_id).info.run_id
    store.update_run(run_id, status)
    killed.remember(run_id)
    with execution("metrics") as save:
        save("metrics", {"a": 1})
    assert store.get_run(run_id).info.status == expected
    assert not killed.file.exists()


def test_a_killed_run_may_be_gone_from_the_store(execution: Any, killed: SharedRun) -> None:
    killed.remember("0" * 32)
    with execution("metrics") as save:
        save("metrics", {"a": 1})
    assert not killed.file.exists()


def test_a_pipeline_that_has_nothing_to_log_opens_no_store(
    execution: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/another.db")
    with execution():
        pass
    assert not (tmp_path / "another.db").exists()


def test_tracking_can_be_switched_off(
    execution: Any, store: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHURN_TRACKING", "off")
    with execution("metrics") as save:
        save("metrics", {"a": 1})
    assert runs(store) == []
    monkeypatch.setenv("CHURN_TRACKING", "perhaps")
    with pytest.raises(ParameterError, match=r"CHURN_TRACKING is 'perhaps'; set it to on or off"):
        TrackingHooks().after_context_created(SimpleNamespace())


def test_a_store_that_fails_in_the_middle_costs_no_result(
    execution: Any,
    store: MlflowClient,
    tmp_path: Path,
    small_model: ChurnModel,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logging.getLogger("churn_pipeline"), "propagate", True)
    with execution("data_quality", "model") as save:
        save("data_quality", QUALITY)
        (tmp_path / "mlflow.db").write_bytes(b"damaged")
        save("model", small_model)
    assert (tmp_path / "model.pkl").is_file()
    warnings = (r.getMessage() for r in caplog.records if r.levelname == "WARNING")
    first, last = dict.fromkeys(warnings)  # one may reach two handlers
    assert first.startswith(f"{tmp_path}/mlflow.db, the store of MLflow, ")
    assert first.endswith("; the run continues without it")
    assert last.endswith("When its store is available again, `kedro model log` logs them")


def test_the_command_to_log_later_repeats_what_the_run_was_given() -> None:
    given = {"split": {"seed": 7}, "training": {"folds": 3}}
    command = tracking._command_to_log_later({"env": "bank", "runtime_params": given})
    assert command == "kedro model log --env bank --params split.seed=7,training.folds=3"


def test_an_interrupted_run_is_not_a_finished_one(
    execution: Any, store: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_exit: list[Callable[[], None]] = []
    monkeypatch.setattr("atexit.register", lambda call, *args: at_exit.append(partial(call, *args)))
    with pytest.raises(KeyboardInterrupt), execution("metrics") as save:  # noqa: PT012
        save("metrics", {"a": 1})
        raise KeyboardInterrupt  # Kedro tells no hook
    for call in reversed(at_exit):
        call()
    (run,) = runs(store)
    assert run.info.status == "KILLED"
