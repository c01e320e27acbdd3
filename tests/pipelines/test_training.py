from __future__ import annotations

import json
import pickle
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.metrics import log_loss

from churn_pipeline.contract import Contract
from churn_pipeline.errors import DataError, ParameterError
from churn_pipeline.modeling.candidates import build_candidate
from churn_pipeline.modeling.cross_validation import fit_on, score_folds
from churn_pipeline.modeling.model import ChurnModel, log_odds
from churn_pipeline.modeling.target import churned
from churn_pipeline.pipelines.training.nodes import (
    _resampling,
    choose_and_calibrate,
    cross_validate_candidates,
    grow_candidates,
)

TUNED: dict[str, dict[str, Any]] = {
    "logistic_regression": {"C": 0.1},
    "xgboost": {"n_estimators": 5},
    "random_forest": {"n_estimators": 4},
}


@dataclass
class Trained:
    out_of_fold: pd.DataFrame
    cross_validation: pd.DataFrame
    costs: dict[str, float]
    selection: dict[str, Any]
    model: ChurnModel
    references: dict[str, ChurnModel]


def train_all(
    train: pd.DataFrame, contract: Contract, tuned: dict[str, Any], training: dict[str, Any]
) -> Trained:
    out_of_fold, table, costs = cross_validate_candidates(train, contract, tuned, training)
    chosen = choose_and_calibrate(table, out_of_fold, costs, train, contract, tuned, training)
    return Trained(out_of_fold, table, costs, *chosen)


@pytest.fixture(scope="module")
def train(sides: tuple[pd.DataFrame, pd.DataFrame]) -> pd.DataFrame:
    return sides[0].head(700)


@pytest.fixture(scope="module")
def test(sides: tuple[pd.DataFrame, pd.DataFrame]) -> pd.DataFrame:
    return sides[1]


@pytest.fixture(scope="module")
def trained(train: pd.DataFrame, contract: Contract, training: dict[str, Any]) -> Trained:
    return train_all(train, contract, TUNED, training)


def test_all_candidates_and_the_baseline_are_measured_on_the_same_folds(
    trained: Trained, train: pd.DataFrame, contract: Contract, training: dict[str, Any]
) -> None:
    names = {*TUNED, "baseline"}
    assert set(trained.out_of_fold) == {"customer", "repeat", "fold", *names}
    assert len(trained.out_of_fold) == len(train) * training["repeats"]
    counts = trained.cross_validation.groupby("candidate").size()
    assert counts.to_dict() == dict.fromkeys(names, training["folds"] * training["repeats"])
    pd.testing.assert_frame_equal(
        trained.cross_validation, score_folds(trained.out_of_fold, churned(train, contract))
    )


def test_selection_says_who_won_and_by_what(
    trained: Trained, train: pd.DataFrame, contract: Contract
) -> None:
    selection = trained.selection
    assert set(selection) == {
        "champion", "best", "runner_up", "criterion", "reason", "candidates", "comparisons",
        "resampling", "calibration",
    }  # fmt: skip
    assert selection["champion"] == trained.model.candidate
    assert selection["champion"] != selection["runner_up"]
    assert {selection["champion"], selection["runner_up"]} <= set(TUNED)
    assert selection["runner_up"] == trained.references["runner_up"].candidate
    assert set(selection["candidates"]) == {*TUNED, "baseline"}
    for name, settings in TUNED.items():
        figures = selection["candidates"][name]
        assert figures["settings"] == settings
        assert figures["scoring_cost"] > 0
        of_rows = log_loss(
            churned(train, contract)[trained.out_of_fold["customer"]],
            expit(trained.out_of_fold[name]),
        )
        assert figures["log_loss"]["mean"] == pytest.approx(of_rows, abs=1e-6)
    pairs = {frozenset((c["candidate"], c["other"])) for c in selection["comparisons"]}
    assert len(pairs) == len(selection["comparisons"]) == 4 * 3 / 2
    assert json.loads(json.dumps(selection, allow_nan=False)) == selection


def test_the_model_is_the_champion_fitted_on_the_whole_training_side(
    trained: Trained,
    train: pd.DataFrame,
    test: pd.DataFrame,
    contract: Contract,
    training: dict[str, Any],
) -> None:
    inputs, champion = list(contract.model_inputs), trained.model.candidate
    candidate = build_candidate(champion, TUNED[champion], contract, training["seed"])
    target = churned(train, contract)
    again = fit_on(champion, candidate, train[inputs], target)
    np.testing.assert_array_equal(
        log_odds(champion, trained.model.pipeline, test[inputs]),
        log_odds(champion, again, test[inputs]),
    )
    fewer = fit_on(champion, candidate, train[inputs].iloc[:-1], target[:-1])
    assert (
        log_odds(champion, fewer, test[inputs]) != log_odds(champion, again, test[inputs])
    ).any()
    p = trained.model.churn_probability(test)
    assert 0 < p.min() < p.max() < 1


def test_trained_twice_gives_the_same_bytes(
    trained: Trained, train: pd.DataFrame, contract: Contract, training: dict[str, Any]
) -> None:
    again = train_all(train, contract, TUNED, training)
    assert pickle.dumps(again.model) == pickle.dumps(trained.model)
    assert pickle.dumps(again.references) == pickle.dumps(trained.references)
    assert json.dumps(again.selection) == json.dumps(trained.selection)


def test_seed_and_settings_reach_the_candidates(
    train: pd.DataFrame, contract: Contract, training: dict[str, Any]
) -> None:
    only = {"xgboost": TUNED["xgboost"]}
    model = train_all(train, contract, only, training).model
    found = model.pipeline[-1].get_params()
    assert (found["n_estimators"], found["random_state"]) == (5, 1)


def test_another_seed_makes_other_folds(
    trained: Trained, train: pd.DataFrame, contract: Contract, training: dict[str, Any]
) -> None:
    only = {"logistic_regression": TUNED["logistic_regression"]}
    other, _, _ = cross_validate_candidates(train, contract, only, {**training, "seed": 2})
    assert (other["fold"] != trained.out_of_fold["fold"]).any()


def test_no_model_sees_id_or_target(trained: Trained, contract: Contract) -> None:
    for model in (trained.model, *trained.references.values()):
        seen = set(model.pipeline.feature_names_in_)
        assert seen == set(contract.model_inputs)
    assert {contract.id.name, contract.target.name}.isdisjoint(trained.model.inputs)


def test_a_single_candidate_has_no_runner_up(
    train: pd.DataFrame, contract: Contract, training: dict[str, Any]
) -> None:
    found = train_all(train, contract, {"xgboost": {"n_estimators": 3}}, training)
    assert found.selection["champion"] == "xgboost"
    assert found.selection["runner_up"] is None
    assert set(found.references) == {"baseline"}


def choose_scaled(
    scale: float,
    methods: list[str],
    trained: Trained,
    train: pd.DataFrame,
    contract: Contract,
    training: dict[str, Any],
) -> tuple[dict[str, Any], ChurnModel, dict[str, ChurnModel]]:
    """Choose as if there were one candidate, whose log-odds are ``scale`` times what they are."""
    name = "logistic_regression"
    scores = trained.out_of_fold[["customer", "repeat", "fold", name, "baseline"]]
    scores = scores.assign(**{name: scale * scores[name]})
    return choose_and_calibrate(
        score_folds(scores, churned(train, contract)),
        scores,
        trained.costs,
        train,
        contract,
        {name: TUNED[name]},
        {**training, "calibrators": methods},
    )


@pytest.mark.parametrize("methods", [["sigmoid"], ["isotonic"], ["sigmoid", "isotonic"], []])
def test_the_champion_is_calibrated_where_that_helps(
    methods: list[str],
    trained: Trained,
    train: pd.DataFrame,
    test: pd.DataFrame,
    contract: Contract,
    training: dict[str, Any],
) -> None:
    selection, model, references = choose_scaled(5.0, methods, trained, train, contract, training)
    calibration = selection["calibration"]
    assert set(calibration["tried"]) == set(methods)
    if not methods:
        assert calibration["method"] == "none"
        assert model.calibrator is None
        return
    assert calibration["method"] in methods
    tried = calibration["tried"][calibration["method"]]
    assert tried["log_loss_after"] < tried["log_loss_before"] - 0.1
    assert tried["p_value"] < 0.05
    assert model.calibrator is not None
    raw = log_odds(model.candidate, model.pipeline, test[list(contract.model_inputs)])
    np.testing.assert_allclose(model.log_odds(test), model.calibrator(raw))
    if calibration["method"] == "sigmoid":
        assert calibration["slope"] == pytest.approx(0.2, abs=0.05)
    assert references["baseline"].calibrator is None


def test_a_calibrated_champion_stays_as_it_is(
    trained: Trained,
    train: pd.DataFrame,
    test: pd.DataFrame,
    contract: Contract,
    training: dict[str, Any],
) -> None:
    selection, model, _ = choose_scaled(
        1.0, ["sigmoid", "isotonic"], trained, train, contract, training
    )
    assert selection["calibration"]["method"] == "none"
    assert set(selection["calibration"]["tried"]) == {"sigmoid", "isotonic"}
    raw = log_odds(model.candidate, model.pipeline, test[list(model.inputs)])
    np.testing.assert_array_equal(model.log_odds(test), raw)


@pytest.mark.parametrize(
    ("tuned", "message"),
    [
        (
            {"forest": {}},
            r"candidates\.forest is not a candidate.*; valid candidates: catboost",
        ),
        ({"logistic_regression": {"C": "a"}}, r"check candidates\.logistic_regression"),
        ({"xgboost": {"max_depth": -3}}, r"check candidates\.xgboost"),
    ],
)
def test_unusable_candidates_are_an_error(
    train: pd.DataFrame,
    contract: Contract,
    training: dict[str, Any],
    tuned: dict[str, Any],
    message: str,
) -> None:
    with pytest.raises(ParameterError, match=message):
        cross_validate_candidates(train, contract, tuned, training)


def test_more_folds_than_churners_is_one_sentence(
    train: pd.DataFrame, contract: Contract, training: dict[str, Any]
) -> None:
    few = train.groupby(contract.target.name, observed=True).head(4)
    with pytest.raises(DataError, match=r"only 4 customers .* training\.folds \(5\)"):
        cross_validate_candidates(few, contract, TUNED, {**training, "folds": 5})


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (5_600, (5, 2)),
        (15_000, (5, 2)),
        (15_001, (5, 1)),
        (30_000, (5, 1)),
        (40_000, (4, 1)),
        (60_000, (3, 1)),
        (240_000, (3, 1)),
    ],
)
def test_the_more_rows_the_fewer_fits(
    rows: int, expected: tuple[int, int], training: dict[str, Any]
) -> None:
    large = {**training, "folds": 5, "repeats": 2, "max_fitted_rows": 120_000}
    assert _resampling(rows, large) == expected
    assert _resampling(rows, {**large, "max_fitted_rows": None}) == (5, 2)
    assert _resampling(rows, {**large, "folds": 2})[0] == 2


def test_trees_grow_where_tuning_saw_a_part_of_the_customers(
    train: pd.DataFrame, contract: Contract, training: dict[str, Any]
) -> None:
    tuned = {"xgboost": {"n_estimators": 2, "learning_rate": 0.2}}
    given = {"xgboost": {"n_estimators": {"low": 2, "high": 4}, "learning_rate": 0.2}}
    for tuned_on, is_grown in ((None, False), (len(train), False), (100, True)):
        found = grow_candidates(train, contract, tuned, given, training, tuned_on)
        assert (found["xgboost"]["n_estimators"] > 2) is is_grown
