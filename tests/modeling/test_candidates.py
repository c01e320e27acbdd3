from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from churn_pipeline.contract import Contract, parse_contract
from churn_pipeline.errors import ParameterError
from churn_pipeline.modeling.candidates import CANDIDATES, build_candidate, estimator_of

SETTINGS: dict[str, dict[str, Any]] = {"xgboost": {"n_estimators": 20, "subsample": 0.5}}
every_candidate = pytest.mark.parametrize("name", list(CANDIDATES))


@every_candidate
def test_learns_and_gives_probabilities(
    name: str, contract: Contract, inputs: pd.DataFrame, target: NDArray[np.int8]
) -> None:
    model = build_candidate(name, SETTINGS.get(name), contract, 1)
    model.fit(inputs[:1500], target[:1500])
    p = model.predict_proba(inputs[1500:])[:, 1]
    assert ((p >= 0) & (p <= 1)).all()
    assert roc_auc_score(target[1500:], p) > 0.75


@every_candidate
def test_fitted_twice_gives_the_same_bytes(
    name: str, contract: Contract, inputs: pd.DataFrame, target: NDArray[np.int8]
) -> None:
    one, two = (
        pickle.dumps(build_candidate(name, SETTINGS.get(name), contract, 7).fit(inputs, target))
        for _ in range(2)
    )
    assert one == two


def test_seed_reaches_the_estimator(
    contract: Contract, inputs: pd.DataFrame, target: NDArray[np.int8]
) -> None:
    one, two = (
        build_candidate("xgboost", SETTINGS["xgboost"], contract, seed)
        .fit(inputs, target)
        .predict_proba(inputs)
        for seed in (1, 2)
    )
    assert (one != two).any()


@every_candidate
@pytest.mark.parametrize(
    "odd", ["missing numbers", "missing categories", "unseen categories", "unseen levels"]
)
def test_odd_customers_get_finite_probabilities(
    name: str, odd: str, contract: Contract, inputs: pd.DataFrame, target: NDArray[np.int8]
) -> None:
    numeric, categorical = list(contract.numeric_inputs), list(contract.categorical_inputs)
    train, new = inputs.copy(), inputs.head(50).copy()
    if odd == "missing numbers":
        train = train.astype(dict.fromkeys(numeric, "float64"))
        train.loc[::7, numeric] = np.nan
        new[numeric] = np.nan
    elif odd == "missing categories":
        new[categorical] = pd.DataFrame(np.nan, new.index, categorical, dtype="object")
    elif odd == "unseen categories":
        new = new.astype(dict.fromkeys(categorical, "str"))
        new[categorical] = "never seen"
    else:
        keep = (train["Contract"] == "One year").to_numpy()
        train, target = train[keep], target[keep]
    model = build_candidate(name, SETTINGS.get(name), contract, 1).fit(train, target)
    p = model.predict_proba(new)[:, 1]
    assert np.isfinite(p).all()
    assert ((p >= 0) & (p <= 1)).all()


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
    from churn_pipeline.contract.cells import cast_columns

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
    model = build_candidate(name, None, contract, 1).fit(typed, table["left"] == "y")
    assert np.isfinite(model.predict_proba(typed)).all()


@every_candidate
def test_settings_reach_the_estimator(name: str, contract: Contract) -> None:
    settings: dict[str, dict[str, Any]] = {
        "logistic_regression": {"C": 0.25},
        "xgboost": {"max_depth": 9},
    }
    setting = settings[name]
    estimator = estimator_of(build_candidate(name, setting, contract, 1))
    assert estimator.get_params().items() >= setting.items()


def test_unknown_candidate_names_the_valid_ones(contract: Contract) -> None:
    with pytest.raises(ParameterError, match=r"candidates\.forest is not a candidate; valid") as e:
        build_candidate("forest", None, contract, 1)
    assert all(name in str(e.value) for name in CANDIDATES)


@every_candidate
@pytest.mark.parametrize("key", ["depth", "seed", "contract", "n_jobs", "random_state", "kwargs"])
def test_unknown_or_fixed_setting_names_the_valid_ones(
    name: str, key: str, contract: Contract
) -> None:
    valid = {"logistic_regression": "max_iter", "xgboost": "learning_rate"}[name]
    with pytest.raises(
        ParameterError, match=rf"candidates\.{name}\.{key} is not a setting; valid .*{valid}"
    ):
        build_candidate(name, {key: 1}, contract, 1)
