from __future__ import annotations

import pickle
from typing import Any

import pandas as pd
import pytest

from churn_pipeline.contract import Contract
from churn_pipeline.errors import DataError, ParameterError
from churn_pipeline.modeling.candidates import estimator_of
from churn_pipeline.modeling.cross_validation import choose_champion
from churn_pipeline.pipelines.training.nodes import (
    cross_validate_candidates,
    fit_champion,
)

Sides = tuple[pd.DataFrame, pd.DataFrame]


def test_champion_is_the_best_candidate_fitted_on_the_whole_training_side(
    sides: Sides, contract: Contract, training: dict[str, Any]
) -> None:
    table = cross_validate_candidates(sides[0], contract, training)
    assert set(table["candidate"]) == {"logistic_regression", "xgboost"}
    assert len(table) == 2 * 3
    selection = choose_champion(table)
    means = table.groupby("candidate")["log_loss"].mean()
    assert selection["champion"] == means.idxmin() == "logistic_regression"
    model = fit_champion(sides[0], contract, training, selection)
    p = model.predict_proba(sides[1][list(contract.model_inputs)])[:, 1]
    assert 0 < p.min() < p.max() < 1
    again = fit_champion(sides[0], contract, training, selection)
    assert pickle.dumps(model) == pickle.dumps(again)


def test_settings_and_seed_of_the_parameters_are_used(
    sides: Sides, contract: Contract, training: dict[str, Any]
) -> None:
    model = fit_champion(sides[0], contract, training, {"champion": "xgboost"})
    found = estimator_of(model).get_params()
    assert (found["n_estimators"], found["random_state"]) == (5, 1)


def test_the_model_does_not_see_id_or_target(
    sides: Sides, contract: Contract, training: dict[str, Any]
) -> None:
    model = fit_champion(sides[0], contract, training, {"champion": "logistic_regression"})
    seen = set(model.feature_names_in_)
    assert seen == set(contract.model_inputs)
    assert seen.isdisjoint({contract.id.name, contract.target.name})


@pytest.mark.parametrize(
    ("candidates", "message"),
    [
        ({"forest": None}, "valid candidates: logistic_regression"),
        ({"logistic_regression": {"C": "a"}}, "look at training.candidates.logistic_regression"),
        ({"xgboost": {"max_depth": -3}}, "look at training.candidates.xgboost"),
    ],
)
def test_unusable_candidates_are_an_error(
    sides: Sides,
    contract: Contract,
    training: dict[str, Any],
    candidates: dict[str, Any],
    message: str,
) -> None:
    with pytest.raises(ParameterError, match=message):
        cross_validate_candidates(sides[0], contract, training | {"candidates": candidates})


def test_more_folds_than_churners_is_one_sentence(
    sides: Sides, contract: Contract, training: dict[str, Any]
) -> None:
    few = sides[0].groupby(contract.target.name, observed=True).head(4)
    with pytest.raises(DataError, match=r"only 4 customers .* training\.folds \(5\)"):
        cross_validate_candidates(few, contract, training | {"folds": 5})
