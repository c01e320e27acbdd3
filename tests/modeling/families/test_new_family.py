"""Adding a family is one module and one entry of params.yaml."""

from __future__ import annotations

import json
import pickle
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.naive_bayes import GaussianNB

from churn_pipeline.contract import Contract
from churn_pipeline.errors import BundleError, ParameterError
from churn_pipeline.modeling import families
from churn_pipeline.modeling.candidate_settings import check_candidates
from churn_pipeline.modeling.candidates import build_candidate, check_settings
from churn_pipeline.modeling.families import FAMILIES
from churn_pipeline.modeling.model import ChurnModel
from churn_pipeline.packaging.assembly import check_parity
from churn_pipeline.pipelines.features.nodes import derive_features
from churn_pipeline.pipelines.training.nodes import (
    choose_and_calibrate,
    cross_validate_candidates,
)
from churn_pipeline.pipelines.tuning.nodes import tune_candidates
from churn_pipeline.scorer import Model
from tests.bundles import bundle_of
from tests.families import register

pytestmark = pytest.mark.slow

TUNING: dict[str, Any] = {
    "trials": 2, "patience": 2, "max_customers": None, "minimum_improvement": 0.0,
    "max_seconds": None, "folds": 2, "workers": 1, "seed": 1,
}  # fmt: skip
TRAINING: dict[str, Any] = {
    "folds": 3, "repeats": 2, "max_customers": None, "max_fitted_customers": None,
    "max_fitted_rows": None, "max_trees": 50,
    "confidence": 0.95, "cost_ratio": 3, "margin": 0.001,
    "calibrators": ["sigmoid", "isotonic"], "seed": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def train(customers: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    return derive_features(customers[:500], contract)


@pytest.fixture(scope="module")
def test(customers: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    return derive_features(customers[500:540], contract)


class Trained(NamedTuple):
    trials: pd.DataFrame
    selection: dict[str, Any]
    model: ChurnModel
    references: dict[str, ChurnModel]


def train_all(train: pd.DataFrame, contract: Contract, candidates: dict[str, Any]) -> Trained:
    """Tune, compare, choose and fit as the pipelines do."""
    check_candidates(candidates)
    trials, tuned = tune_candidates(train, contract, candidates, TUNING)
    out_of_fold, table, costs = cross_validate_candidates(train, contract, tuned, TRAINING)
    chosen = choose_and_calibrate(table, out_of_fold, costs, train, contract, tuned, TRAINING)
    return Trained(trials, *chosen)


def naive_bayes(seed: int, **settings: Any) -> Any:
    return GaussianNB(**settings)


def histogram_trees(seed: int, *, max_iter: int = 5) -> Any:
    """Trees of a kind that the project cannot take apart."""
    return HistGradientBoostingClassifier(max_iter=max_iter, random_state=seed)


class Constant(ClassifierMixin, BaseEstimator):
    """The least that a classifier must offer."""

    def fit(self, x: Any, y: Any) -> Constant:
        self.classes_ = np.unique(y)
        self.rate_ = float(np.mean(y))
        return self

    def predict_proba(self, x: Any) -> Any:
        return np.tile([1 - self.rate_, self.rate_], (len(x), 1))


def constant(seed: int) -> Any:
    return Constant()


@pytest.mark.parametrize(
    ("classifier", "encoder", "space"),
    [
        (naive_bayes, "linear", {"var_smoothing": {"low": 1e-9, "high": 1.0, "log": True}}),
        (histogram_trees, "trees", {"max_iter": {"low": 2, "high": 5}}),
        (constant, "linear", None),
    ],
)
def test_a_family_of_which_only_the_classifier_is_known_is_tuned_trained_and_selected(
    classifier: Any,
    encoder: str,
    space: dict[str, Any] | None,
    train: pd.DataFrame,
    test: pd.DataFrame,
    contract: Contract,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    register(monkeypatch, "mine", classifier, encoder)
    trials, selection, model, _ = train_all(train, contract, {"mine": space})
    assert len(trials) == (2 if space else 1)
    assert selection["champion"] == "mine"
    cost = selection["candidates"]["mine"]["scoring_cost"]
    assert 0 < cost < float("inf")
    assert json.loads(json.dumps(selection, allow_nan=False)) == selection

    model = pickle.loads(pickle.dumps(model))
    probability = model.churn_probability(test)
    assert ((probability > 0) & (probability < 1)).all()
    # what is shipped holds no pickle, so that somebody has to say what it is in ONNX
    with pytest.raises(BundleError, match=r"mine cannot be packaged.*families a method `form`"):
        bundle_of(model, train, contract)


def test_it_competes_with_the_others(
    train: pd.DataFrame, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch, "mine", histogram_trees, "trees")
    candidates = {"mine": None, "logistic_regression": {"C": 0.1}}
    _, selection, model, references = train_all(train, contract, candidates)
    assert (selection["champion"], selection["runner_up"]) == ("logistic_regression", "mine")
    assert model.candidate == "logistic_regression"
    assert references["runner_up"].candidate == "mine"


def exact(seed: int, *, var_smoothing: float = 1e-9) -> Any:
    return GaussianNB(var_smoothing=var_smoothing)


@pytest.mark.parametrize(
    ("classifier", "encoder", "valid"),
    [
        (exact, "trees", "var_smoothing"),
        (exact, "linear", "knots, var_smoothing"),
        (naive_bayes, "trees", "priors, var_smoothing"),
    ],
)
def test_its_settings_are_those_that_it_can_be_built_with(
    classifier: Any,
    encoder: str,
    valid: str,
    contract: Contract,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    register(monkeypatch, "bayes", classifier, encoder)
    built = build_candidate("bayes", {"var_smoothing": 0.1}, contract, 1)
    assert built[-1].var_smoothing == 0.1
    with pytest.raises(ParameterError, match=rf"bayes\.depth is not .* valid settings: {valid}$"):
        check_settings("bayes", {"depth": 1})


def test_the_family_of_the_instructions_is_found_trained_and_shipped(
    root: Path,
    tmp_path: Path,
    train: pd.DataFrame,
    test: pd.DataFrame,
    contract: Contract,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = (root / "CONTRIBUTING.md").read_text(encoding="utf-8")
    ((path, code),) = re.findall(r"`families/(\w+\.py)`:\n+```python\n(.*?)```", text, re.DOTALL)
    ((params,),) = [re.findall(r"```yaml\n(candidates:.*?)```", text, re.DOTALL)]
    (tmp_path / path).write_text(code, encoding="utf-8")
    before = set(sys.modules)
    monkeypatch.setattr(families, "__path__", [*families.__path__, str(tmp_path)])
    found = {family.name: family for family in families._found()}
    (name,) = found.keys() - FAMILIES.keys()
    assert f"{name}.py" == path
    monkeypatch.setitem(FAMILIES, name, found[name])

    trained = train_all(train, contract, yaml.safe_load(params)["candidates"])
    scorer = Model(bundle_of(trained.model, train, contract))
    check_parity(trained.model, scorer, test, contract)
    rows = scorer.rows(test)
    total = scorer.base_log_odds + scorer.contributions(rows).sum(axis=1)
    np.testing.assert_allclose(total, trained.model.log_odds(test), atol=1e-9)
    for module in set(sys.modules) - before:
        if module.endswith(f".{name}"):
            del sys.modules[module]
