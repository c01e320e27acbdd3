from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.pipeline import Pipeline, make_pipeline

from churn_pipeline.contract import Contract
from churn_pipeline.modeling.candidates import build_candidate
from churn_pipeline.modeling.cross_validation import choose_champion, cross_validate


def candidates(contract: Contract) -> dict[str, Pipeline]:
    return {
        "logistic_regression": build_candidate("logistic_regression", None, contract, 1),
        "xgboost": build_candidate("xgboost", {"n_estimators": 10}, contract, 1),
    }


def test_one_line_for_each_fit_and_the_same_numbers_for_a_seed(
    contract: Contract, inputs: pd.DataFrame, target: NDArray[np.int8]
) -> None:
    one, two, other = (
        cross_validate(
            candidates(contract), inputs[:600], target[:600], folds=3, repeats=2, seed=seed
        )
        for seed in (5, 5, 6)
    )
    pd.testing.assert_frame_equal(one, two, check_exact=True)
    assert one["log_loss"].tolist() != other["log_loss"].tolist()
    expected = [(n, r, f) for n in candidates(contract) for r in (1, 2) for f in (1, 2, 3)]
    lines = one[["candidate", "repeat", "fold"]].itertuples(index=False, name=None)
    assert list(lines) == expected
    assert one["roc_auc"].between(0.6, 1).all()


def test_shuffled_target_gives_chance(
    contract: Contract, inputs: pd.DataFrame, target: NDArray[np.int8]
) -> None:
    shuffled = np.random.default_rng(3).permutation(target)
    found = cross_validate(candidates(contract), inputs, shuffled, folds=4, repeats=1, seed=1)
    for _, group in found.groupby("candidate"):
        assert group["roc_auc"].mean() == pytest.approx(0.5, abs=0.05)


class Recorder(ClassifierMixin, TransformerMixin, BaseEstimator):
    """Remembers which customers each fit has seen, and predicts who was among them."""

    seen: list[set[int]] = []  # noqa: RUF012
    scored: list[set[int]] = []  # noqa: RUF012

    def fit(self, x: pd.DataFrame, y: Any = None) -> Recorder:
        Recorder.seen.append(set(x["number"]))
        self.classes_ = np.array([0, 1])
        return self

    def transform(self, x: pd.DataFrame) -> pd.DataFrame:
        return x

    def predict_proba(self, x: pd.DataFrame) -> NDArray[np.float64]:
        Recorder.scored.append(set(x["number"]))
        p = np.full(len(x), 0.5)
        return np.column_stack([1 - p, p])


def test_every_step_is_fitted_on_the_fold_only_and_all_candidates_see_the_same_folds() -> None:
    inputs = pd.DataFrame({"number": range(60)}, index=range(1000, 1060))
    y = np.array([0, 1] * 30, dtype=np.int8)
    Recorder.seen.clear()
    Recorder.scored.clear()
    two = {"a": make_pipeline(Recorder(), Recorder()), "b": make_pipeline(Recorder(), Recorder())}
    cross_validate(two, inputs, y, folds=3, repeats=2, seed=1)
    encoders, classifiers = Recorder.seen[::2], Recorder.seen[1::2]
    assert encoders == classifiers
    for seen, scored in zip(classifiers, Recorder.scored, strict=True):
        assert seen.isdisjoint(scored)
        assert seen | scored == set(range(60))
    assert Recorder.scored[:6] == Recorder.scored[6:]
    assert set.union(*Recorder.scored[:3]) == set(range(60))
    assert Recorder.scored[:3] != Recorder.scored[3:6]


class Memoriser(ClassifierMixin, BaseEstimator):
    """Knows the target of every customer that it was fitted on, and nothing else."""

    def fit(self, x: pd.DataFrame, y: NDArray[np.int8]) -> Memoriser:
        self.known_ = dict(zip(x["number"], y, strict=True))
        self.classes_ = np.array([0, 1])
        return self

    def predict_proba(self, x: pd.DataFrame) -> NDArray[np.float64]:
        p = np.array([0.1 + 0.8 * self.known_.get(number, 0.5) for number in x["number"]])
        return np.column_stack([1 - p, p])


def test_a_candidate_that_memorises_gains_nothing() -> None:
    inputs = pd.DataFrame({"number": range(60)})
    y = np.random.default_rng(0).integers(0, 2, 60).astype(np.int8)
    found = cross_validate(
        {"memoriser": make_pipeline(Memoriser())}, inputs, y, folds=3, repeats=2, seed=1
    )
    assert found["roc_auc"].tolist() == [0.5] * 6


def test_candidates_themselves_stay_unfitted(
    contract: Contract, inputs: pd.DataFrame, target: NDArray[np.int8]
) -> None:
    given = {"logistic_regression": candidates(contract)["logistic_regression"]}
    cross_validate(given, inputs[:200], target[:200], folds=2, repeats=1, seed=1)
    assert not hasattr(given["logistic_regression"][-1], "coef_")


def test_lowest_mean_log_loss_wins() -> None:
    table = pd.DataFrame(
        {
            "candidate": ["b", "b", "a", "a"],
            "repeat": 1,
            "fold": [1, 2, 1, 2],
            "log_loss": [0.2, 0.4, 0.35, 0.33],
            "roc_auc": [0.6, 0.7, 0.9, 0.9],
        }
    )
    selection = choose_champion(table)
    assert selection["champion"] == "b"
    assert selection["criterion"] == "log_loss"
    assert selection["candidates"]["b"]["log_loss"] == {"mean": 0.3, "std": 0.141421}
    assert selection["candidates"]["a"]["roc_auc"] == {"mean": 0.9, "std": 0.0}
