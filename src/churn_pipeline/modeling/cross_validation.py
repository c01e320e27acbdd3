"""Repeated stratified cross-validation of the candidates."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.base import clone
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.pipeline import Pipeline
from threadpoolctl import ThreadpoolController
from tqdm import tqdm

from churn_pipeline.contract.limits import LARGEST_NUMBER, MAX_LOG_ODDS
from churn_pipeline.errors import DataError, ParameterError
from churn_pipeline.modeling.families import FAMILIES
from churn_pipeline.modeling.model import log_odds
from churn_pipeline.named_files import params_yaml
from churn_pipeline.splits.folds import stratified_splits
from churn_pipeline.statistics.losses import log_losses_of_odds


@cache
def _thread_pools(candidate: str) -> ThreadpoolController:
    """Look for the pools of the libraries that are loaded, which costs as much as a small fit."""
    return ThreadpoolController()


def fit_on(
    name: str, candidate: Pipeline, inputs: pd.DataFrame, churned: NDArray[np.int8]
) -> Pipeline:
    """Fit a copy of a candidate, see :func:`fitting`."""
    with fitting(name, inputs):
        return clone(candidate).fit(inputs, churned)


@contextmanager
def fitting(name: str, inputs: pd.DataFrame) -> Iterator[None]:
    """Fit a candidate in one thread: the order of sums must not depend on the number of cores.

    Raises
    ------
    DataError
        If it cannot be fitted, and a column has numbers too large to compute with.
    ParameterError
        If it cannot be fitted with its settings.
    """
    try:
        with _thread_pools(name).limit(limits=1):
            yield
    except FAMILIES[name].errors as error:
        beyond = _beyond_computing(inputs)
        if beyond is not None:
            raise DataError(
                f"the column {beyond} has numbers beyond ±{LARGEST_NUMBER:g}, which candidate "
                f"{name} cannot handle; give it the role ignored in contract.yml, or limit it "
                "there with minimum and maximum"
            ) from error
        raise ParameterError(
            f"candidate {name} cannot be fitted: {' '.join(str(error).split())}; check "
            f"candidates.{name} in {params_yaml()}"
        ) from error


def _beyond_computing(inputs: pd.DataFrame) -> str | None:
    """Return a column with numbers that are too large or infinite, None where there is none."""
    numbers = inputs.select_dtypes("number")
    is_beyond = (np.abs(numbers.to_numpy(dtype=np.float64)) > LARGEST_NUMBER).any(axis=0)
    return next((str(numbers.columns[int(place)]) for place in np.flatnonzero(is_beyond)), None)


class CrossValidated(NamedTuple):
    """What the fits on all folds gave.

    Attributes
    ----------
    out_of_fold : DataFrame, (n * repeats, 3 + n_candidates)
        Predictions for every row: ``customer`` (position of the row in the inputs), ``repeat`` and
        ``fold`` from 1, and a column of log-odds for each candidate; ordered by repeat and
        customer.
    scoring_costs : dict of str to float
        Operations that it takes to score one customer, by candidate, counted on its first fit.
    """

    out_of_fold: pd.DataFrame
    scoring_costs: dict[str, float]


def cross_validate(
    candidates: Mapping[str, Pipeline],
    inputs: pd.DataFrame,
    churned: NDArray[np.int8],
    *,
    folds: int,
    repeats: int,
    seed: int,
    customer_numbers: NDArray[np.int64] | None = None,
) -> CrossValidated:
    """Fit every candidate on every fold's training part and score the rest.

    All fitted steps of a candidate (imputation, knots, scaling, encoding) see the fold's training
    part only, and all candidates see the same folds.

    Parameters
    ----------
    candidates : mapping of str to Pipeline
        Unfitted, by the name of their family.
    inputs : DataFrame, (n, n_inputs)
    churned : ndarray of 0 and 1, (n,)
    folds, repeats, seed : int
    customer_numbers : ndarray of int, (n,), optional
        See :func:`churn_pipeline.splits.folds.stratified_splits`.

    Returns
    -------
    CrossValidated

    Raises
    ------
    ParameterError
        If a candidate cannot be fitted with its settings.
    """
    splits = stratified_splits(churned, customer_numbers, folds=folds, seed=seed, repeats=repeats)
    n = len(inputs)
    table = pd.DataFrame(
        {
            "customer": np.tile(np.arange(n), repeats),
            "repeat": np.repeat(np.arange(1, repeats + 1), n),
            "fold": 0,
        }
    )
    rows = [validation + index // folds * n for index, (_, validation) in enumerate(splits)]
    for index, positions in enumerate(rows):
        table.loc[positions, "fold"] = index % folds + 1
    costs: dict[str, float] = {}
    with tqdm(
        total=len(candidates) * len(splits), unit="fit", disable=None, leave=False
    ) as progress:
        for name, candidate in candidates.items():
            progress.set_description(f"cross-validating {name}")
            scores = np.empty(n * repeats)
            for (train, validation), positions in zip(splits, rows, strict=True):
                model = fit_on(name, candidate, inputs.iloc[train], churned[train])
                scores[positions] = log_odds(name, model, inputs.iloc[validation])
                if name not in costs:
                    costs[name] = FAMILIES[name].scoring_cost(model[-1])
                progress.update()
            table[name] = scores
    return CrossValidated(table, costs)


def score_folds(out_of_fold: pd.DataFrame, churned: NDArray[np.int8]) -> pd.DataFrame:
    """Measure the out-of-fold predictions of every candidate fold by fold.

    Returns
    -------
    DataFrame
        ``candidate``, ``repeat``, ``fold``, ``log_loss``, ``roc_auc``; one line a fit.
    """
    names = [name for name in out_of_fold if name not in ("customer", "repeat", "fold")]
    lines = [
        {
            "candidate": name,
            "repeat": repeat,
            "fold": fold,
            "log_loss": log_loss(churned[part["customer"]], expit(part[name])),
            "roc_auc": roc_auc_score(churned[part["customer"]], part[name]),
        }
        for name in names
        for (repeat, fold), part in out_of_fold.groupby(["repeat", "fold"])
    ]
    return pd.DataFrame(lines)


def out_of_fold_losses(out_of_fold: pd.DataFrame, churned: NDArray[np.int8]) -> pd.DataFrame:
    """Return the log loss of every row by every candidate, the mean over the repeats.

    Parameters
    ----------
    out_of_fold : DataFrame
        See :class:`CrossValidated`.
    churned : ndarray of 0 and 1, (n,)

    Returns
    -------
    DataFrame, (n, n_candidates)
        No probability counts as closer than 1e-6 to 0 or 1.
    """
    names = out_of_fold.columns.difference(["customer", "repeat", "fold"], sort=False)
    customers = out_of_fold["customer"].to_numpy()
    log_odds = out_of_fold[names].clip(-MAX_LOG_ODDS, MAX_LOG_ODDS)
    losses = log_losses_of_odds(churned[customers][:, None], log_odds)
    return pd.DataFrame(losses, columns=names).groupby(customers).mean()
