"""Adding a candidate is one function and one entry of params.yaml."""

from __future__ import annotations

import json
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline

from churn_pipeline.contract import Contract
from churn_pipeline.errors import BundleError
from churn_pipeline.features.encoding import linear_encoder, tree_encoder
from churn_pipeline.modeling.candidates import CANDIDATES
from churn_pipeline.modeling.model import ChurnModel
from churn_pipeline.pipelines.training.nodes import (
    choose_and_calibrate,
    cross_validate_candidates,
    fit_candidates,
)
from churn_pipeline.pipelines.tuning.nodes import tune_candidates
from tests.bundles import bundle_of

Sides = tuple[pd.DataFrame, pd.DataFrame]


def naive_bayes(contract: Contract, seed: int, **settings: Any) -> Pipeline:
    return make_pipeline(linear_encoder(contract), GaussianNB(**settings))


def histogram_trees(contract: Contract, seed: int, *, max_iter: int = 5) -> Pipeline:
    """Trees of a kind that the project cannot take apart."""
    classifier = HistGradientBoostingClassifier(max_iter=max_iter, random_state=seed)
    return make_pipeline(tree_encoder(contract), classifier)


class Constant(ClassifierMixin, BaseEstimator):
    """The least that a classifier must offer."""

    def fit(self, x: Any, y: Any) -> Constant:
        self.classes_ = np.unique(y)
        self.rate_ = float(np.mean(y))
        return self

    def predict_proba(self, x: Any) -> Any:
        return np.tile([1 - self.rate_, self.rate_], (len(x), 1))


def constant(contract: Contract, seed: int) -> Pipeline:
    return make_pipeline(linear_encoder(contract), Constant())


SPACES: dict[Any, dict[str, Any] | None] = {
    naive_bayes: {"var_smoothing": {"low": 1e-9, "high": 1.0, "log": True}},
    histogram_trees: {"max_iter": {"low": 2, "high": 5}},
    constant: None,
}


@pytest.mark.parametrize("candidate", list(SPACES))
def test_a_new_candidate_is_tuned_trained_and_selected(
    candidate: Any,
    sides: Sides,
    contract: Contract,
    tuning: dict[str, Any],
    training: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(CANDIDATES, "mine", candidate)
    train, test = sides[0].head(300), sides[1].head(40)
    candidates = {"mine": SPACES[candidate]}
    trials, tuned = tune_candidates(train, contract, candidates, tuning)
    assert len(trials) == (2 if SPACES[candidate] else 1)
    out_of_fold, table = cross_validate_candidates(train, contract, tuned, training)
    fitted = fit_candidates(train, contract, tuned, training)
    selection, model, _ = choose_and_calibrate(
        table, out_of_fold, fitted, train, contract, tuned, training
    )
    assert selection["champion"] == "mine"
    cost = selection["candidates"]["mine"]["scoring_cost"]
    assert 0 < cost < float("inf")
    assert json.loads(json.dumps(selection, allow_nan=False)) == selection

    model = pickle.loads(pickle.dumps(model))
    probability = model.churn_probability(test)
    assert ((probability > 0) & (probability < 1)).all()
    # what is shipped holds no pickle, so that somebody has to say what it is in ONNX
    with pytest.raises(BundleError, match=r"mine cannot be packaged.*packaging/graph\.py"):
        bundle_of(model, train, contract)


def test_a_new_candidate_competes_with_the_others(
    sides: Sides,
    contract: Contract,
    tuning: dict[str, Any],
    training: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(CANDIDATES, "mine", histogram_trees)
    train = sides[0].head(500)
    candidates = {"mine": None, "logistic_regression": {"C": 0.1}}
    _, tuned = tune_candidates(train, contract, candidates, tuning)
    out_of_fold, table = cross_validate_candidates(train, contract, tuned, training)
    fitted = fit_candidates(train, contract, tuned, training)
    selection, model, references = choose_and_calibrate(
        table, out_of_fold, fitted, train, contract, tuned, training
    )
    assert (selection["champion"], selection["runner_up"]) == ("logistic_regression", "mine")
    assert model.candidate == "logistic_regression"
    assert isinstance(references["runner_up"], ChurnModel)
    assert references["runner_up"].candidate == "mine"
