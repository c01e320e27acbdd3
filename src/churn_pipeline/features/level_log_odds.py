"""A category of many levels as one number, learnt from the target without leaking it."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import logit
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.model_selection import KFold
from sklearn.preprocessing import TargetEncoder

from churn_pipeline.contract.limits import CERTAIN
from churn_pipeline.features.levels import positions


class LevelLogOdds(TransformerMixin, BaseEstimator):
    """The log-odds of churn among a level's training customers, shrunk towards those of all.

    Micci-Barreca (2001), with the empirical-Bayes weights and the cross-fitting of scikit-learn's
    ``TargetEncoder``: a training customer's number comes from other customers, so that a model does
    not trust rare levels too much. Rows are taken in blocks: the training set is ordered by a
    hash of the customer, so that the rows of one stay together. Missing values are a level of
    their own.

    Parameters
    ----------
    categories : sequence of sequence of str
        The levels of each input column.
    dtype : type
        Of the result.
    folds : int
        Of the cross-fitting.

    Attributes
    ----------
    categories_ : list of ndarray of str
    tables_ : list of ndarray of float64
        For each input column, the log-odds of a missing value, then of its levels.
    """

    def __init__(
        self,
        categories: Sequence[Sequence[str]],
        dtype: type = np.float64,
        folds: int = 5,
    ) -> None:
        self.categories = categories
        self.dtype = dtype
        self.folds = folds

    def fit(self, values: pd.DataFrame, target: ArrayLike) -> Self:
        """Learn the log-odds of every level."""
        self.fit_transform(values, target)
        return self

    def fit_transform(
        self, values: pd.DataFrame, target: ArrayLike, **_: object
    ) -> NDArray[np.floating[Any]]:
        """Learn the log-odds; return (n, n_columns) from customers of other folds."""
        self.categories_ = [np.array(levels, dtype=object) for levels in self.categories]
        self.n_features_in_ = len(self.categories)
        self.tables_: list[NDArray[np.float64]] = []
        if not self.categories:
            return np.empty((len(values), 0), dtype=self.dtype)
        target = np.asarray(target)
        encoder = TargetEncoder(
            categories=[np.arange(-1, len(levels)) for levels in self.categories_],
            target_type="binary",
            cv=KFold(self.folds),
        )
        cross_fitted = encoder.fit_transform(self._codes(values), target)
        # rounded as the result is, so that every user of the table sees the same number
        self.tables_ = [_log_odds(rates).astype(self.dtype) for rates in encoder.encodings_]
        return _log_odds(cross_fitted).astype(self.dtype)

    def transform(self, values: pd.DataFrame) -> NDArray[np.floating[Any]]:
        """Return (n, n_columns)."""
        codes = self._codes(values)
        columns = [table[code + 1] for table, code in zip(self.tables_, codes.T, strict=True)]
        return np.column_stack(columns) if columns else np.empty((len(values), 0), self.dtype)

    def _codes(self, values: pd.DataFrame) -> NDArray[np.int64]:
        columns = [
            positions(column, pd.Index(levels))
            for (_, column), levels in zip(values.items(), self.categories_, strict=True)
        ]
        return np.column_stack(columns).astype(np.int64)

    def get_feature_names_out(self, names: Sequence[str] | None = None) -> NDArray[np.object_]:
        """Name the columns as their inputs."""
        inputs = [f"x{i}" for i in range(self.n_features_in_)] if names is None else names
        return np.array(inputs, dtype=object)


def _log_odds(rates: ArrayLike) -> NDArray[np.float64]:
    return logit(np.clip(np.asarray(rates, dtype=np.float64), CERTAIN, 1 - CERTAIN))
