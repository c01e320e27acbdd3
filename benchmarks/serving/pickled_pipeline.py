"""The scikit-learn pipeline that people would serve as it is, pickled and as an MLflow model."""

import logging
import pickle
import warnings
from pathlib import Path

import mlflow
import pandas as pd
from mlflow.models import infer_signature
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

_NUMBERS = ["tenure", "MonthlyCharges", "TotalCharges"]


def fit_pipeline(customers: pd.DataFrame) -> Pipeline:
    """Fit one-hot encoding, scaling and a logistic regression on simulated customers."""
    features = customers.drop(columns=["customerID", "Churn"])
    categories = [name for name in features if name not in _NUMBERS]
    columns = ColumnTransformer(
        [
            ("categories", OneHotEncoder(handle_unknown="ignore"), categories),
            ("numbers", StandardScaler(), _NUMBERS),
        ]
    )
    pipeline = make_pipeline(columns, LogisticRegression(max_iter=1000))
    return pipeline.fit(features, customers["Churn"] == "Yes")


def save_pipeline(pipeline: Pipeline, customers: pd.DataFrame, folder: Path) -> tuple[Path, Path]:
    """Write the pipeline twice; return the pickle's path and the folder of the MLflow model.

    The model has a signature, as MLflow's documentation advises, and predicts probabilities.
    """
    pickled, model = folder / "pipeline.pkl", folder / "mlflow_model"
    pickled.write_bytes(pickle.dumps(pipeline))
    features = customers.drop(columns=["customerID", "Churn"])
    with warnings.catch_warnings():
        # that integers cannot be missing: none is
        warnings.filterwarnings("ignore", message=".*integer column", category=UserWarning)
        signature = infer_signature(features, pipeline.predict_proba(features))
    # that pickles can run anything: that is what people do
    logging.getLogger("mlflow.sklearn").setLevel(logging.ERROR)
    mlflow.sklearn.save_model(
        pipeline,
        model,
        serialization_format="cloudpickle",
        pyfunc_predict_fn="predict_proba",
        signature=signature,
        pip_requirements=[],
    )
    return pickled, model
