from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.metrics import log_loss

from churn_pipeline.contract import Contract
from churn_pipeline.modeling.candidates import build_candidate
from churn_pipeline.modeling.families import FAMILIES
from churn_pipeline.modeling.growth import grow
from churn_pipeline.splits.folds import stratified_splits
from tests.families import INSTALLED

SETTINGS: dict[str, dict[str, Any]] = {
    "logistic_regression": {"C": 0.1},
    "random_forest": {"n_estimators": 4},
    "xgboost": {"n_estimators": 3, "learning_rate": 0.3},
    "lightgbm": {"n_estimators": 3, "learning_rate": 0.3},
    "catboost": {"n_estimators": 3, "learning_rate": 0.3},
}
SETTINGS = {name: settings for name, settings in SETTINGS.items() if name in INSTALLED}
BOOSTED = tuple(name for name in SETTINGS if FAMILIES[name].tree_count)
RANGES: dict[str, dict[str, Any]] = {
    name: {**settings, "n_estimators": {"low": 2, "high": 5}} if name in BOOSTED else settings
    for name, settings in SETTINGS.items()
}


@pytest.fixture(scope="module")
def grown(
    contract: Contract, inputs: pd.DataFrame, target: NDArray[np.int8]
) -> dict[str, dict[str, Any]]:
    return grow(SETTINGS, RANGES, contract, inputs, target, most=150, seed=1)


def test_only_the_trees_of_boosted_candidates_change(grown: dict[str, dict[str, Any]]) -> None:
    assert list(grown) == list(SETTINGS)
    for name, settings in SETTINGS.items():
        if name in BOOSTED:
            assert grown[name]["n_estimators"] > settings["n_estimators"]
            assert grown[name]["learning_rate"] == settings["learning_rate"]
        else:
            assert grown[name] == settings
    assert SETTINGS["xgboost"]["n_estimators"] == 3  # what is given stays as it is


@pytest.mark.parametrize("name", BOOSTED)
def test_the_number_is_that_of_the_lowest_loss_of_the_held_out_customers(
    name: str,
    grown: dict[str, dict[str, Any]],
    contract: Contract,
    inputs: pd.DataFrame,
    target: NDArray[np.int8],
) -> None:
    fit, held_out = stratified_splits(target, None, folds=5, seed=1)[0]

    def loss(trees: int) -> float:
        settings = {**SETTINGS[name], "n_estimators": trees}
        model = build_candidate(name, settings, contract, 1).fit(inputs.iloc[fit], target[fit])
        return float(log_loss(target[held_out], model.predict_proba(inputs.iloc[held_out])[:, 1]))

    best = grown[name]["n_estimators"]
    assert loss(best) < min(loss(3), loss(best + 40))


def test_there_are_no_more_trees_than_allowed(
    contract: Contract, inputs: pd.DataFrame, target: NDArray[np.int8]
) -> None:
    only = {name: SETTINGS[name] for name in BOOSTED}
    found = grow(only, RANGES, contract, inputs, target, most=5, seed=1)
    assert all(3 <= settings["n_estimators"] <= 5 for settings in found.values())


def test_a_number_that_was_given_stays(
    contract: Contract, inputs: pd.DataFrame, target: NDArray[np.int8]
) -> None:
    only = {"xgboost": SETTINGS["xgboost"]}
    assert grow(only, only, contract, inputs, target, most=150, seed=1) == only


def test_another_name_of_the_number_is_known(
    contract: Contract, inputs: pd.DataFrame, target: NDArray[np.int8]
) -> None:
    tuned = {"lightgbm": {"num_iterations": 3, "learning_rate": 0.3}}
    given = {"lightgbm": {"num_iterations": {"low": 2, "high": 5}, "learning_rate": 0.3}}
    found = grow(tuned, given, contract, inputs, target, most=150, seed=1)
    assert found["lightgbm"]["num_iterations"] > 3


def test_families_that_add_no_trees_say_so() -> None:
    family = FAMILIES["random_forest"]
    assert family.tree_count is None
    with pytest.raises(NotImplementedError, match="random_forest"):
        family.count_trees(None, (None, np.zeros(0, np.int8)), (None, np.zeros(0, np.int8)))
