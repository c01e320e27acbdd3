from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

from churn_pipeline.modeling.model import ChurnModel
from churn_pipeline.tracking.registry import (
    CHALLENGER,
    CHAMPION,
    _requirements,
    alias,
    find_version,
    grade,
    register,
    registered_model,
    versions,
)

MODEL_NAME = "churn_pipeline"


@pytest.fixture
def path(tmp_path: Path, small_model: ChurnModel) -> Path:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(small_model))
    return path


def registered(store: MlflowClient, model: ChurnModel, path: Path, sha: str, data: str) -> str:
    with mlflow.start_run() as run:
        tags = {"candidate": model.candidate, "model_sha256": sha, "data_sha256": data}
        return str(register(store, MODEL_NAME, run.info.run_id, model, path, tags).version)


def challenger(store: MlflowClient) -> str | None:
    model = registered_model(store, MODEL_NAME)
    assert model is not None
    return alias(model, CHALLENGER)


def test_model_from_the_registry_gives_the_same_numbers(
    store: MlflowClient, small_model: ChurnModel, path: Path, months: pd.DataFrame, recwarn: Any
) -> None:
    assert registered(store, small_model, path, "a", "d") == "1"
    assert not [str(w.message) for w in recwarn if "input example" in str(w.message)]
    scorer = mlflow.pyfunc.load_model(f"models:/{MODEL_NAME}@{CHALLENGER}")
    customers = months.assign(name="somebody")
    np.testing.assert_array_equal(scorer.predict(customers), small_model.churn_probability(months))
    with pytest.raises(Exception, match="months"):
        scorer.predict(customers[["name"]])


def test_an_extra_is_a_requirement_of_its_own_models_only(small_model: ChurnModel) -> None:
    pytest.importorskip("catboost", reason="needs catboost: `make catboost`")
    symmetric = replace(small_model, candidate="catboost")
    plain = _requirements(small_model)
    (added,) = [line for line in _requirements(symmetric) if line not in plain]
    assert added.startswith("catboost==")


def test_a_model_is_a_new_version_unless_model_and_data_are_known(
    store: MlflowClient, small_model: ChurnModel, path: Path
) -> None:
    for sha, data, number in [
        ("a", "d", "1"),
        ("a", "d", "1"),
        ("b", "d", "2"),
        ("b", "e", "3"),
        ("a", "d", "1"),
    ]:
        assert registered(store, small_model, path, sha, data) == number
        assert challenger(store) == number
    assert [str(version.version) for version in versions(store, MODEL_NAME)] == ["3", "2", "1"]
    found = find_version(store, MODEL_NAME, {"model_sha256": "b", "data_sha256": "d"})
    assert found is not None
    assert str(found.version) == "2"
    logged = store.search_logged_models(
        [experiment.experiment_id for experiment in store.search_experiments()]
    )
    assert len(logged) == 3  # no files for a model that is there already


@pytest.mark.parametrize(
    ("gates", "verdict", "failed"),
    [
        ([("roc_auc", True), ("log_loss", True)], "passed", ""),
        ([("roc_auc", False), ("log_loss", True), ("speed", False)], "failed", "roc_auc, speed"),
    ],
)
def test_what_the_gates_say_is_noted(
    store: MlflowClient,
    small_model: ChurnModel,
    path: Path,
    gates: list[tuple[str, bool]],
    verdict: str,
    failed: str,
) -> None:
    number = registered(store, small_model, path, "a", "d")
    listed = [{"gate": name, "passed": passed} for name, passed in gates]
    outcome = {"passed": all(passed for _, passed in gates), "gates": listed}
    grade(store, MODEL_NAME, number, outcome, "some run")
    tags = store.get_model_version(MODEL_NAME, number).tags
    assert tags["gates"] == verdict
    assert tags["failed_gates"] == failed
    assert tags["gates_run_id"] == "some run"


@pytest.mark.parametrize(
    ("gate", "is_champion", "expected"),
    [("no_regression", True, "1"), ("no_regression", False, "none"), ("minimum_roc_auc", True, "")],
)
def test_the_champion_that_a_version_was_compared_with_is_noted(
    store: MlflowClient, gate: str, is_champion: bool, expected: str
) -> None:
    store.create_registered_model(MODEL_NAME)
    for _ in range(2):
        store.create_model_version(MODEL_NAME, "file:///nowhere")
    if is_champion:
        store.set_registered_model_alias(MODEL_NAME, CHAMPION, "1")
    gates = {"passed": True, "gates": [{"gate": gate, "passed": True}]}
    grade(store, MODEL_NAME, "2", gates, "some run")
    assert store.get_model_version(MODEL_NAME, "2").tags["compared_with"] == expected


def test_an_empty_registry_has_no_versions(store: MlflowClient) -> None:
    assert versions(store, MODEL_NAME) == []
    assert registered_model(store, MODEL_NAME) is None
    assert find_version(store, MODEL_NAME, {"model_sha256": "a"}) is None
