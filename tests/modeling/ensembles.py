"""Small fitted ensembles of every library, and customers for them."""

from __future__ import annotations

from typing import Any

import numpy as np
from lightgbm import LGBMClassifier
from numpy.typing import NDArray
from xgboost import XGBClassifier

from churn_pipeline.modeling.families import FAMILIES
from churn_pipeline.modeling.forest import LogOddsForest
from churn_pipeline.modeling.trees import TreeEnsemble

COLUMNS = 5


def customers(
    n: int, seed: int, missing: bool = True
) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """Draw two flags, a count and two numbers; some are missing, and that tells something."""
    generator = np.random.default_rng(seed)
    matrix = np.column_stack(
        [
            generator.integers(0, 2, (n, 2)),
            generator.integers(0, 8, n) - 3,
            generator.normal(size=(n, 2)),
        ]
    ).astype(np.float32)
    log_odds = matrix[:, 0] - 0.5 * matrix[:, 2] + matrix[:, 3] * matrix[:, 1] - 0.7
    if missing:
        matrix[generator.random((n, COLUMNS)) < 0.15] = np.nan
        log_odds = log_odds + np.isnan(matrix[:, 3])
    churned = generator.random(n) < 1 / (1 + np.exp(-np.nan_to_num(log_odds)))
    return matrix, churned.astype(np.int8)


def form(library: str, classifier: Any) -> TreeEnsemble:
    """Return the trees of a fitted ensemble."""
    found = FAMILIES[library].form(classifier)
    assert isinstance(found, TreeEnsemble)
    return found


def fit(library: str, trees: int = 12, missing: bool = True, **settings: Any) -> Any:
    """Fit a small ensemble on 600 customers."""
    one_thread = {"n_estimators": trees, "n_jobs": 1, "random_state": 3}
    classifier: Any
    if library == "xgboost":
        classifier = XGBClassifier(**({"max_depth": 4} | one_thread | settings))
    elif library == "lightgbm":
        given = {"num_leaves": 9, "min_child_samples": 5, "verbosity": -1}
        classifier = LGBMClassifier(**(given | one_thread | settings))
    elif library == "catboost":
        few = {"n_estimators": trees, "max_depth": 4, "learning_rate": 0.3}
        classifier = FAMILIES["catboost"].classifier(3, **(few | settings))
    else:
        given = {"n_estimators": trees, "min_samples_leaf": 5, "random_state": 3}
        classifier = LogOddsForest(**(given | settings))
    return classifier.fit(*customers(600, seed=1, missing=missing))


def margin(library: str, classifier: Any, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the log-odds as the library computes them."""
    if library == "xgboost":
        return classifier.predict(matrix, output_margin=True).astype(np.float64)
    if library == "lightgbm":
        return classifier.predict(matrix, raw_score=True)
    if library == "catboost":
        return classifier.log_odds(matrix)
    return classifier.decision_function(matrix)
