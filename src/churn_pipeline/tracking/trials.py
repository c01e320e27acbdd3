"""Trials of the tuning as nested MLflow runs."""

import time

import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

_STATUS = {"complete": "FINISHED", "pruned": "KILLED"}


def log_trials(client: MlflowClient, parent: Run, trials: pd.DataFrame) -> None:
    """Log each trial as a run under ``parent``, named such as ``xgboost/003``.

    Parameters
    ----------
    client : MlflowClient
    parent : Run
    trials : DataFrame
        See :func:`churn_pipeline.modeling.tuning.search.tabulate`. Its log loss becomes the metric
        ``log_loss``, at the number of fitted folds as step; a pruned trial is a killed run.
    """
    prefix = "params_"
    for trial in trials.to_dict("records"):
        run = client.create_run(
            parent.info.experiment_id,
            run_name=f"{trial['candidate']}/{trial['trial']:03d}",
            tags={
                MLFLOW_PARENT_RUN_ID: parent.info.run_id,
                "candidate": trial["candidate"],
                "state": trial["state"],
            },
        )
        milliseconds = int(time.time() * 1000)
        client.log_batch(
            run.info.run_id,
            metrics=[Metric("log_loss", trial["log_loss"], milliseconds, int(trial["folds"]))],
            params=[
                Param(str(name).removeprefix(prefix), str(value))
                for name, value in trial.items()
                if str(name).startswith(prefix) and pd.notna(value)
            ],
        )
        client.set_terminated(run.info.run_id, _STATUS.get(trial["state"], "FAILED"))
