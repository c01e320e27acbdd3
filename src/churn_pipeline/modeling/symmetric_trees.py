"""CatBoost's classifier as the project uses it; importing this module imports CatBoost."""

from typing import Any, Self

import numpy as np
from catboost import CatBoostClassifier
from numpy.typing import NDArray

_OF_THE_RUN = ("train_finish_time", "model_guid")


class SymmetricTrees(CatBoostClassifier):
    """CatBoost's classifier in one thread, whose pickle depends on data, settings and seed only.

    All parameters are CatBoost's. Customers are given as a float32 matrix, NaN where missing.
    """

    def fit(self, matrix: Any, churned: Any, **others: Any) -> Self:
        """Grow the trees.

        Parameters
        ----------
        matrix : ndarray of float32, (n, n_columns)
        churned : ndarray of 0 and 1, (n,)
        **others
            As CatBoost has them, such as ``eval_set``.

        Raises
        ------
        ValueError
            At a value that CatBoost takes and computes nonsense with.
        CatBoostError
            At others that make no sense.
        """
        given = self.get_params()
        if _is_number(given.get("learning_rate")) and given["learning_rate"] <= 0:
            raise ValueError("learning_rate must be above 0")
        if _is_number(given.get("random_strength")) and given["random_strength"] < 0:
            raise ValueError("random_strength must be 0 or more")
        super().fit(matrix, churned, **others)
        metadata = self.get_metadata()
        for key in _OF_THE_RUN:  # a clock and a random number, by which no two pickles are equal
            metadata[key] = ""
        return self

    def predict_proba(self, matrix: Any) -> NDArray[np.float64]:
        """Return the probabilities of staying and of leaving, (n, 2)."""
        return super().predict_proba(matrix, thread_count=1)

    def log_odds(self, matrix: Any) -> NDArray[np.float64]:
        """Return the log-odds of leaving, (n,)."""
        return super().predict(matrix, prediction_type="RawFormulaVal", thread_count=1)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float)
