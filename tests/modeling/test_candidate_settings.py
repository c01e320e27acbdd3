"""Settings are tried before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from numpy.typing import NDArray

from churn_pipeline.contract import Contract
from churn_pipeline.errors import ParameterError
from churn_pipeline.modeling.candidate_settings import check_candidates
from churn_pipeline.modeling.candidates import build_candidate
from churn_pipeline.modeling.model import log_odds
from tests.families import needs_its_library, register


def test_the_settings_of_the_project_are_usable(root: Path) -> None:
    check_candidates(yaml.safe_load((root / "params.yaml").read_text("utf-8"))["candidates"])


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("lightgbm", {"extra_trees": True, "path_smooth": 1.0, "max_bin": 63}),
        ("lightgbm", {"eta": 0.1, "num_trees": 20, "lambda_l2": 3.0, "min_data_in_leaf": 5}),
        ("lightgbm", {"feature_fraction_bynode": {"low": 0.3, "high": 1.0}}),
        ("lightgbm", {"bagging_fraction": {"low": 0.5, "high": 1.0, "default": 0.8}}),
        ("lightgbm", {"data_sample_strategy": "goss", "top_rate": 0.3}),
        ("lightgbm", None),
        ("xgboost", {"eta": 0.1, "lambda": 3.0, "grow_policy": "lossguide", "max_leaves": 8}),
        ("xgboost", {"num_parallel_tree": 2, "colsample_bynode": 0.5}),
        ("random_forest", {"max_samples": 5000, "max_features": {"choices": [1, 0.5, "sqrt"]}}),
        ("logistic_regression", {"C": 1, "l1_ratio": {"choices": [0.0, 0.5]}}),
        needs_its_library("catboost", None),
        needs_its_library(
            "catboost", {"iterations": 9, "depth": 3, "l2_leaf_reg": 2.0, "rsm": 0.5}
        ),
        needs_its_library("catboost", {"boosting_type": {"choices": ["Plain", "Ordered"]}}),
    ],
)
def test_usable(name: str, settings: dict[str, Any] | None) -> None:
    check_candidates({name: settings})


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("lightbgm", {}, " is not a candidate, did you mean lightgbm"),
        ("lightgbm", {"extra_tree_s": 1}, "extra_tree_s is not a setting, did you mean extra_tree"),
        ("lightgbm", {"num_threads": 4}, "num_threads is not a setting"),
        ("lightgbm", {"linear_tree": True}, "linear_tree is not a setting"),
        ("lightgbm", {"n_jobs": 2}, "n_jobs is not a setting that can be changed"),
        ("lightgbm", {"eta": 0.1, "learning_rate": 0.2}, "is the same setting as eta"),
        ("lightgbm", {"num_leaves": 1}, r"num_leaves cannot be 1: Check failed: .num_leaves. > "),
        ("lightgbm", {"num_leaves": "many"}, "num_leaves cannot be 'many'"),
        ("lightgbm", {"num_leaves": {"low": 2.5, "high": 9.0}}, "num_leaves cannot be 2.5"),
        ("lightgbm", {"extra_trees": "maybe"}, "extra_trees cannot be 'maybe'"),
        ("lightgbm", {"subsample": {"low": 0.5, "high": 1.5}}, "subsample cannot be 1.5"),
        (
            "lightgbm",
            {"n_estimators": 0},
            "n_estimators is 0; it must be a whole number of at least 1",
        ),
        ("lightgbm", {"num_trees": {"low": 0, "high": 9}}, "num_trees is 0; it must be a whole"),
        (
            "lightgbm",
            {"subsample": 0.5, "data_sample_strategy": "goss"},
            "cannot be used with this combination of settings: Cannot use bagging in GOSS",
        ),
        ("xgboost", {"max_depht": 3}, "max_depht is not a setting, did you mean max_depth"),
        ("xgboost", {"max_depth": 2.5}, "max_depth cannot be 2.5"),
        ("xgboost", {"max_depth": {"low": 1.0, "high": 9.0}}, "max_depth cannot be 1.0"),
        ("xgboost", {"learning_rate": -1}, "learning_rate cannot be -1"),
        ("xgboost", {"reg_lambda": float("inf")}, "reg_lambda is inf; it must be a finite number"),
        ("xgboost", {"early_stopping_rounds": 5}, "early_stopping_rounds cannot be 5"),
        ("xgboost", {"grow_policy": {"choices": ["depthwise", "x"]}}, "grow_policy cannot be 'x'"),
        ("random_forest", {"min_samples_leaf": 0}, "min_samples_leaf cannot be 0"),
        ("random_forest", {"smoothing": -1}, "smoothing cannot be -1"),
        ("logistic_regression", {"C": {"low": 9, "high": 1}}, "C is not a valid search space"),
        ("logistic_regression", {"C": 0}, "C cannot be 0"),
        ("logistic_regression", {"l1_ratio": 2}, "l1_ratio cannot be 2"),
        ("logistic_regression", {"knots": -1}, "knots cannot be -1"),
        ("logistic_regression", {"knots": "two"}, "knots cannot be 'two'"),
        ("logistic_regression", {"max_iter": 0}, "max_iter is 0; it must be a whole number"),
        needs_its_library(
            "catboost", {"max_dept": 3}, "max_dept is not a setting, did you mean max"
        ),
        needs_its_library("catboost", {"depth": 3, "max_depth": 3}, "is the same setting as depth"),
        needs_its_library("catboost", {"thread_count": 4}, "not a setting that can be changed"),
        needs_its_library(
            "catboost", {"max_depth": 17}, "max_depth cannot be 17: Maximum tree dep"
        ),
        needs_its_library(
            "catboost", {"learning_rate": 0}, "learning_rate cannot be 0: learning_rate must be abo"
        ),
        needs_its_library("catboost", {"random_strength": -1.0}, "random_strength cannot be -1.0"),
        needs_its_library("catboost", {"iterations": 0}, "iterations is 0; it must be a whole"),
    ],
)
def test_unusable(
    name: str, settings: dict[str, Any], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ParameterError, match=rf"^params\.yaml: candidates\.{name}.*{message}") as e:
        check_candidates({name: settings})
    assert "\n" not in str(e.value)
    assert capfd.readouterr() == ("", "")  # what the libraries print is in the message


def test_a_candidate_whose_library_is_not_installed_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    family = register(monkeypatch, "mine", lambda seed: None, libraries=("sklearn", "no_such_one"))
    monkeypatch.setattr(type(family), "extra", "mine")
    message = "candidates.mine needs no_such_one, which is not installed; run `make mine`, or "
    with pytest.raises(ParameterError, match=rf"^params\.yaml: {message}take the candidate out$"):
        check_candidates({"mine": None})


def test_an_alias_has_the_effect_of_the_name(
    contract: Contract, inputs: pd.DataFrame, target: NDArray[np.int8]
) -> None:
    for name, aliases in (
        ("lightgbm", {"eta": 0.3, "max_leaves": 4, "num_iterations": 5}),
        ("xgboost", {"eta": 0.3, "lambda": 4.0, "n_estimators": 5}),
    ):
        plain = {
            "eta": "learning_rate",
            "max_leaves": "num_leaves",
            "num_iterations": "n_estimators",
            "lambda": "reg_lambda",
        }
        same = {plain.get(key, key): value for key, value in aliases.items()}
        one, two = (
            log_odds(name, build_candidate(name, s, contract, 1).fit(inputs, target), inputs)
            for s in (aliases, same)
        )
        np.testing.assert_array_equal(one, two)
