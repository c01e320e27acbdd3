from __future__ import annotations

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

from churn_pipeline.tracking.trials import log_trials


@pytest.fixture
def trials() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "candidate": ["logistic_regression", "xgboost", "xgboost"],
            "trial": [0, 0, 1],
            "state": ["complete", "complete", "pruned"],
            "log_loss": [0.43, 0.42, 0.5],
            "folds": [5, 5, 2],
            "params_C": [0.1, np.nan, np.nan],
            "params_max_depth": [np.nan, 3.0, 4.0],
        }
    )


def test_each_trial_is_a_run_under_that_of_the_execution(
    store: MlflowClient, trials: pd.DataFrame
) -> None:
    with mlflow.start_run() as parent:
        log_trials(store, parent, trials)
    nested = store.search_runs(
        [parent.info.experiment_id], f"tags.mlflow.parentRunId = '{parent.info.run_id}'"
    )
    assert {
        run.info.run_name: (run.info.status, run.data.metrics, run.data.params) for run in nested
    } == {
        "logistic_regression/000": ("FINISHED", {"log_loss": 0.43}, {"C": "0.1"}),
        "xgboost/000": ("FINISHED", {"log_loss": 0.42}, {"max_depth": "3.0"}),
        "xgboost/001": ("KILLED", {"log_loss": 0.5}, {"max_depth": "4.0"}),
    }
    assert {run.data.tags["candidate"] for run in nested} == {"logistic_regression", "xgboost"}
    assert {run.data.tags["state"] for run in nested} == {"complete", "pruned"}
