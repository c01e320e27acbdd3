"""Trees for a large training set: as many as it bears, where tuning saw a sample of it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_pipeline.contract import Contract
from churn_pipeline.modeling.candidates import build_candidate
from churn_pipeline.modeling.cross_validation import fitting
from churn_pipeline.modeling.families import FAMILIES
from churn_pipeline.modeling.families.base import Family
from churn_pipeline.splits.folds import stratified_splits

_FOLDS = 5  # a fifth is held out


def grow(
    tuned_settings: Mapping[str, Mapping[str, Any]],
    candidates: Mapping[str, Mapping[str, Any] | None],
    contract: Contract,
    inputs: pd.DataFrame,
    churned: NDArray[np.int8],
    *,
    most: int,
    seed: int,
    customer_numbers: NDArray[np.int64] | None = None,
) -> dict[str, dict[str, Any]]:
    """Let the boosted candidates have as many trees as these customers bear.

    Boosting goes on while the log loss of a held-out fifth falls. A number that was not searched is
    somebody's choice and stays, and so does what else was tuned on fewer customers.

    Parameters
    ----------
    tuned_settings : mapping
        Candidate → setting → value.
    candidates : mapping
        The section of ``params.yaml``: which settings were ranges.
    contract : Contract
    inputs : DataFrame, (n, n_inputs)
    churned : ndarray of 0 and 1, (n,)
    most : int
        Trees at most.
    seed : int
    customer_numbers : ndarray of int, (n,), optional
        See :func:`churn_pipeline.splits.folds.stratified_splits`.

    Returns
    -------
    dict
        The settings, with no fewer trees, and at most ``most`` where some were added.
    """
    fit, held_out = stratified_splits(churned, customer_numbers, folds=_FOLDS, seed=seed)[0]
    grown = {name: dict(settings) for name, settings in tuned_settings.items()}
    for name, settings in grown.items():
        family = FAMILIES[name]
        key = _searched_count(family, candidates[name] or {})
        if key is None:
            continue
        *encoders, classifier = build_candidate(
            name, {**settings, key: max(most, settings[key])}, contract, seed
        )
        fitted, validated = inputs.iloc[fit], inputs.iloc[held_out]
        with fitting(name, fitted):
            for encoder in encoders:
                fitted = encoder.fit_transform(fitted, churned[fit])
                validated = encoder.transform(validated)
            count = family.count_trees(
                classifier, (fitted, churned[fit]), (validated, churned[held_out])
            )
        settings[key] = max(count, settings[key])
    return grown


def _searched_count(family: Family, given: Mapping[str, Any]) -> str | None:
    """Return by which name the number of trees was given as a range, None where it was not."""
    if family.tree_count is None:
        return None
    ranges = (key for key, value in given.items() if isinstance(value, Mapping))
    return next((key for key in ranges if family.settings.get(key) == family.tree_count), None)
