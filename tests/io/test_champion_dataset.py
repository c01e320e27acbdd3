from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kedro.io import DatasetError
from mlflow import MlflowClient

from churn_pipeline.evaluation.champion import Champion, LostChampion
from churn_pipeline.io.champion_dataset import ChampionDataset
from churn_pipeline.modeling.model import ChurnModel
from churn_pipeline.tracking.registry import CHAMPION, register

MODEL_NAME = "churn_pipeline"


@pytest.fixture
def with_challenger(store: MlflowClient, small_model: ChurnModel, tmp_path: Path) -> MlflowClient:
    import mlflow

    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(small_model))
    with mlflow.start_run() as run:
        mlflow.log_params({"split.seed": 7, "tuning.seed": 1})
        register(store, MODEL_NAME, run.info.run_id, small_model, path, {"model_sha256": "a"})
    return store


def test_champion_is_the_very_model(
    with_challenger: MlflowClient, small_model: ChurnModel, months: pd.DataFrame
) -> None:
    assert ChampionDataset(model_name=MODEL_NAME).load() is None  # a challenger is not the champion
    with_challenger.set_registered_model_alias(MODEL_NAME, CHAMPION, "1")
    champion = ChampionDataset(model_name=MODEL_NAME).load()
    assert isinstance(champion, Champion)
    assert champion.model.candidate == "logistic_regression"
    assert champion.split == {"seed": "7"}
    np.testing.assert_array_equal(
        champion.model.churn_probability(months), small_model.churn_probability(months)
    )


def test_champion_whose_files_are_gone_is_no_silent_none(
    with_challenger: MlflowClient, tmp_path: Path
) -> None:
    with_challenger.set_registered_model_alias(MODEL_NAME, CHAMPION, "1")
    shutil.rmtree(tmp_path / "mlartifacts")
    champion = ChampionDataset(model_name=MODEL_NAME).load()
    assert isinstance(champion, LostChampion)
    assert champion.reason.startswith(f"version 1 of {MODEL_NAME}: ")


def test_an_empty_registry_has_no_champion(store: MlflowClient) -> None:
    assert ChampionDataset(model_name=MODEL_NAME).load() is None


def test_without_a_store_none_is_created_and_mlflow_stays_out(tmp_path: Path) -> None:
    code = (
        "import sys; from churn_pipeline.io.champion_dataset import ChampionDataset; "
        "print(ChampionDataset(model_name='x').load(), 'mlflow' in sys.modules)"
    )
    environment = {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
    )
    assert done.stdout.split() == ["None", "False"]
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_a_pipeline_cannot_change_the_champion(small_model: ChurnModel) -> None:
    with pytest.raises(DatasetError, match="kedro model promote"):
        ChampionDataset(model_name=MODEL_NAME).save(small_model)  # type: ignore[arg-type]
