"""Reference statistics: what inputs and scores looked like when the model was made."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_pipeline.contract import Contract

_QUANTILES = tuple(i / 10 for i in range(11))
_BINS = 10
_DECIMALS = 6


def reference_statistics(
    train: pd.DataFrame, test_predictions: pd.DataFrame, contract: Contract
) -> dict[str, Any]:
    """Summarise what a monitor compares requests with.

    Parameters
    ----------
    train : DataFrame
        With the contract's model inputs.
    test_predictions : DataFrame
        With ``churn_probability`` of customers whom the model had not seen.
    contract : Contract

    Returns
    -------
    dict
        ``customers``; ``inputs``: of a number ``missing`` (share), ``mean``, ``standard_deviation``
        and ``deciles``, of a category ``missing`` and ``shares`` of its values;
        ``churn_probability``: ``mean``, ``deciles`` and ``histogram``, the shares of ten bins of
        equal width. Rounded to six decimals.
    """
    inputs: dict[str, Any] = {}
    for name in contract.numeric_inputs:
        inputs[name] = _number(train[name].to_numpy(dtype=np.float64))
    for name in contract.categorical_inputs:
        rows_of = train[name].value_counts()
        inputs[name] = {
            "missing": _rounded(train[name].isna().mean()),
            "shares": {
                level: _rounded(rows_of.get(level, 0) / len(train))
                for level in contract.columns[name].values
            },
        }
    scores = test_predictions["churn_probability"].to_numpy(dtype=np.float64)
    counts, _ = np.histogram(scores, bins=_BINS, range=(0, 1))
    return {
        "customers": len(train),
        "inputs": inputs,
        "churn_probability": {
            "mean": _rounded(scores.mean()),
            "deciles": [_rounded(value) for value in np.quantile(scores, _QUANTILES)],
            "histogram": [_rounded(count / len(scores)) for count in counts],
        },
    }


def _number(values: NDArray[np.float64]) -> dict[str, Any]:
    known = values[~np.isnan(values)]
    if not len(known):
        return {"missing": 1.0, "mean": None, "standard_deviation": None, "deciles": None}
    return {
        "missing": _rounded(1 - len(known) / len(values)),
        "mean": _rounded(known.mean()),
        "standard_deviation": _rounded(known.std()),
        "deciles": [_rounded(value) for value in np.quantile(known, _QUANTILES)],
    }


def _rounded(value: float) -> float:
    return round(float(value), _DECIMALS)
