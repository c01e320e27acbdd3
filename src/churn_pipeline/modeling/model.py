"""The shipped model: a fitted candidate and its calibration."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from churn_pipeline.modeling.forest import LogOddsForest
from churn_pipeline.modeling.recalibration import Calibrator
from churn_pipeline.modeling.trees import TreeEnsemble, has_trees, tree_ensemble

_CERTAIN = 1e-6  # nobody is that sure of a customer
_MAX_LOG_ODDS = float(logit(1 - _CERTAIN))


@dataclass(frozen=True)
class ChurnModel:
    """What scores customers.

    Attributes
    ----------
    candidate : str
        Name of the candidate.
    pipeline : Pipeline
        The fitted encoder and classifier.
    calibrator : Calibrator or None
        What is applied to the classifier's log-odds; None where that improved nothing.
    inputs : tuple of str
        The columns that ``pipeline`` takes.
    trees : TreeEnsemble or None
        The classifier's trees, which score in float64 where a library adds up in float32.
    """

    candidate: str
    pipeline: Pipeline
    calibrator: Calibrator | None
    inputs: tuple[str, ...]
    trees: TreeEnsemble | None

    @classmethod
    def of(
        cls,
        candidate: str,
        pipeline: Pipeline,
        inputs: tuple[str, ...],
        calibrator: Calibrator | None = None,
    ) -> Self:
        """Make a model of a fitted candidate."""
        trees = tree_ensemble(pipeline[-1]) if has_trees(pipeline[-1]) else None
        return cls(candidate, pipeline, calibrator, inputs, trees)

    def log_odds(self, customers: pd.DataFrame) -> NDArray[np.float64]:
        """Return the calibrated log-odds of churn, (n_customers,)."""
        inputs = customers[list(self.inputs)]
        if self.trees is None:
            raw = log_odds(self.pipeline, inputs)
        else:
            raw = self.trees.log_odds(self.pipeline[:-1].transform(inputs))
        return raw if self.calibrator is None else self.calibrator(raw)

    def churn_probability(self, customers: pd.DataFrame) -> NDArray[np.float64]:
        """Return the churn probabilities, (n_customers,), never closer than 1e-6 to 0 or 1."""
        return expit(np.clip(self.log_odds(customers), -_MAX_LOG_ODDS, _MAX_LOG_ODDS))


def log_odds(pipeline: Pipeline, inputs: pd.DataFrame) -> NDArray[np.float64]:
    """Return the log-odds of churn of a fitted candidate, before any calibration, (n_customers,).

    As the classifier computes them, see :func:`classifier_log_odds`.
    """
    *encoders, classifier = pipeline
    matrix = inputs
    for encoder in encoders:
        matrix = encoder.transform(matrix)
    return classifier_log_odds(classifier, matrix)


def classifier_log_odds(classifier: Any, matrix: Any) -> NDArray[np.float64]:
    """Return the log-odds that a fitted classifier gives the rows of the encoder's matrix, (n,).

    Taken before they become probabilities, which in float32 lose digits near 0 and 1. A classifier
    that is not known here gives probabilities, and 1e-6 is the closest to 0 or 1 that counts.
    """
    # of others, a decision function may be anything
    if isinstance(classifier, LogisticRegression | LogOddsForest):
        margin = classifier.decision_function(matrix)
    elif hasattr(classifier, "get_booster"):  # XGBoost
        margin = classifier.predict(matrix, output_margin=True)
    elif hasattr(classifier, "booster_"):  # LightGBM
        margin = classifier.predict(matrix, raw_score=True)
    else:
        probability = np.clip(classifier.predict_proba(matrix)[:, 1], _CERTAIN, 1 - _CERTAIN)
        margin = logit(probability)
    return np.asarray(margin, dtype=np.float64)
