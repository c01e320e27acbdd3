from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from lightgbm.basic import LightGBMError
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline

from churn_pipeline.contract import Contract
from churn_pipeline.errors import DataError, ParameterError
from churn_pipeline.modeling.candidates import build_candidate
from churn_pipeline.modeling.cross_validation import (
    cross_validate,
    fit_on,
    score_folds,
)
from tests.families import register


def candidates(contract: Contract) -> dict[str, Pipeline]:
    return {
        "logistic_regression": build_candidate("logistic_regression", None, contract, 1),
        "xgboost": build_candidate("xgboost", {"n_estimators": 10}, contract, 1),
    }


def test_every_customer_is_scored_once_a_repeat_and_the_same_for_a_seed(
    contract: Contract, inputs: pd.DataFrame, target: NDArray[np.int8]
) -> None:
    one, two, other = (
        cross_validate(
            candidates(contract), inputs[:600], target[:600], folds=3, repeats=2, seed=seed
        ).out_of_fold
        for seed in (5, 5, 6)
    )
    pd.testing.assert_frame_equal(one, two, check_exact=True)
    assert (one["xgboost"] != other["xgboost"]).any()
    assert list(one) == ["customer", "repeat", "fold", *candidates(contract)]
    assert one["customer"].tolist() == [*range(600), *range(600)]
    assert one["repeat"].tolist() == [1] * 600 + [2] * 600
    sizes = one.groupby(["repeat", "fold"]).size()
    assert sizes.index.tolist() == [(r, f) for r in (1, 2) for f in (1, 2, 3)]
    assert (sizes == 200).all()


def test_folds_are_scored_as_scikit_learn_does(
    contract: Contract, inputs: pd.DataFrame, target: NDArray[np.int8]
) -> None:
    scores, _ = cross_validate(
        candidates(contract), inputs[:600], target[:600], folds=3, repeats=2, seed=5
    )
    table = score_folds(scores, target[:600])
    assert list(table) == ["candidate", "repeat", "fold", "log_loss", "roc_auc"]
    expected = [(n, r, f) for n in candidates(contract) for r in (1, 2) for f in (1, 2, 3)]
    lines = table[["candidate", "repeat", "fold"]].itertuples(index=False, name=None)
    assert list(lines) == expected
    line = table[(table["candidate"] == "xgboost") & (table["repeat"] == 2) & (table["fold"] == 3)]
    part = scores[(scores["repeat"] == 2) & (scores["fold"] == 3)]
    y, p = target[part["customer"]], expit(part["xgboost"])
    assert line["log_loss"].item() == pytest.approx(log_loss(y, p))
    assert line["roc_auc"].item() == pytest.approx(roc_auc_score(y, p))
    assert table["roc_auc"].between(0.6, 1).all()


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


def test_every_step_is_fitted_on_the_fold_only_and_all_candidates_see_the_same_folds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inputs = pd.DataFrame({"number": range(60)}, index=range(1000, 1060))
    y = np.array([0, 1] * 30, dtype=np.int8)
    Recorder.seen.clear()
    Recorder.scored.clear()
    two = {name: make_pipeline(Recorder(), Recorder()) for name in ("a", "b")}
    for name in two:
        register(monkeypatch, name, Recorder)
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


def test_a_candidate_that_memorises_gains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, "memoriser", Memoriser)
    inputs = pd.DataFrame({"number": range(60)})
    y = np.random.default_rng(0).integers(0, 2, 60).astype(np.int8)
    memoriser = {"memoriser": make_pipeline(Memoriser())}
    found, _ = cross_validate(memoriser, inputs, y, folds=3, repeats=2, seed=1)
    assert score_folds(found, y)["roc_auc"].tolist() == [0.5] * 6
    # it would gain all if it had seen them
    assert roc_auc_score(y, Memoriser().fit(inputs, y).predict_proba(inputs)[:, 1]) == 1.0


def test_candidates_themselves_stay_unfitted(
    contract: Contract, inputs: pd.DataFrame, target: NDArray[np.int8]
) -> None:
    given = {"logistic_regression": candidates(contract)["logistic_regression"]}
    cross_validate(given, inputs[:200], target[:200], folds=2, repeats=1, seed=1)
    assert not hasattr(given["logistic_regression"][-1], "coef_")


class Failing(ClassifierMixin, BaseEstimator):
    def __init__(self, error: type[Exception]) -> None:
        self.error = error

    def fit(self, x: pd.DataFrame, y: NDArray[np.int8]) -> Failing:
        raise self.error("leaves must be\n more than 1")


@pytest.mark.parametrize(
    ("name", "error"),
    [("xgboost", ValueError), ("random_forest", TypeError), ("lightgbm", LightGBMError)],
)
def test_a_failing_fit_is_one_sentence_that_names_the_candidate(
    name: str, error: type[Exception]
) -> None:
    inputs, y = pd.DataFrame({"number": range(4)}), np.array([0, 1, 0, 1], dtype=np.int8)
    with pytest.raises(ParameterError) as caught:
        fit_on(name, make_pipeline(Failing(error)), inputs, y)
    assert str(caught.value) == (
        f"candidate {name} cannot be fitted: leaves must be more than 1; check "
        f"candidates.{name} in params.yaml"
    )


@pytest.mark.parametrize("number", [1e39, -1.7976931348623157e308, np.inf])
def test_a_number_that_cannot_be_computed_with_is_named_by_its_column(number: float) -> None:
    inputs = pd.DataFrame({"fine": [1.0, 2.0, 3.0, 4.0], "balance": [1.0, number, 2.0, 3.0]})
    y = np.array([0, 1, 0, 1], dtype=np.int8)
    with pytest.raises(DataError, match="the column balance has numbers beyond"):
        fit_on("random_forest", make_pipeline(RandomForestClassifier(2)), inputs, y)
