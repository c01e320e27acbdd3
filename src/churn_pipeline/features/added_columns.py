"""What one more column does to a plain logistic regression."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import chi2
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from tqdm import tqdm

from churn_pipeline.contract import Contract
from churn_pipeline.contract.limits import CERTAIN
from churn_pipeline.contract.model import DerivedColumn
from churn_pipeline.features.encoding import input_of_columns, linear_encoder
from churn_pipeline.splits.folds import stratified_splits
from churn_pipeline.statistics.clustered_tests import customer_sums

_LINEAR = 1e-4  # share of a column's variance that the inputs may leave unexplained


def are_linear(
    inputs: pd.DataFrame, contract: Contract, columns: Sequence[DerivedColumn]
) -> list[bool]:
    """Say which columns are linear in what a linear model sees, flags of missing values included.

    Parameters
    ----------
    inputs : DataFrame
        The contract's model inputs and ``columns``.
    contract : Contract
    columns : sequence of DerivedColumn

    Returns
    -------
    list of bool, one a column
    """
    if not columns:
        return []
    names = [column.name for column in columns]
    base = linear_encoder(contract).fit_transform(inputs)
    base = np.column_stack([np.ones(len(base)), base])
    encoder = linear_encoder(_only(contract, columns)).fit(inputs[names])
    proposed = encoder.transform(inputs[names])  # each of mean 0
    weights = np.linalg.lstsq(base, proposed, rcond=None)[0]
    left = np.mean((proposed - base @ weights) ** 2, axis=0)
    is_given = left <= _LINEAR * np.mean(proposed**2, axis=0)
    source = input_of_columns(encoder)
    return [bool(is_given[source == name].all()) for name in names]


def score_p_values(
    inputs: pd.DataFrame,
    target: NDArray[np.int8],
    contract: Contract,
    columns: Sequence[DerivedColumn],
    customer_numbers: NDArray[np.int64] | None = None,
) -> NDArray[np.float64]:
    """Test of each column, added alone, whether it matters to a linear model at all.

    By Rao's score test (1948): does what the model leaves over depend on the part of the column
    that the other inputs do not explain? The variance is the sandwich over customers, whose rows
    are not independent. It has about twice the power of a test of the losses out of fold, in
    standard errors, since it does not pay for the estimate of one more coefficient.

    Parameters
    ----------
    inputs, target, contract, columns, customer_numbers
        See :func:`cross_validate_columns`.

    Returns
    -------
    ndarray of float, (n_columns,)
    """
    if not columns:
        return np.empty(0)
    base = linear_encoder(contract).fit_transform(inputs)
    fitted = expit(_fit(base, target).decision_function(base)).clip(CERTAIN, 1 - CERTAIN)
    weights = np.sqrt(fitted * (1 - fitted))
    base = np.column_stack([np.ones(len(base)), base]) * weights[:, None]
    names = [column.name for column in columns]
    encoder = linear_encoder(_only(contract, columns)).fit(inputs[names])
    proposed = encoder.transform(inputs[names])
    weighted = proposed * weights[:, None]
    own = proposed - (base @ np.linalg.lstsq(base, weighted, rcond=None)[0]) / weights[:, None]
    scores = own * (target - fitted)[:, None]
    if customer_numbers is not None:
        scores = customer_sums(scores, customer_numbers)
    source = input_of_columns(encoder)
    return np.array([_score_test(scores[:, source == name]) for name in names])


def _score_test(scores: NDArray[np.float64]) -> float:
    """Return the p-value of "the sum is 0", (n_customers, n_parts)."""
    total, variance = scores.sum(axis=0), scores.T @ scores
    rank = int(np.linalg.matrix_rank(variance))
    statistic = float(total @ np.linalg.pinv(variance) @ total)
    return float(chi2.sf(statistic, rank)) if rank else 1.0


def cross_validate_columns(
    inputs: pd.DataFrame,
    target: NDArray[np.int8],
    contract: Contract,
    columns: Sequence[DerivedColumn],
    *,
    folds: int,
    repeats: int,
    seed: int,
    progress: "tqdm[Any]",
    customer_numbers: NDArray[np.int64] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Measure by how much each column, added alone, changes the log loss of every fold.

    Columns that do not lower the mean log loss of the first repeat are left out of the others. The
    columns are encoded once a fold, not once a fit.

    Parameters
    ----------
    inputs : DataFrame, (n, …)
        The contract's model inputs and ``columns``.
    target : ndarray of 0 and 1, (n,)
    contract : Contract
    columns : sequence of DerivedColumn
    folds, repeats, seed : int
        Of the stratified cross-validation.
    progress : tqdm
        Counts the fits and names the best column so far.
    customer_numbers : ndarray of int, (n,), optional
        See :func:`churn_pipeline.splits.folds.stratified_splits`.

    Returns
    -------
    without : ndarray of float, (folds * repeats,)
        Log losses of the model as it is.
    differences : ndarray of float, (folds * repeats, n_columns)
        Log losses with each column minus those without; NaN where it was left out.
    """
    splits = stratified_splits(target, customer_numbers, folds=folds, seed=seed, repeats=repeats)
    n_fits = folds * repeats
    without = np.empty(n_fits)
    differences = np.full((n_fits, len(columns)), np.nan)
    names = np.array([column.name for column in columns], dtype=object)
    going_on = np.arange(len(columns))
    title = progress.desc
    progress.total = progress.n + n_fits * len(columns)
    for fold, (train, validation) in enumerate(splits):
        encoder = linear_encoder(contract).fit(inputs.iloc[train])
        base = [encoder.transform(inputs.iloc[rows]) for rows in (train, validation)]
        targets = target[train], target[validation]
        without[fold] = _loss(base, targets)
        if not len(going_on):
            continue
        proposed = inputs[list(names[going_on])]
        encoder = linear_encoder(_only(contract, [columns[int(i)] for i in going_on]))
        encoder.fit(proposed.iloc[train])
        added = [encoder.transform(proposed.iloc[rows]) for rows in (train, validation)]
        source = input_of_columns(encoder)
        for position in going_on:
            own = source == names[position]
            wider = [np.column_stack([a, b[:, own]]) for a, b in zip(base, added, strict=True)]
            differences[fold, position] = _loss(wider, targets) - without[fold]
            progress.update()
        means = differences[: fold + 1, going_on].mean(axis=0)
        best = going_on[means.argmin()]
        progress.set_description(f"{title}, best {names[best]} {means.min():+.4f}")
        if fold + 1 == folds:
            going_on = going_on[means < 0]
            progress.total = progress.n + (n_fits - folds) * len(going_on)
    return without, differences


def _only(contract: Contract, columns: Sequence[DerivedColumn]) -> Contract:
    return replace(contract, columns={}, row_rules=(), derived_columns=tuple(columns))


def _loss(matrices: Sequence[NDArray[np.float64]], targets: Sequence[NDArray[np.int8]]) -> float:
    """Fit on the first matrix, return the log loss on the second."""
    model = _fit(matrices[0], targets[0])
    return float(log_loss(targets[1], expit(model.decision_function(matrices[1]))))


def _fit(matrix: NDArray[np.float64], target: NDArray[np.int8]) -> LogisticRegression:
    # Newton's method: exact after a few steps where customers are many and columns few
    return LogisticRegression(solver="newton-cholesky", tol=1e-6).fit(matrix, target)
