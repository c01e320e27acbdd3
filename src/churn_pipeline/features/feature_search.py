"""Search derived columns that a logistic regression predicts significantly better with."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from churn_pipeline.contract import Contract
from churn_pipeline.contract.derivation import derive
from churn_pipeline.contract.model import DerivedColumn
from churn_pipeline.features.added_columns import are_linear, cross_validate_columns, score_p_values
from churn_pipeline.features.proposals import Proposal
from churn_pipeline.modeling.target import churned
from churn_pipeline.splits.customers import customer_numbers, shuffled
from churn_pipeline.splits.folds import check_folds
from churn_pipeline.statistics.comparison import (
    MeanDifference,
    corrected_resampled_t_test,
    holm,
)


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
    """Add a proposal to a plain logistic regression as long as one helps significantly.

    Forward selection: each round fits the model on the inputs so far with and without every
    proposal, on the same folds of a repeated stratified cross-validation. A proposal helps if the
    log loss is lower with it, and if a score test, adjusted for the number of proposals (Holm,
    1979), says that this is not chance. If nothing helps, the probability that a search keeps
    anything is at most ``1 - confidence``.

    Kept is the simplest of those that are not significantly worse than the best: the significant
    proposals are often different views of the same effect. Simpler is what adds fewer coefficients
    (a column with missing values adds a flag), then what reads fewer columns, then what has the
    lower log loss.

    A proposal that is linear in the inputs (a sum or a count of what the model sees) is not tested:
    it would only change the penalty. One that does not lower the mean log loss of the first
    repeat is not fitted in the others; it still counts as a proposal.

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
        One minus the level of significance of a round, and the level of the intervals.
    seed : int
        Of the order and the folds.

    Returns
    -------
    table : DataFrame
        One line a proposal and round, the best first: ``round``, ``proposal`` (name), ``kind``,
        ``expression``, ``folds`` (how many were fitted), ``log_loss`` (mean over these),
        ``log_loss_without``, ``difference`` of them (negative: better with it) with ``low`` and
        ``high`` (Nadeau and Bengio, 2003), ``p_value`` (of the score test), ``p_value_holm``,
        ``kept``, ``linear`` (then the figures are missing).
    kept : tuple of Proposal
        In the order in which they were added.

    Raises
    ------
    DataError
        If a fold would lack customers of one kind.
    """
    customers = shuffled(customers, contract, seed)
    target = churned(customers, contract)
    numbers = customer_numbers(customers, contract)
    check_folds(target, folds, "feature_search.folds", numbers)
    test = partial(corrected_resampled_t_test, test_to_train=1 / (folds - 1), confidence=confidence)
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
            linear = are_linear(inputs, model, [proposal.column for proposal in waiting])
            tested = [p for p, is_linear in zip(waiting, linear, strict=True) if not is_linear]
            progress.set_description(f"feature search, round {number}")
            without, differences = cross_validate_columns(
                inputs,
                target,
                model,
                [proposal.column for proposal in tested],
                folds=folds,
                repeats=repeats,
                seed=seed,
                progress=progress,
                customer_numbers=numbers,
            )
            p_values = score_p_values(
                inputs, target, model, [proposal.column for proposal in tested], numbers
            )
            table = _compare(tested, without, differences, test).assign(
                p_value=p_values, p_value_holm=holm(p_values)
            )
            is_significant = (table["p_value_holm"] < 1 - confidence) & (table["difference"] < 0)
            significant = np.flatnonzero(is_significant)
            chosen = _simplest(significant, tested, inputs, differences, test)
            table["kept"] = np.arange(len(tested)) == (-1 if chosen is None else chosen)
            tables.append(_tabulate(number, table, [p for p in waiting if p not in tested]))
            if chosen is None:
                break
            kept.append(tested[chosen])
    return pd.concat(tables, ignore_index=True), tuple(kept)


def _added(contract: Contract, columns: Sequence[DerivedColumn]) -> Contract:
    return replace(contract, derived_columns=(*contract.derived_columns, *columns))


def _with_columns(
    customers: pd.DataFrame, contract: Contract, proposals: Sequence[Proposal]
) -> pd.DataFrame:
    """Return the model's inputs and the proposed columns."""
    everything = _added(contract, [proposal.column for proposal in proposals])
    features = [column.name for column in contract.features]
    values = {column.name: customers[column.name].to_numpy() for column in everything.read_columns}
    derived = pd.DataFrame(derive(values, everything), index=customers.index)
    return pd.concat([customers[features], derived], axis=1)


def _compare(
    proposals: Sequence[Proposal],
    without: NDArray[np.float64],
    differences: NDArray[np.float64],
    test: partial[MeanDifference],
) -> pd.DataFrame:
    fitted = [~np.isnan(column) for column in differences.T]
    columns = [column[own] for column, own in zip(differences.T, fitted, strict=True)]
    tests = [test(column) for column in columns]
    base = np.array([without[own].mean() for own in fitted])
    mean = np.array([test.difference for test in tests])
    return _describe(proposals).assign(
        folds=[int(own.sum()) for own in fitted],
        log_loss=base + mean,
        log_loss_without=base,
        difference=mean,
        low=[test.low for test in tests],
        high=[test.high for test in tests],
    )


def _simplest(
    significant: NDArray[np.int64],
    proposals: Sequence[Proposal],
    inputs: pd.DataFrame,
    differences: NDArray[np.float64],
    test: partial[MeanDifference],
) -> int | None:
    """Return the position of the simplest proposal not significantly worse than the best."""
    means = differences.mean(axis=0)

    def complexity(position: int) -> tuple[int, int, float]:
        column = proposals[position].column
        coefficients = 1 + int(inputs[column.name].isna().any())
        return coefficients, len(column.expression.columns), float(means[position])

    def is_worse(position: int) -> bool:
        more = differences[:, position] - differences[:, best]
        return test(more, alternative="greater").p_value < 1 - test.keywords["confidence"]

    best = min(significant, key=lambda position: means[position], default=-1)
    tied = [int(position) for position in significant if not is_worse(position)]
    return min(tied, key=complexity, default=None)


def _describe(proposals: Sequence[Proposal]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "proposal": [proposal.column.name for proposal in proposals],
            "kind": [proposal.kind for proposal in proposals],
            "expression": [proposal.column.expression.text for proposal in proposals],
        }
    )


def _tabulate(number: int, table: pd.DataFrame, linear: Sequence[Proposal]) -> pd.DataFrame:
    tested = table.sort_values("difference", kind="stable").assign(linear=False)
    both = pd.concat([tested, _describe(linear).assign(kept=False, linear=True)])
    both = both.astype({"kept": bool, "linear": bool}).assign(round=number)
    return both[["round", *table.columns, "linear"]]
