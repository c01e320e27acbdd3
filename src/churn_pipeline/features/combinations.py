"""Find sums, differences, ratios and products of numbers that trees take many splits to follow.

Boosted trees cut one column at a time: "the sum of four charges is above 65" costs them a staircase
of cuts in four columns, and so many customers. Here each combination is tested against what the
trees leave unexplained, and one that explains it becomes a derived column.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import chi2
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from churn_pipeline.contract import Contract, DerivedColumn
from churn_pipeline.features.combination import Combination, Floats
from churn_pipeline.features.encoding import tree_encoder
from churn_pipeline.splits.folds import Split, stratified_splits
from churn_pipeline.splits.sampling import first_customers
from churn_pipeline.statistics.losses import log_losses_of_odds

_BINS = 12  # of a combination's values, by quantiles
_FOLDS = 3
_BEAM = 12  # sums that are tried with one more column
_MOST_TERMS = 5  # of a sum
_TRIED = 3  # combinations a round that trees are fitted with
_LEAST_T = 3.0  # of the mean gain a customer; the best of many is too good by chance
_LEAST_GAIN = 0.002  # of the log loss
_FEWEST_CHURNERS = 30  # or others; fewer tell nothing
_FEWEST_VALUES = 3  # below, a number is a flag


def find_combinations(
    customers: pd.DataFrame,
    churned: NDArray[np.int8],
    contract: Contract,
    *,
    most: int,
    max_columns: int,
    max_customers: int,
    confidence: float,
    seed: int,
    customer_numbers: NDArray[np.int64] | None = None,
) -> tuple[tuple[DerivedColumn, ...], pd.DataFrame]:
    """Find combinations of the numeric inputs that boosted trees are better with.

    In rounds: trees are fitted in cross-validation; every pair's sum, difference, ratio and
    product, and the most promising sums with further columns, are cut into bins, and the score test
    (Rao, 1948) asks whether the trees' errors differ between the bins more than chance explains,
    with Bonferroni's correction. That test is generous, since the trees have seen these rows; the
    best few are given to the trees, and one stays if the log loss falls clearly.

    Parameters
    ----------
    customers : DataFrame
        The training set, with the contract's model inputs.
    churned : ndarray of 0 and 1, (n,)
    contract : Contract
    most : int
        Combinations to find at most.
    max_columns : int
        Numbers to combine at most, those that matter most to the trees.
    max_customers : int
        Of a larger training set; see :func:`churn_pipeline.splits.sampling.first_customers`.
    confidence : float
        Of the test, over all combinations of a round.
    seed : int
        Of the folds and the trees.
    customer_numbers : ndarray of int, (n,), optional
        See :func:`churn_pipeline.splits.folds.stratified_splits`.

    Returns
    -------
    columns : tuple of DerivedColumn
        With names that are free in the contract.
    rounds : DataFrame
        What each round tried: ``round``, ``column``, ``expression``, ``p_value`` (of the score
        test, after correction), ``log_loss`` (with it), ``improvement``, ``kept``.
    """
    report: list[dict[str, object]] = []
    found: list[DerivedColumn] = []
    rows = first_customers(churned, max_customers)
    customers, churned = customers.iloc[rows], churned[rows]
    numbers = None if customer_numbers is None else customer_numbers[rows]
    smallest = int(np.bincount(churned, minlength=2).min())
    with (
        threadpool_limits(1),
        tqdm(total=most, unit="column", desc="combining columns", disable=None, leave=False) as bar,
    ):
        if most and smallest >= _FEWEST_CHURNERS:
            splits = stratified_splits(churned, numbers, folds=_FOLDS, seed=seed)
            search = _Search(customers, churned, contract, max_columns, seed, splits, numbers)
            while len(found) < most:
                column = search.round(1 - confidence, len(found) + 1, report)
                bar.update()
                if column is None:
                    break
                found.append(column)
    columns = ["round", "column", "expression", "p_value", "log_loss", "improvement", "kept"]
    return tuple(found), pd.DataFrame(report, columns=columns)


class _Search:
    """The state between the rounds: what the trees see, and their out-of-fold log-odds."""

    def __init__(
        self,
        customers: pd.DataFrame,
        churned: NDArray[np.int8],
        contract: Contract,
        max_columns: int,
        seed: int,
        splits: Sequence[Split],
        numbers: NDArray[np.int64] | None,
    ) -> None:
        self._churned, self._contract, self._seed = churned, contract, seed
        self._splits, self._numbers_of_rows = splits, numbers
        inputs = customers[list(contract.model_inputs)]
        self._matrices = []
        for train, held_out in splits:
            encoder = tree_encoder(contract)
            fitted = encoder.fit_transform(inputs.iloc[train], churned[train])
            self._matrices.append((fitted, encoder.transform(inputs.iloc[held_out])))
        self._kept: list[NDArray[np.float32]] = []
        self._log_odds, importance = self._out_of_fold([])
        self._taken = {*contract.columns, *(column.name for column in contract.derived_columns)}
        candidates = {
            name: customers[name].to_numpy(dtype=np.float64)
            for name in contract.numeric_inputs
            if customers[name].nunique() >= _FEWEST_VALUES
        }
        places = {name: place for place, name in enumerate(contract.numeric_inputs)}
        ranked = sorted(candidates, key=lambda name: (-importance[places[name]], places[name]))
        kept = sorted(ranked[:max_columns], key=places.__getitem__)
        self._numbers = {name: candidates[name] for name in kept}
        self._never_negative = {
            name for name in kept if np.nanmin(self._numbers[name], initial=np.inf) >= 0
        }

    def round(
        self, significance: float, number: int, report: list[dict[str, object]]
    ) -> DerivedColumn | None:
        """Return the column that improves the trees most clearly, None if there is none."""
        probability = expit(self._log_odds)
        errors, weights = self._churned - probability, probability * (1 - probability)
        if self._numbers_of_rows is not None:
            weights = self._weights_of_customers(errors, weights)
        tested = list(self._tested(errors, weights))
        tested.sort(key=lambda item: item[0])
        loss = log_losses_of_odds(self._churned, self._log_odds)
        for log_p, combination in tested[:_TRIED]:
            log_p += np.log(len(tested))
            if log_p > np.log(significance):
                break
            values = combination.values(self._numbers).astype(np.float32)
            log_odds, _ = self._out_of_fold([values])
            gain = loss - log_losses_of_odds(self._churned, log_odds)
            error = self._standard_error(gain)
            kept = bool(gain.mean() > _LEAST_T * error and gain.mean() > _LEAST_GAIN * loss.mean())
            column = self._free(combination.derived_column(self._contract))
            report.append(
                {
                    "round": number,
                    "column": column.name,
                    "expression": column.expression.text,
                    "p_value": float(np.exp(log_p)),
                    "log_loss": float((loss - gain).mean()),
                    "improvement": float(gain.mean()),
                    "kept": kept,
                }
            )
            if kept:
                self._kept.append(values)
                self._log_odds = log_odds
                self._taken.add(column.name)
                return column
        return None

    def _tested(self, errors: Floats, weights: Floats) -> Iterator[tuple[float, Combination]]:
        """Yield combinations with the logarithm of the score test's p-value."""
        names = list(self._numbers)
        sums: list[tuple[float, Combination]] = []
        for place, a in enumerate(names):
            for b in names[place + 1 :]:
                for sign in (1, -1):
                    sums.append(self._test(Combination("+", (a, b), (1, sign)), errors, weights))
                yield self._test(Combination("*", (a, b), (1, 1)), errors, weights)
                for above, below in ((a, b), (b, a)):
                    if below in self._never_negative:  # else it jumps where the sign changes
                        ratio = Combination("/", (above, below), (1, 1))
                        yield self._test(ratio, errors, weights)
        yield from sums
        for _ in range(_MOST_TERMS - 2):
            longer = dict.fromkeys(self._longer(sums))
            sums = [self._test(combination, errors, weights) for combination in longer]
            yield from sums

    def _longer(self, sums: Sequence[tuple[float, Combination]]) -> Iterator[Combination]:
        order = {name: place for place, name in enumerate(self._numbers)}
        for _, best in sorted(sums, key=lambda item: item[0])[:_BEAM]:
            for name in self._numbers:
                if name not in best.columns:
                    for sign in (1, -1):
                        terms = [*zip(best.columns, best.signs, strict=True), (name, sign)]
                        terms.sort(key=lambda term: order[term[0]])
                        columns, signs = zip(*terms, strict=True)
                        flip = signs[0]  # a sum and its negative are one
                        yield Combination("+", columns, tuple(s * flip for s in signs))

    def _test(
        self, combination: Combination, errors: Floats, weights: Floats
    ) -> tuple[float, Combination]:
        values = combination.values(self._numbers)
        return _score_test(values, errors, weights), combination

    def _weights_of_customers(self, errors: Floats, weights: Floats) -> Floats:
        """Widen the variances as much as the rows of a customer err together."""
        together = np.bincount(self._numbers_of_rows, errors)  # type: ignore[arg-type]
        return weights * max(1.0, float((together**2).sum() / (errors**2).sum()))

    def _standard_error(self, gain: Floats) -> float:
        """Return the standard error of the mean gain, by customer if one has several rows."""
        if self._numbers_of_rows is None:
            return float(gain.std(ddof=1) / np.sqrt(len(gain)))
        sums = np.bincount(self._numbers_of_rows, gain - gain.mean())
        return float(np.sqrt((sums**2).sum()) / len(gain))

    def _out_of_fold(self, added: Sequence[NDArray[np.float32]]) -> tuple[Floats, Floats]:
        """Return the trees' log-odds and importances, with further columns added."""
        more = [*self._kept, *added]
        log_odds = np.empty(len(self._churned))
        importance = np.zeros(self._matrices[0][0].shape[1] + len(more))
        for (train, held_out), (fitted, scored) in zip(self._splits, self._matrices, strict=True):
            model = LGBMClassifier(
                n_estimators=120, learning_rate=0.07, num_leaves=15, min_child_samples=20,
                reg_lambda=1.0, subsample=0.8, subsample_freq=1, colsample_bytree=0.5, n_jobs=1,
                deterministic=True, force_row_wise=True, verbosity=-1, random_state=self._seed,
                importance_type="gain",
            )  # fmt: skip
            matrix = np.column_stack([fitted, *(values[train] for values in more)])
            model.fit(matrix, self._churned[train])
            matrix = np.column_stack([scored, *(values[held_out] for values in more)])
            log_odds[held_out] = model.predict(matrix, raw_score=True)
            importance += model.feature_importances_
        return log_odds, importance

    def _free(self, column: DerivedColumn) -> DerivedColumn:
        name, number = column.name, 1
        while name in self._taken:
            number += 1
            name = f"{column.name}_{number}"
        return DerivedColumn(name, column.expression, column.meaning, column.unit)


def _score_test(values: Floats, errors: Floats, weights: Floats) -> float:
    """Return the logarithm of the p-value of "the errors do not depend on the values"."""
    known = np.isfinite(values)
    if not known.any():
        return 0.0
    edges = np.unique(np.quantile(values[known], np.linspace(0, 1, _BINS + 1)[1:-1]))
    bins = np.searchsorted(edges, values)
    bins[~known] = len(edges) + 1
    error = np.bincount(bins, errors, len(edges) + 2)
    weight = np.bincount(bins, weights, len(edges) + 2)
    filled = weight > 1e-9
    statistic = float((error[filled] ** 2 / weight[filled]).sum())
    return float(chi2.logsf(statistic, max(1, int(filled.sum()) - 1)))
