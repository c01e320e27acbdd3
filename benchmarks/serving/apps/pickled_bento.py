"""What people write first with BentoML: a pickled pipeline behind a native route."""

import os
import pickle
from pathlib import Path

import bentoml
import pandas as pd

from benchmarks.serving.apps.customer import Customer


@bentoml.service
class PickledBento:
    """Scores one customer through a data frame of one row."""

    def __init__(self) -> None:
        self.pipeline = pickle.loads(Path(os.environ["BENCHMARK_PIPELINE"]).read_bytes())

    @bentoml.api
    def score(self, customer: Customer) -> dict[str, float]:
        """Answer the probability of churn."""
        frame = pd.DataFrame([customer.model_dump()])
        return {"churn_probability": float(self.pipeline.predict_proba(frame)[0, 1])}
