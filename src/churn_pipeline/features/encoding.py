"""Encoders that turn model inputs into one float matrix, for linear models and for trees.

Missing numbers: linear models see the training median and a flag; trees see NaN. Missing and unseen
categories: every one-hot column is 0, the same for both. Rare levels keep a column of their own,
whose weight the regularisation of each candidate shrinks. A category of many levels is one number,
see :class:`~churn_pipeline.features.level_log_odds.LevelLogOdds`.
"""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from churn_pipeline.contract import Contract
from churn_pipeline.features.level_log_odds import LevelLogOdds
from churn_pipeline.features.levels import many_level_inputs, one_hot_inputs, positions


class PiecewiseLinear(TransformerMixin, BaseEstimator):
    """Columns as piecewise linear functions: ``x`` and ``max(0, x - knot)`` for each knot.

    A linear model on these columns is a linear spline in ``x`` (Friedman, 1991, calls them hinge
    functions): it bends at the knots, which lie at evenly spaced quantiles of the training values.

    Parameters
    ----------
    knots : int
        Knots a column at most; 0 passes the columns through. A column of few distinct values has
        fewer, one of two values has none.

    Attributes
    ----------
    knots_ : list of ndarray of float
        The knots of each input column.
    input_indices_ : ndarray of int
        The input column of each output column.
    """

    def __init__(self, knots: int = 0) -> None:
        self.knots = knots

    def fit(self, values: ArrayLike, target: object = None) -> Self:
        """Place the knots."""
        if not (isinstance(self.knots, int) and self.knots >= 0):
            raise ValueError(f"knots is {self.knots!r}; it must be a whole number, 0 or more")
        matrix = np.asarray(values, dtype=np.float64)
        self.n_features_in_ = matrix.shape[1]
        self.knots_ = [self._place(column) for column in matrix.T]
        self.input_indices_ = np.repeat(
            np.arange(self.n_features_in_), [1 + len(knots) for knots in self.knots_]
        )
        return self

    def _place(self, column: NDArray[np.float64]) -> NDArray[np.float64]:
        distinct = np.unique(column)
        quantiles = np.linspace(0, 1, self.knots + 2)[1:-1]
        knots = np.unique(np.quantile(column, quantiles, method="nearest"))
        return knots[(knots > distinct[0]) & (knots < distinct[-1])]  # others would bend nothing

    def transform(self, values: ArrayLike) -> NDArray[np.float64]:
        """Return each column followed by its hinges."""
        matrix = np.asarray(values, dtype=np.float64)
        columns = []
        for column, knots in zip(matrix.T, self.knots_, strict=True):
            columns += [column, *(np.maximum(column - knot, 0.0) for knot in knots)]
        return np.column_stack(columns) if columns else matrix

    def get_feature_names_out(self, names: Sequence[str] | None = None) -> NDArray[np.object_]:
        """Name the columns ``name``, ``name_knot1``, …"""
        inputs = [f"x{i}" for i in range(self.n_features_in_)] if names is None else names
        return np.array(
            [
                f"{name}_knot{number}" if number else str(name)
                for name, knots in zip(inputs, self.knots_, strict=True)
                for number in range(len(knots) + 1)
            ],
            dtype=object,
        )


class OneHotLevels(TransformerMixin, BaseEstimator):
    """A column of 0 and 1 for each level of each category.

    What scikit-learn's ``OneHotEncoder(handle_unknown="ignore")`` gives, in a tenth of its time on
    pandas' categories; encoding would take a third of tuning. A missing or unseen value has 0 in
    every column.

    Parameters
    ----------
    categories : sequence of sequence of str
        The levels of each input column.
    dtype : type
        Of the result.

    Attributes
    ----------
    categories_ : list of ndarray of str
    """

    def __init__(self, categories: Sequence[Sequence[str]], dtype: type = np.float64) -> None:
        self.categories = categories
        self.dtype = dtype

    def fit(self, values: pd.DataFrame, target: object = None) -> Self:
        """Take the levels as they are given; nothing is learnt from the values."""
        self.categories_ = [np.array(levels, dtype=object) for levels in self.categories]
        self.n_features_in_ = len(self.categories)
        return self

    def transform(self, values: pd.DataFrame) -> NDArray[np.floating[Any]]:
        """Return (n, number of all levels)."""
        ends = np.cumsum([len(levels) for levels in self.categories_], dtype=np.int64)
        encoded = np.zeros((len(values), ends[-1] if len(ends) else 0), dtype=self.dtype)
        for (_, column), levels, end in zip(values.items(), self.categories_, ends, strict=True):
            found = positions(column, pd.Index(levels))
            known = np.flatnonzero(found >= 0)
            encoded[known, end - len(levels) + found[known]] = 1
        return encoded

    def get_feature_names_out(self, names: Sequence[str] | None = None) -> NDArray[np.object_]:
        """Name the columns ``name_level``."""
        inputs = [f"x{i}" for i in range(self.n_features_in_)] if names is None else names
        return np.array(
            [
                f"{name}_{level}"
                for name, levels in zip(inputs, self.categories_, strict=True)
                for level in levels
            ],
            dtype=object,
        )


def linear_encoder(contract: Contract, knots: int = 0) -> ColumnTransformer:
    """Impute, bend and standardise numbers, one-hot the categories: float64 for linear models."""
    numeric = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
        PiecewiseLinear(knots),
        StandardScaler(),
    )
    return _encoder(numeric, contract, np.float64)


def tree_encoder(contract: Contract) -> ColumnTransformer:
    """Pass numbers unscaled, one-hot the categories: float32 for trees.

    Unscaled and in float32, so that every library compares the same value with its thresholds.
    """
    numeric = FunctionTransformer(_to_float32, feature_names_out="one-to-one")
    return _encoder(numeric, contract, np.float32)


def _to_float32(values: ArrayLike) -> NDArray[np.float32]:
    return np.asarray(values, dtype=np.float32)


def input_of_columns(encoder: ColumnTransformer) -> NDArray[np.str_]:
    """Return the model input of each column of a fitted encoder's matrix, (n_columns,)."""
    sources: list[str] = []
    for name, transformer, inputs in encoder.transformers_:
        if name == "categorical":
            levels = [len(categories) for categories in transformer.categories_] if inputs else []
            sources += np.repeat(inputs, levels).tolist()
        elif name == "numeric" and isinstance(transformer, Pipeline):
            imputer, bent, _ = transformer
            flagged = imputer.indicator_.features_ if imputer.indicator_ is not None else []
            imputed = [*inputs, *(inputs[position] for position in flagged)]
            sources += [imputed[position] for position in bent.input_indices_]
        else:
            sources += inputs
    return np.array(sources, dtype=np.str_)


def _encoder(numeric: object, contract: Contract, dtype: type) -> ColumnTransformer:
    few, many = one_hot_inputs(contract), many_level_inputs(contract)
    steps = [
        ("numeric", numeric, list(contract.numeric_inputs)),
        ("categorical", OneHotLevels(_levels(few, contract), dtype), list(few)),
    ]
    if many:
        numbers: object = LevelLogOdds(_levels(many, contract), dtype)
        if dtype is np.float64:
            numbers = make_pipeline(numbers, StandardScaler())
        steps.append(("many_levels", numbers, list(many)))
    return ColumnTransformer(steps, verbose_feature_names_out=False)


def _levels(names: Sequence[str], contract: Contract) -> list[Sequence[str]]:
    return [list(contract.columns[name].values) for name in names]
