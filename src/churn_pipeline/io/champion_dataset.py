"""The champion of the model registry as catalog dataset."""

import pickle
from pathlib import Path
from typing import Any, NoReturn

from kedro.io import AbstractDataset, DatasetError

from churn_pipeline.evaluation.champion import Champion, LostChampion
from churn_pipeline.tracking.sqlite_store import may_have_alias
from churn_pipeline.tracking.store import (
    CHAMPION_ALIAS,
    mlflow_tracking_uri,
    open_store,
    sqlite_path,
    unavailable,
)


class ChampionDataset(AbstractDataset[NoReturn, Champion | LostChampion | None]):
    """Loads the model that has the alias ``champion``; None where nobody promoted one yet.

    A ``LostChampion`` says why there may be one, but not here.

    Read-only: ``kedro model promote`` changes the champion.

    Parameters
    ----------
    model_name : str
        The registered model.
    metadata : dict, optional
        Free-form, ignored by Kedro.
    """

    def __init__(self, *, model_name: str, metadata: dict[str, Any] | None = None) -> None:
        self._model_name = model_name
        self.metadata = metadata

    def load(self) -> Champion | LostChampion | None:
        uri = mlflow_tracking_uri()
        path = sqlite_path(uri)
        name = self._model_name
        if path is not None and not (path.exists() and may_have_alias(path, name, CHAMPION_ALIAS)):
            return None
        try:
            client = open_store()
            # not before: it takes seconds
            from mlflow.artifacts import download_artifacts

            from churn_pipeline.tracking.registry import alias, registered_model

            registered = registered_model(client, name)
            number = registered and alias(registered, CHAMPION_ALIAS)
        except Exception as error:  # of MLflow, SQLAlchemy, requests, drivers
            return LostChampion(str(unavailable(error)), is_known=False)
        if number is None:
            return None
        try:
            folder = download_artifacts(f"models:/{name}/{number}", tracking_uri=uri)
            model = pickle.loads((Path(folder) / "data" / "model.pkl").read_bytes())
            return Champion(model, _split(client, name, number))
        except Exception as error:  # whatever files that are gone or of old classes raise
            reason = str(error).partition("\n")[0] or type(error).__name__
            return LostChampion(f"version {number} of {name}: {reason}")

    def save(self, data: NoReturn) -> NoReturn:
        raise DatasetError("the champion is changed by `kedro model promote`, not by a pipeline")

    def _exists(self) -> bool:
        return True  # None means no champion

    def _describe(self) -> dict[str, Any]:
        return {"model_name": self._model_name, "tracking_uri": mlflow_tracking_uri()}


def _split(client: Any, name: str, number: str) -> dict[str, str]:
    """Return the parameters of the split that a version was trained with, as its run notes them."""
    from mlflow import MlflowException

    try:
        run = client.get_run(client.get_model_version(name, number).run_id)
    except MlflowException:  # a run that was deleted
        return {}
    prefix = "split."
    return {
        key.removeprefix(prefix): value
        for key, value in run.data.params.items()
        if key.startswith(prefix)
    }
