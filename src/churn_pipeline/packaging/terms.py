"""A fitted linear candidate as a sum of terms, one a bent number and one a category."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer

from churn_pipeline.contract import Contract
from churn_pipeline.features.levels import many_level_inputs, one_hot_inputs
from churn_pipeline.modeling.families.base import LinearForm

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LinearTerms:
    """Terms whose sum and ``intercept`` are the log-odds.

    The numbers with missing ones imputed, followed by their flags of missing values, are columns;
    a term is ``weight * max(column - knot, floor)``. A category's term is the weight of its value.

    Attributes
    ----------
    intercept : float
    medians : ndarray of float, (n_numeric,)
        What missing numbers are taken for.
    sources : ndarray of int, (n_bent,)
        The column of each term, the flags counted after all numbers.
    knots, floors, weights : ndarray of float, (n_bent,)
    categories : tuple of ndarray of float
        The weights of each category: of a missing one, then of its values.
    inputs : tuple of str
        The model input of each term, those of the categories last.
    """

    intercept: float
    medians: Floats
    sources: NDArray[np.int64]
    knots: Floats
    floors: Floats
    weights: Floats
    categories: tuple[Floats, ...]
    inputs: tuple[str, ...]


def linear_terms(encoder: ColumnTransformer, form: LinearForm, contract: Contract) -> LinearTerms:
    """Take a fitted linear encoder and what is linear in its columns apart.

    The scales and means of the encoder go into weights and intercept.
    """
    coefficients, intercept = form
    numeric, categorical = contract.numeric_inputs, contract.categorical_inputs
    medians = floats = np.empty(0)
    sources, knots, floors = np.empty(0, dtype=np.int64), floats, floats
    n_bent = 0
    if numeric:
        imputer, bend, scaler = encoder.named_transformers_["numeric"]
        medians = np.asarray(imputer.statistics_, dtype=np.float64)
        flagged = imputer.indicator_.features_ if imputer.indicator_ is not None else []
        columns = np.array([*range(len(numeric)), *(len(numeric) + i for i in flagged)])
        sources = columns[bend.input_indices_].astype(np.int64)
        placed = [(value, floor) for of_column in bend.knots_ for value, floor in _bends(of_column)]
        knots, floors = (np.array(column) for column in zip(*placed, strict=True))
        n_bent = len(sources)
        weights = coefficients[:n_bent] / scaler.scale_
        intercept -= float(weights @ scaler.mean_)
    else:
        weights = floats
    weights_of = _one_hot_weights(coefficients[n_bent:], contract)
    many = many_level_inputs(contract)
    if many:
        numbers, many_scaler = encoder.named_transformers_["many_levels"]
        slopes = coefficients[-len(many) :] / many_scaler.scale_
        for name, table, slope, mean in zip(
            many, numbers.tables_, slopes, many_scaler.mean_, strict=True
        ):
            weights_of[name] = slope * (np.asarray(table, dtype=np.float64) - mean)
    categories = tuple(weights_of[name] for name in categorical)
    inputs = [numeric[source % len(numeric)] for source in sources]
    return LinearTerms(
        intercept,
        medians,
        sources,
        knots,
        floors,
        weights,
        categories,
        (*inputs, *categorical),
    )


def _one_hot_weights(coefficients: Floats, contract: Contract) -> dict[str, Floats]:
    names = one_hot_inputs(contract)
    levels = [len(contract.columns[name].values) for name in names]
    ends = np.cumsum(levels, dtype=np.int64)
    return {
        name: np.concatenate([[0.0], coefficients[end - size : end]])
        for name, end, size in zip(names, ends, levels, strict=True)
    }


def _bends(knots: Floats) -> list[tuple[float, float]]:
    return [(0.0, -np.inf), *((float(knot), 0.0) for knot in knots)]
