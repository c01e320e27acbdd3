"""Encoders that turn model inputs into one float matrix, for linear models and for trees.

Missing numbers: linear models see the training median and a flag; trees see NaN. Missing and unseen
categories: every one-hot column is 0, the same for both.
"""

from collections.abc import Sequence

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from churn_pipeline.contract import Contract


def linear_encoder(contract: Contract) -> ColumnTransformer:
    """Impute and standardise numbers, one-hot the categories: float64 for linear models."""
    numeric = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
        StandardScaler(),
    )
    return _encoder(numeric, contract, np.float64)


def tree_encoder(contract: Contract) -> ColumnTransformer:
    """Pass numbers unscaled, one-hot the categories: for trees.

    Unscaled, so that a split threshold means the same in float32 and in float64.
    """
    return _encoder("passthrough", contract, np.float32)


def _encoder(numeric: object, contract: Contract, dtype: type) -> ColumnTransformer:
    categories: list[Sequence[str]] = [
        list(contract.columns[name].values) for name in contract.categorical_inputs
    ]
    one_hot = OneHotEncoder(
        categories=categories, handle_unknown="ignore", sparse_output=False, dtype=dtype
    )
    return ColumnTransformer(
        [
            ("numeric", numeric, list(contract.numeric_inputs)),
            ("categorical", one_hot, list(contract.categorical_inputs)),
        ],
        verbose_feature_names_out=False,
    )
