"""What every family must do, whichever it is: a new one is tested here by being there."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from numpy.typing import NDArray
from scipy.special import logit
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline

from churn_pipeline.checking.cells import cast_columns
from churn_pipeline.contract import Contract, parse_contract
from churn_pipeline.contract.limits import CERTAIN
from churn_pipeline.errors import ParameterError
from churn_pipeline.modeling.candidates import BASELINE, build_candidate, check_settings
from churn_pipeline.modeling.families import FAMILIES
from churn_pipeline.modeling.families.base import LinearForm
from churn_pipeline.modeling.model import log_odds
from churn_pipeline.modeling.trees import TreeEnsemble
from churn_pipeline.modeling.tuning.search_space import parse_search_space
from tests.families import (
    CANDIDATES,
    every_candidate,
    every_shipped_candidate,
    needs_its_library,
    small,
)

ELASTIC_NET = {"l1_ratio": 0.5, "C": 0.1}
every_kind = pytest.mark.parametrize(
    ("name", "settings"),
    [
        *(needs_its_library(name, small(name)) for name in CANDIDATES),
        ("logistic_regression", ELASTIC_NET),
    ],
)


def build(name: str, settings: dict[str, Any], contract: Contract, seed: int = 1) -> Pipeline:
    return build_candidate(name, settings, contract, seed)


@pytest.fixture(autouse=True)
def _warnings_are_errors() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_a_family_is_a_module_of_its_name(root: Any) -> None:
    for name, family in FAMILIES.items():
        assert family.name == name
        assert family.meaning
        assert type(family).__module__.rpartition(".")[2] in (name, "logistic_regression")
    modules = (root / "src/churn_pipeline/modeling/families").glob("[a-z]*.py")
    assert {path.stem for path in modules} - {"base"} == FAMILIES.keys() - {BASELINE}
    assert list(FAMILIES) == sorted(FAMILIES, key=lambda name: type(FAMILIES[name]).__module__)


@every_kind
def test_learns_gives_probabilities_and_their_log_odds(
    name: str,
    settings: dict[str, Any],
    contract: Contract,
    inputs: pd.DataFrame,
    target: NDArray[np.int8],
) -> None:
    model = build(name, settings, contract).fit(inputs[:1500], target[:1500])
    p = model.predict_proba(inputs[1500:])[:, 1]
    assert roc_auc_score(target[1500:], p) > 0.75
    np.testing.assert_allclose(
        log_odds(name, model, inputs[1500:]),
        logit(np.clip(p, CERTAIN, 1 - CERTAIN)),
        atol=1e-4,
        err_msg="log_odds must be the log-odds of the classifier's predict_proba",
    )


@every_kind
def test_fitted_twice_gives_the_same_bytes(
    name: str,
    settings: dict[str, Any],
    contract: Contract,
    inputs: pd.DataFrame,
    target: NDArray[np.int8],
) -> None:
    one, two = (
        pickle.dumps(build(name, settings, contract, 7).fit(inputs[:600], target[:600]))
        for _ in range(2)
    )
    assert one == two


@every_shipped_candidate
def test_what_is_shipped_scores_as_the_library(
    name: str, contract: Contract, inputs: pd.DataFrame, target: NDArray[np.int8]
) -> None:
    family = FAMILIES[name]
    holes = inputs.astype(dict.fromkeys(contract.numeric_inputs, "float64"))
    holes.loc[holes.index[::7], list(contract.numeric_inputs)] = np.nan
    encoder, classifier = build(name, small(name), contract).fit(holes[:900], target[:900])
    matrix = encoder.transform(holes)
    form = family.form(classifier)
    if isinstance(form, LinearForm):
        found = matrix @ form.coefficients + form.intercept
    else:
        assert isinstance(form, TreeEnsemble)
        found = form.log_odds(matrix)
    np.testing.assert_allclose(found, family.log_odds(classifier, matrix), atol=1e-5)
    assert found.std() > 0.3


@every_candidate
def test_the_cost_of_scoring_is_a_count(
    name: str, contract: Contract, inputs: pd.DataFrame, target: NDArray[np.int8]
) -> None:
    classifier = build(name, small(name), contract).fit(inputs[:500], target[:500])[-1]
    cost = FAMILIES[name].scoring_cost(classifier)
    assert 1 <= cost < 1e7
    assert FAMILIES[name].scoring_cost(classifier) == cost


@every_kind
@pytest.mark.parametrize(
    "odd",
    ["missing numbers", "missing categories", "unseen categories", "unseen levels", "rare levels"],
)
def test_odd_customers_get_finite_probabilities(
    name: str,
    settings: dict[str, Any],
    odd: str,
    contract: Contract,
    inputs: pd.DataFrame,
    target: NDArray[np.int8],
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
    model = build(name, settings, contract).fit(train, target)
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


@every_kind
def test_a_rare_level_is_shrunk_towards_the_rest_and_unseen_is_like_missing(
    name: str, settings: dict[str, Any]
) -> None:
    contract = one_category_contract("common", "other", "rare", "absent")
    generator = np.random.default_rng(3)
    plan = np.array(["common"] * 300 + ["other"] * 297 + ["rare"] * 3)
    churned = (generator.random(600) < np.where(plan == "other", 0.4, 0.2)).astype(np.int8)
    churned[-3:] = 1  # three of three: no reason to expect it of all others
    table = pd.DataFrame({"plan": plan, "fee": generator.normal(size=600)})
    model = build(name, settings, contract).fit(table, churned)
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


@every_kind
@pytest.mark.parametrize(
    "kinds", [("integer",), ("number",), ("category",), ("integer", "number", "category")]
)
def test_nullable_columns_of_every_type_can_be_learned(
    name: str, settings: dict[str, Any], kinds: tuple[str, ...]
) -> None:
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
    model = build(name, settings, contract).fit(
        typed, (table["left"] == "y").to_numpy().astype(np.int8)
    )
    assert np.isfinite(model.predict_proba(typed)).all()


def test_unknown_candidate_names_the_valid_ones(contract: Contract) -> None:
    with pytest.raises(
        ParameterError, match=r"forest is not a candidate, did you mean random_forest\?; valid"
    ) as e:
        build_candidate("forest", None, contract, 1)
    assert all(name in str(e.value) for name in CANDIDATES)
    assert "baseline" not in str(e.value)


def test_the_baseline_is_no_candidate() -> None:
    with pytest.raises(ParameterError, match=r"candidates\.baseline is not a candidate"):
        check_settings("baseline", {})


@every_candidate
@pytest.mark.parametrize(
    "key", ["levels", "seed", "contract", "n_jobs", "random_state", "kwargs", "settings", "penalty"]
)
def test_unknown_or_fixed_setting_names_the_valid_ones(
    name: str, key: str, contract: Contract
) -> None:
    valid = ", ".join(sorted(set(FAMILIES[name].settings.values())))
    with pytest.raises(ParameterError, match=rf"candidates\.{name}\.{key} is not a setting") as e:
        build_candidate(name, {key: 1}, contract, 1)
    assert str(e.value).endswith(f"; valid settings: {valid}")


@every_candidate
def test_any_name_of_a_setting_reaches_the_estimator(name: str, contract: Contract) -> None:
    family = FAMILIES[name]
    sizes = [key for key, plain in family.settings.items() if plain in family.sizes]
    for key in sizes:
        classifier = build_candidate(name, {key: 17}, contract, 1)[-1]
        assert classifier.get_params()[family.settings[key]] == 17


def test_settings_of_the_project_are_valid(root: Any) -> None:
    document = yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8"))
    for name, settings in document["candidates"].items():
        check_settings(name, settings)
        space = parse_search_space(name, settings)
        assert all(space.searched.keys() == start.keys() for start in space.starts), name
