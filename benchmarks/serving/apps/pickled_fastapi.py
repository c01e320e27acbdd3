"""What people write first with FastAPI: the same pickled pipeline behind a route."""

import os
import pickle
from pathlib import Path

import pandas as pd
from fastapi import FastAPI

from benchmarks.serving.apps.customer import Customer

pipeline = pickle.loads(Path(os.environ["BENCHMARK_PIPELINE"]).read_bytes())
app = FastAPI()


@app.post("/score")
def score(customer: Customer) -> dict[str, float]:
    frame = pd.DataFrame([customer.model_dump()])
    return {"churn_probability": float(pipeline.predict_proba(frame)[0, 1])}


@app.get("/readyz")
def ready() -> dict[str, str]:
    return {"status": "ready"}
