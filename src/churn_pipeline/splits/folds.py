"""Folds of a stratified cross-validation that keep the rows of a customer together."""

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import RepeatedStratifiedKFold, StratifiedKFold

from churn_pipeline.errors import DataError

Split = tuple[NDArray[np.int64], NDArray[np.int64]]


def check_folds(
    churned: NDArray[np.int8],
    folds: int,
    key: str,
    customer_numbers: NDArray[np.int64] | None = None,
) -> None:
    """Raise :class:`DataError` if there are fewer customers of a kind than folds.

    Parameters
    ----------
    churned : ndarray of 0 and 1, (n,)
    folds : int
    key : str
        The setting, for the message.
    customer_numbers : ndarray of int, (n,), optional
        Whose row it is; by default each row is another customer.
    """
    if customer_numbers is None:
        smallest = int(np.bincount(churned, minlength=2).min())
    else:
        smallest = min(len(np.unique(customer_numbers[churned == kind])) for kind in (0, 1))
    if smallest < folds:
        raise DataError(
            f"the training set has only {smallest} customers with the rarer outcome, fewer than "
            f"{key} ({folds}); provide more customers or lower {key}"
        )


def stratified_splits(
    churned: NDArray[np.int8],
    customer_numbers: NDArray[np.int64] | None,
    *,
    folds: int,
    seed: int,
    repeats: int | None = None,
) -> list[Split]:
    """Make the folds of a stratified cross-validation.

    Customers, not rows, are dealt out to the folds, stratified by whether they churn in any of
    their rows: a model that knows a customer from another month would be measured too well. Where
    each row is another customer, these are the folds of scikit-learn's splitters.

    Parameters
    ----------
    churned : ndarray of 0 and 1, (n,)
    customer_numbers : ndarray of int, (n,), or None
        Whose row it is, 0 … n_customers - 1; None where each row is another customer.
    folds, seed : int
    repeats : int, optional
        How often to assign again; by default once, by ``StratifiedKFold``.

    Returns
    -------
    list, folds * repeats, of tuple of ndarray of int
        Positions of the training rows and of the others.

    Raises
    ------
    DataError
        If a fold lacks rows of one kind.
    """
    if customer_numbers is None:
        numbers, label = None, churned
    else:
        numbers = customer_numbers
        label = np.zeros(numbers.max() + 1, dtype=np.int8)
        np.maximum.at(label, numbers, churned)
        if np.bincount(label, minlength=2).min() < folds:
            label = np.zeros_like(label)  # too few to deal out by themselves
    splitter = (
        StratifiedKFold(n_splits=folds, shuffle=True, random_state=seed)
        if repeats is None
        else RepeatedStratifiedKFold(n_splits=folds, n_repeats=repeats, random_state=seed)
    )
    splits = list(splitter.split(np.zeros(len(label)), label))
    if numbers is None:
        return splits
    return [_rows(validation, numbers, churned) for _, validation in splits]


def _rows(
    validation: NDArray[np.int64], numbers: NDArray[np.int64], churned: NDArray[np.int8]
) -> Split:
    is_validation = np.zeros(numbers.max() + 1, dtype=np.bool_)
    is_validation[validation] = True
    mask = is_validation[numbers]
    if min(np.bincount(churned[part], minlength=2).min() for part in (mask, ~mask)) == 0:
        raise DataError(
            "a fold of the cross-validation has no rows with one of the outcomes, because too few "
            "customers have it; provide more customers or lower tuning.folds and training.folds"
        )
    return np.flatnonzero(~mask), np.flatnonzero(mask)
