"""How ``mlflow.pyfunc.load_model`` makes a scorer of ``model.pkl``."""

import pickle
from pathlib import Path
from typing import Any

import pandas as pd

from churn_pipeline.modeling.model import ChurnModel


class Scorer:
    """Scores customers.

    Parameters
    ----------
    model : ChurnModel
    """

    def __init__(self, model: ChurnModel) -> None:
        self.model = model

    def predict(self, customers: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.Series:
        """Return the churn probability of each customer, under the index of ``customers``."""
        return pd.Series(
            self.model.churn_probability(customers), customers.index, name="churn_probability"
        )


def _load_pyfunc(path: str) -> Scorer:
    """Load the pickled model; MLflow looks for this name."""
    return Scorer(pickle.loads(Path(path).read_bytes()))
