"""What the families of trees have in common."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from churn_pipeline.contract import Contract
from churn_pipeline.errors import ParameterError
from churn_pipeline.modeling.candidates import build_candidate
from churn_pipeline.modeling.cross_validation import fit_on
from churn_pipeline.modeling.families import FAMILIES
from churn_pipeline.modeling.model import log_odds
from tests.families import needs_its_library, small

every_family = pytest.mark.parametrize(
    "name",
    [needs_its_library(name) for name in ["random_forest", "xgboost", "lightgbm", "catboost"]],
)


@every_family
def test_the_seed_reaches_the_estimator(
    name: str, contract: Contract, inputs: pd.DataFrame, target: NDArray[np.int8]
) -> None:
    one, two = (
        log_odds(
            name,
            build_candidate(name, small(name), contract, seed).fit(inputs[:600], target[:600]),
            inputs[:600],
        )
        for seed in (1, 2)
    )
    assert (one != two).any()


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("random_forest", {"min_samples_leaf": 9, "smoothing": 2.0}),
        ("xgboost", {"max_depth": 9}),
        ("lightgbm", {"num_leaves": 9}),
        needs_its_library("catboost", {"max_depth": 9, "bootstrap_type": "Bernoulli"}),
    ],
)
def test_settings_reach_the_estimator(
    name: str, settings: dict[str, Any], contract: Contract
) -> None:
    estimator = build_candidate(name, settings, contract, 1)[-1]
    assert estimator.get_params().items() >= settings.items()


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("random_forest", {"smoothing": 0.0}),
        ("random_forest", {"n_estimators": 0}),
        ("xgboost", {"max_depth": -3}),
        ("lightgbm", {"num_leaves": 1}),
        ("lightgbm", {"n_estimators": "a"}),
        needs_its_library("catboost", {"max_depth": 17}),
        needs_its_library("catboost", {"learning_rate": 0}),
    ],
)
def test_values_that_make_no_sense_are_one_sentence(
    name: str,
    settings: dict[str, Any],
    contract: Contract,
    inputs: pd.DataFrame,
    target: NDArray[np.int8],
) -> None:
    candidate = build_candidate(name, settings, contract, 1)
    with pytest.raises(ParameterError, match=rf"candidate {name} cannot .*candidates\.{name}"):
        fit_on(name, candidate, inputs[:100], target[:100])


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("xgboost", "booster", "dart"),  # weighs its trees
        ("xgboost", "booster", "gblinear"),  # has none
        ("xgboost", "objective", "binary:logitraw"),
        ("xgboost", "missing", 0.0),
        ("lightgbm", "boosting_type", "rf"),  # averages probabilities
        ("lightgbm", "objective", "regression"),
        needs_its_library("catboost", "grow_policy", "Lossguide"),  # not symmetric
        needs_its_library("catboost", "loss_function", "CrossEntropy"),
        needs_its_library("catboost", "nan_mode", "Max"),
    ],
)
def test_what_would_make_the_trees_no_sum_of_log_odds_is_no_setting(
    name: str, key: str, value: Any, contract: Contract
) -> None:
    with pytest.raises(ParameterError, match=rf"candidates\.{name}\.{key} is not a setting"):
        build_candidate(name, {key: value}, contract, 1)


@pytest.fixture
def cost(contract: Contract, inputs: pd.DataFrame, target: NDArray[np.int8]) -> Any:
    def measure(name: str, **settings: Any) -> float:
        candidate = build_candidate(name, settings, contract, 1)
        return FAMILIES[name].scoring_cost(candidate.fit(inputs[:500], target[:500])[-1])

    return measure


@every_family
def test_linear_models_are_cheaper_than_trees_and_few_trees_than_many(name: str, cost: Any) -> None:
    linear = cost("logistic_regression")
    few, many = (cost(name, n_estimators=n) for n in (30, 90))
    assert linear < few
    assert 2 * few < many < 4 * few


def test_deeper_trees_cost_more(cost: Any) -> None:
    costs = [cost("xgboost", n_estimators=10, max_depth=depth) for depth in (1, 3, 5)]
    assert costs[0] == 20  # one comparison and one addition a tree
    assert costs[0] < costs[1] < costs[2] <= 60


def test_lightgbm_says_which_names_mean_the_same() -> None:
    """The table is private to LightGBM: an upgrade that moves or changes it fails here."""
    names = FAMILIES["lightgbm"].settings
    same = {
        "n_estimators": {"num_iterations", "num_iteration", "num_trees", "num_round", "nrounds"},
        "learning_rate": {"eta", "shrinkage_rate"},
        "reg_lambda": {"lambda_l2", "lambda"},
        "subsample": {"bagging_fraction", "sub_row"},
        "min_child_samples": {"min_data_in_leaf", "min_data"},
        "extra_trees": {"extra_tree"},
    }
    for plain, others in same.items():
        assert {name for name, meant in names.items() if meant == plain} >= {plain, *others}
    assert {"num_threads", "seed", "objective", "linear_tree", "device"}.isdisjoint(names)
