from __future__ import annotations

import pickle
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline

from churn_pipeline.contract import Contract, parse_contract
from churn_pipeline.errors import ParameterError
from churn_pipeline.features.encoding import linear_encoder
from churn_pipeline.modeling.candidates import (
    CANDIDATES,
    build_baseline,
    build_candidate,
    check_settings,
    estimator_of,
)
from churn_pipeline.modeling.elastic_net import ElasticNetLogisticRegression
from churn_pipeline.modeling.model import log_odds
from churn_pipeline.modeling.tuning.search_space import parse_search_space

SETTINGS: dict[str, dict[str, Any]] = {
    "logistic_regression": {"knots": 2},
    "random_forest": {"n_estimators": 8, "max_samples": 0.5},
    "xgboost": {"n_estimators": 10, "subsample": 0.5},
    "lightgbm": {"n_estimators": 10, "subsample": 0.5, "num_leaves": 7},
    "elastic_net": {"l1_ratio": 0.5, "C": 0.1},
}
every_candidate = pytest.mark.parametrize("name", list(SETTINGS))


def build(name: str, contract: Contract, seed: int = 1) -> Pipeline:
    registered = "logistic_regression" if name == "elastic_net" else name
    return build_candidate(registered, SETTINGS[name], contract, seed)


@pytest.fixture(autouse=True)
def _warnings_are_errors() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_every_candidate_is_tested_here() -> None:
    assert set(CANDIDATES) <= set(SETTINGS)


@every_candidate
def test_learns_gives_probabilities_and_their_log_odds(
    name: str, contract: Contract, inputs: pd.DataFrame, target: NDArray[np.int8]
) -> None:
    model = build(name, contract).fit(inputs[:1500], target[:1500])
    p = model.predict_proba(inputs[1500:])[:, 1]
    assert ((p > 0) & (p < 1)).all()
    assert roc_auc_score(target[1500:], p) > 0.75
    np.testing.assert_allclose(log_odds(model, inputs[1500:]), np.log(p / (1 - p)), atol=1e-4)


@every_candidate
def test_fitted_twice_gives_the_same_bytes(
    name: str, contract: Contract, inputs: pd.DataFrame, target: NDArray[np.int8]
) -> None:
    one, two = (
        pickle.dumps(build(name, contract, 7).fit(inputs[:600], target[:600])) for _ in range(2)
    )
    assert one == two


@pytest.mark.parametrize("name", ["random_forest", "xgboost", "lightgbm"])
def test_seed_reaches_the_estimator(
    name: str, contract: Contract, inputs: pd.DataFrame, target: NDArray[np.int8]
) -> None:
    one, two = (
        log_odds(build(name, contract, seed).fit(inputs[:600], target[:600]), inputs[:600])
        for seed in (1, 2)
    )
    assert (one != two).any()


@every_candidate
@pytest.mark.parametrize(
    "odd",
    ["missing numbers", "missing categories", "unseen categories", "unseen levels", "rare levels"],
)
def test_odd_customers_get_finite_probabilities(
    name: str, odd: str, contract: Contract, inputs: pd.DataFrame, target: NDArray[np.int8]
) -> None:
    numeric, categorical = list(contract.numeric_inputs), list(contract.categorical_inputs)
    train, new, target = inputs[:600].copy(), inputs[600:650].copy(), target[:600]
    if odd == "missing numbers":
        train = train.astype(dict.fromkeys(numeric, "float64"))
        train.loc[train.index[::7], numeric] = np.nan
        new[numeric] = np.nan
    elif odd == "missing categories":
        train.loc[train.index[::7], categorical] = None
        new[categorical] = pd.DataFrame(np.nan, new.index, categorical, dtype="object")
    elif odd == "unseen categories":
        new = new.astype(dict.fromkeys(categorical, "str"))
        new[categorical] = "never seen"
    else:
        level = train[categorical[0]].iloc[0]
        common = np.flatnonzero(train[categorical[0]] != level)
        rare = np.flatnonzero(train[categorical[0]] == level)[: 0 if odd == "unseen levels" else 2]
        rows = np.sort(np.concatenate([common, rare]))
        train, target = train.iloc[rows], target[rows]
        new[categorical[0]] = level
    model = build(name, contract).fit(train, target)
    p = model.predict_proba(new)[:, 1]
    assert np.isfinite(p).all()
    assert ((p > 0) & (p < 1)).all()


def one_category_contract(*levels: str) -> Contract:
    meaning = {"meaning": "m"}
    return parse_contract(
        {
            "name": "plans",
            "columns": {
                "key": {"type": "text", "role": "id"} | meaning,
                "left": {"type": "category", "role": "target", "values": ["n", "y"]}
                | {"positive": "y"}
                | meaning,
                "plan": {"type": "category", "values": list(levels), "nullable": True} | meaning,
                "fee": {"type": "number"} | meaning,
            },
        }
    )


@every_candidate
def test_a_rare_level_is_shrunk_towards_the_rest_and_unseen_is_like_missing(name: str) -> None:
    contract = one_category_contract("common", "other", "rare", "absent")
    generator = np.random.default_rng(3)
    plan = np.array(["common"] * 300 + ["other"] * 297 + ["rare"] * 3)
    churned = (generator.random(600) < np.where(plan == "other", 0.4, 0.2)).astype(np.int8)
    churned[-3:] = 1  # three of three: no reason to expect it of all others
    table = pd.DataFrame({"plan": plan, "fee": generator.normal(size=600)})
    model = build(name, contract).fit(table, churned)
    new = pd.DataFrame({"plan": ["common", "rare", "absent", None, "never seen"], "fee": 0.0})
    common, rare, absent, missing, unseen = model.predict_proba(new)[:, 1]
    assert 0.05 < common <= rare < 0.9
    assert absent == missing == unseen
    assert 0.05 < missing < 0.6


def nullable_contract(*kinds: str) -> Contract:
    meaning = {"meaning": "m"}
    columns: dict[str, Any] = {
        "key": {"type": "text", "role": "id"},
        "left": {"type": "category", "role": "target", "values": ["n", "y"], "positive": "y"},
    }
    for kind in kinds:
        values = {"values": ["a", "b"]} if kind == "category" else {}
        columns[kind] = {"type": kind, "nullable": True, **values}
    columns = {name: column | meaning for name, column in columns.items()}
    return parse_contract({"name": "small", "columns": columns})


@every_candidate
@pytest.mark.parametrize(
    "kinds", [("integer",), ("number",), ("category",), ("integer", "number", "category")]
)
def test_nullable_columns_of_every_type_can_be_learned(name: str, kinds: tuple[str, ...]) -> None:
    from churn_pipeline.checking.cells import cast_columns

    contract = nullable_contract(*kinds)
    generator = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "key": [str(i) for i in range(200)],
            "left": generator.choice(["n", "y"], 200),
            "integer": generator.integers(0, 9, 200).astype(float),
            "number": generator.normal(size=200),
            "category": generator.choice(["a", "b"], 200).astype(object),
        }
    )
    table.loc[::5, ["integer", "number", "category"]] = np.nan
    typed = cast_columns(table, contract)[list(contract.model_inputs)]
    model = build(name, contract).fit(typed, (table["left"] == "y").to_numpy().astype(np.int8))
    assert np.isfinite(model.predict_proba(typed)).all()


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("logistic_regression", {"C": 0.25, "max_iter": 33}),
        ("logistic_regression", {"C": 0.25, "max_iter": 33, "l1_ratio": 0.5}),
        ("random_forest", {"min_samples_leaf": 9, "smoothing": 2.0}),
        ("xgboost", {"max_depth": 9}),
        ("lightgbm", {"num_leaves": 9}),
    ],
)
def test_settings_reach_the_estimator(
    name: str, settings: dict[str, Any], contract: Contract
) -> None:
    estimator = estimator_of(build_candidate(name, settings, contract, 1))
    assert estimator.get_params().items() >= settings.items()


def test_the_l1_share_chooses_the_solver(contract: Contract) -> None:
    kinds = {
        share: type(
            estimator_of(build_candidate("logistic_regression", {"l1_ratio": share}, contract, 1))
        )
        for share in (0, 0.0, 0.5, 1.0)
    }
    elastic = ElasticNetLogisticRegression
    assert kinds == {0: LogisticRegression, 0.5: elastic, 1.0: elastic}


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("logistic_regression", {"C": -1.0}),
        ("logistic_regression", {"C": "a"}),
        ("logistic_regression", {"C": -1.0, "l1_ratio": 0.5}),
        ("logistic_regression", {"C": "a", "l1_ratio": 0.5}),
        ("logistic_regression", {"l1_ratio": 1.5}),
        ("logistic_regression", {"l1_ratio": -0.5}),
        ("logistic_regression", {"knots": -1}),
        ("logistic_regression", {"knots": 1.5}),
        ("random_forest", {"smoothing": 0.0}),
        ("random_forest", {"n_estimators": 0}),
        ("xgboost", {"max_depth": -3}),
        ("lightgbm", {"num_leaves": 1}),
        ("lightgbm", {"n_estimators": "a"}),
    ],
)
def test_values_that_make_no_sense_are_one_sentence(
    name: str,
    settings: dict[str, Any],
    contract: Contract,
    inputs: pd.DataFrame,
    target: NDArray[np.int8],
) -> None:
    from churn_pipeline.modeling.cross_validation import fit_on

    candidate = build_candidate(name, settings, contract, 1)
    with pytest.raises(ParameterError, match=rf"candidate {name} cannot .*candidates\.{name}"):
        fit_on(name, candidate, inputs[:100], target[:100])


def test_the_baseline_does_not_see_derived_columns(
    contract: Contract, inputs: pd.DataFrame, target: NDArray[np.int8]
) -> None:
    assert contract.derived_columns
    baseline = build_baseline(contract, 1).fit(inputs[:300], target[:300])
    derived = [column.name for column in contract.derived_columns]
    changed = inputs.assign(**dict.fromkeys(derived, 99.0))
    np.testing.assert_array_equal(log_odds(baseline, changed), log_odds(baseline, inputs))


def test_unknown_candidate_names_the_valid_ones(contract: Contract) -> None:
    with pytest.raises(
        ParameterError, match=r"forest is not a candidate, did you mean random_forest\?; valid"
    ) as e:
        build_candidate("forest", None, contract, 1)
    assert all(name in str(e.value) for name in CANDIDATES)


VALID = {
    "logistic_regression": "C, knots, l1_ratio, max_iter",
    "random_forest": ".*smoothing",
    "xgboost": ".*learning_rate",
    "lightgbm": ".*num_leaves",
}


@pytest.mark.parametrize("name", list(CANDIDATES))
@pytest.mark.parametrize(
    "key", ["depth", "seed", "contract", "n_jobs", "random_state", "kwargs", "settings", "penalty"]
)
def test_unknown_or_fixed_setting_names_the_valid_ones(
    name: str, key: str, contract: Contract
) -> None:
    with pytest.raises(
        ParameterError,
        match=rf"candidates\.{name}\.{key} is not a setting.*; valid .*{VALID[name]}",
    ):
        build_candidate(name, {key: 1}, contract, 1)


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("xgboost", "booster", "dart"),  # weighs its trees
        ("xgboost", "booster", "gblinear"),  # has none
        ("xgboost", "objective", "binary:logitraw"),
        ("xgboost", "missing", 0.0),
        ("lightgbm", "boosting_type", "rf"),  # averages probabilities
        ("lightgbm", "objective", "regression"),
    ],
)
def test_what_would_make_the_trees_no_sum_of_log_odds_is_no_setting(
    name: str, key: str, value: Any, contract: Contract
) -> None:
    with pytest.raises(ParameterError, match=rf"candidates\.{name}\.{key} is not a setting"):
        build_candidate(name, {key: value}, contract, 1)


def test_settings_of_the_project_are_valid(root: Any) -> None:
    import yaml

    document = yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8"))
    for name, settings in document["candidates"].items():
        check_settings(name, settings)
        space = parse_search_space(name, settings)
        assert all(space.searched.keys() == start.keys() for start in space.starts), name


def exact(contract: Contract, seed: int, *, var_smoothing: float = 1e-9) -> Pipeline:
    return make_pipeline(linear_encoder(contract), GaussianNB(var_smoothing=var_smoothing))


def open_ended(contract: Contract, seed: int, **settings: Any) -> Pipeline:
    return make_pipeline(linear_encoder(contract), GaussianNB(**settings))


@pytest.mark.parametrize(
    ("candidate", "valid"),
    [(exact, "var_smoothing"), (open_ended, "priors, var_smoothing")],
)
def test_a_new_candidate_is_one_function(
    candidate: Any, valid: str, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CANDIDATES, "bayes", candidate)
    built = build_candidate("bayes", {"var_smoothing": 0.1}, contract, 1)
    assert estimator_of(built).var_smoothing == 0.1
    with pytest.raises(ParameterError, match=rf"bayes\.depth is not .* valid settings: {valid}$"):
        check_settings("bayes", {"depth": 1})
