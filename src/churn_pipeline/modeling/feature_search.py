"""Search derived columns that a logistic regression predicts significantly better with."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import RepeatedStratifiedKFold
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from churn_pipeline.contract import Contract
from churn_pipeline.contract.model import DerivedColumn
from churn_pipeline.features.derivation import derive
from churn_pipeline.features.encoding import input_of_columns, linear_encoder
from churn_pipeline.features.proposals import Proposal
from churn_pipeline.features.splitting import hash_to_unit_interval
from churn_pipeline.modeling.comparison import corrected_resampled_t_test, holm
from churn_pipeline.modeling.cross_validation import check_folds
from churn_pipeline.modeling.target import churned

_LINEAR = 1e-4  # share of a column's variance that the inputs may leave unexplained

Split = tuple[NDArray[np.int64], NDArray[np.int64]]


def search_columns(
    customers: pd.DataFrame,
    contract: Contract,
    proposals: Sequence[Proposal],
    *,
    folds: int,
    repeats: int,
    rounds: int,
    confidence: float,
    seed: int,
) -> tuple[pd.DataFrame, tuple[Proposal, ...]]:
    """Add the best proposal to a plain logistic regression as long as one helps significantly.

    Forward selection: each round fits the model on the inputs so far with and without every
    proposal, on the same folds of a repeated stratified cross-validation, and tests "the log loss
    is lower with it" by the corrected resampled t-test (Nadeau and Bengio, 2003), adjusted for the
    number of proposals (Holm, 1979). Of the significant ones the one of lowest log loss is kept.
    Where nothing helps, the chance that a search keeps anything is at most ``1 - confidence``.

    A proposal that is linear in the inputs (a sum or a count of what the model sees) is not tested:
    it would change nothing but the penalty.

    Parameters
    ----------
    customers : DataFrame, (n, …)
        With the contract's id, features and target. Their order does not matter: they are sorted by
        a hash of the id.
    contract : Contract
        Its derived columns are part of the model from the start.
    proposals : sequence of Proposal
    folds, repeats : int
        Of the cross-validation.
    rounds : int
        Columns to add at most.
    confidence : float
        Level of the intervals, and one minus the level of significance.
    seed : int
        Of the order and the folds.

    Returns
    -------
    table : DataFrame
        One line a proposal and round, by rising log loss: ``round``, ``proposal`` (name), ``kind``,
        ``expression``, ``log_loss`` (mean over the folds), ``log_loss_without``, ``difference`` of
        them (negative: better with it) with ``low`` and ``high``, ``p_value``, ``p_value_holm``,
        ``kept``, ``linear`` (then the figures are missing).
    kept : tuple of Proposal
        In the order in which they were added.

    Raises
    ------
    DataError
        If a fold would lack customers of one kind.
    """
    order = np.argsort(hash_to_unit_interval(customers[contract.id.name], seed), kind="stable")
    customers = customers.iloc[order].reset_index(drop=True)
    target = churned(customers, contract)
    check_folds(target, folds, "feature_search.folds")
    splitter = RepeatedStratifiedKFold(n_splits=folds, n_repeats=repeats, random_state=seed)
    splits = list(splitter.split(np.zeros(len(target)), target))
    inputs = _with_columns(customers, contract, proposals)
    kept: list[Proposal] = []
    tables: list[pd.DataFrame] = []
    with (
        threadpool_limits(limits=1),  # sums must not depend on the number of cores
        tqdm(total=0, unit="fit", disable=None, leave=False) as progress,
    ):
        for number in range(1, rounds + 1):
            model = _added(contract, [proposal.column for proposal in kept])
            waiting = [proposal for proposal in proposals if proposal not in kept]
            is_linear = _are_linear(inputs, model, [p.column for p in waiting])
            tested = [p for p, linear in zip(waiting, is_linear, strict=True) if not linear]
            progress.set_description(f"feature search, round {number}")
            progress.total = progress.n + len(splits) * len(tested)
            without, losses = _cross_validate(
                inputs, target, splits, model, [p.column for p in tested], progress
            )
            table = _compare(tested, without, losses, 1 / (folds - 1), confidence)
            linear = [p for p in waiting if p not in tested]
            tables.append(_tabulate(number, table, linear))
            if not table["kept"].any():
                break
            best = str(table.loc[table["kept"], "proposal"].iloc[0])
            kept += [proposal for proposal in tested if proposal.column.name == best]
    return pd.concat(tables, ignore_index=True), tuple(kept)


def _added(contract: Contract, columns: Sequence[DerivedColumn]) -> Contract:
    return replace(contract, derived_columns=(*contract.derived_columns, *columns))


def _only(contract: Contract, columns: Sequence[DerivedColumn]) -> Contract:
    return replace(contract, columns={}, row_rules=(), derived_columns=tuple(columns))


def _with_columns(
    customers: pd.DataFrame, contract: Contract, proposals: Sequence[Proposal]
) -> pd.DataFrame:
    """Return the model's inputs and the proposed columns."""
    everything = _added(contract, [proposal.column for proposal in proposals])
    features = [column.name for column in contract.features]
    values = {name: customers[name].to_numpy() for name in features}
    derived = pd.DataFrame(derive(values, everything), index=customers.index)
    return pd.concat([customers[features], derived], axis=1)


def _are_linear(
    inputs: pd.DataFrame, model: Contract, columns: Sequence[DerivedColumn]
) -> list[bool]:
    """Say which columns the model's inputs give by a linear function, missing values included."""
    if not columns:
        return []
    base = linear_encoder(model).fit_transform(inputs)
    names = [column.name for column in columns]
    encoder = linear_encoder(_only(model, columns)).fit(inputs[names])
    proposed = encoder.transform(inputs[names])  # each of mean 0
    base = np.column_stack([np.ones(len(base)), base])
    weights = np.linalg.lstsq(base, proposed, rcond=None)[0]
    left = np.mean((proposed - base @ weights) ** 2, axis=0)
    is_given = left <= _LINEAR * np.mean(proposed**2, axis=0)
    source = input_of_columns(encoder)
    return [bool(is_given[source == name].all()) for name in names]


def _cross_validate(
    inputs: pd.DataFrame,
    target: NDArray[np.int8],
    splits: Sequence[Split],
    model: Contract,
    columns: Sequence[DerivedColumn],
    progress: "tqdm[Any]",
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the log losses of the folds, (n_folds,) without and (n_folds, n_columns) with each.

    The columns are encoded once a fold, not once a fit.
    """
    without = np.empty(len(splits))
    losses = np.empty((len(splits), len(columns)))
    for fold, (train, validation) in enumerate(splits):
        base = linear_encoder(model).fit(inputs.iloc[train])
        fitted, scored = (base.transform(inputs.iloc[rows]) for rows in (train, validation))
        without[fold] = _loss(fitted, target[train], scored, target[validation])
        if not columns:
            continue
        proposed = inputs[[column.name for column in columns]]
        encoder = linear_encoder(_only(model, columns)).fit(proposed.iloc[train])
        fitted_all, scored_all = (
            encoder.transform(proposed.iloc[rows]) for rows in (train, validation)
        )
        source = input_of_columns(encoder)
        for position, column in enumerate(columns):
            own = source == column.name
            losses[fold, position] = _loss(
                np.column_stack([fitted, fitted_all[:, own]]),
                target[train],
                np.column_stack([scored, scored_all[:, own]]),
                target[validation],
            )
            progress.update()
        means = losses[: fold + 1].mean(axis=0) - without[: fold + 1].mean()
        best = int(means.argmin())
        text = f"{progress.desc.split(', best')[0]}, best {columns[best].name} {means[best]:+.4f}"
        progress.set_description(text)
    return without, losses


def _loss(
    fitted: NDArray[np.float64],
    churned: NDArray[np.int8],
    scored: NDArray[np.float64],
    churned_scored: NDArray[np.int8],
) -> float:
    # Newton's method: exact after a few steps where customers are many and columns few
    model = LogisticRegression(solver="newton-cholesky", tol=1e-6).fit(fitted, churned)
    return float(log_loss(churned_scored, expit(model.decision_function(scored))))


def _compare(
    proposals: Sequence[Proposal],
    without: NDArray[np.float64],
    losses: NDArray[np.float64],
    test_to_train: float,
    confidence: float,
) -> pd.DataFrame:
    tests = [
        corrected_resampled_t_test(
            column - without, test_to_train, alternative="less", confidence=confidence
        )
        for column in losses.T
    ]
    table = pd.DataFrame(
        {
            "proposal": [proposal.column.name for proposal in proposals],
            "kind": [proposal.kind for proposal in proposals],
            "expression": [proposal.column.expression.text for proposal in proposals],
            "log_loss": losses.mean(axis=0),
            "log_loss_without": float(without.mean()),
            "difference": [test.difference for test in tests],
            "low": [test.low for test in tests],
            "high": [test.high for test in tests],
            "p_value": [test.p_value for test in tests],
            "p_value_holm": holm([test.p_value for test in tests]),
        }
    ).sort_values("log_loss", kind="stable", ignore_index=True)
    significant = (table["p_value_holm"] < 1 - confidence) & (table["difference"] < 0)
    table["kept"] = significant & (significant.cumsum() == 1)
    return table


def _tabulate(number: int, table: pd.DataFrame, linear: Sequence[Proposal]) -> pd.DataFrame:
    untested = pd.DataFrame(
        {
            "proposal": [proposal.column.name for proposal in linear],
            "kind": [proposal.kind for proposal in linear],
            "expression": [proposal.column.expression.text for proposal in linear],
        }
    )
    both = pd.concat([table.assign(linear=False), untested.assign(linear=True, kept=False)])
    return both.assign(round=number)[["round", *table.columns, "linear"]]
