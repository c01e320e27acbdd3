from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from churn_pipeline.contract import Contract
from churn_pipeline.modeling.candidates import build_candidate
from churn_pipeline.modeling.model import ChurnModel
from churn_pipeline.modeling.recalibration import SigmoidCalibrator
from churn_pipeline.modeling.target import churned
from churn_pipeline.pipelines.evaluation.explanations import (
    draw_explanations,
    explain_test_customers,
)
from churn_pipeline.scorer import Bundle
from tests.bundles import bundle_of

Sides = tuple[pd.DataFrame, pd.DataFrame]
Tables = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]
EVALUATION = {"seed": 3}
CANDIDATES: dict[str, dict[str, Any]] = {
    "logistic_regression": {"l1_ratio": 0.5, "knots": 1},
    "xgboost": {"n_estimators": 15, "max_depth": 3},
}


def fit(name: str, train: pd.DataFrame, contract: Contract) -> ChurnModel:
    inputs = contract.model_inputs
    pipeline = build_candidate(name, CANDIDATES[name], contract, 1)
    pipeline.fit(train[list(inputs)], churned(train, contract))
    return ChurnModel.of(name, pipeline, inputs, SigmoidCalibrator(0.9, 0.1))


@pytest.fixture(scope="module", params=list(CANDIDATES))
def model(request: pytest.FixtureRequest, sides: Sides, contract: Contract) -> ChurnModel:
    return fit(request.param, sides[0], contract)


@pytest.fixture(scope="module")
def bundle(model: ChurnModel, sides: Sides, contract: Contract) -> Bundle:
    return bundle_of(model, sides[0], contract)


@pytest.fixture(scope="module")
def tables(bundle: Bundle, sides: Sides, contract: Contract) -> Tables:
    return explain_test_customers(bundle, sides[1], contract, EVALUATION)


def test_every_test_customer_has_the_models_scores_and_reasons(
    tables: Tables, model: ChurnModel, sides: Sides, contract: Contract
) -> None:
    reasons, test = tables[0], sides[1]
    assert list(reasons) == [
        contract.id.name, "churn_probability", "log_odds", "base_log_odds",
        "reason_1", "contribution_1", "reason_2", "contribution_2", "reason_3", "contribution_3",
    ]  # fmt: skip
    assert reasons[contract.id.name].tolist() == test[contract.id.name].tolist()
    expected = model.churn_probability(test)
    np.testing.assert_allclose(reasons["churn_probability"], expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(reasons["log_odds"], model.log_odds(test), rtol=0, atol=1e-12)
    assert reasons["base_log_odds"].nunique() == 1
    assert reasons["reason_1"].notna().mean() > 0.9
    assert (reasons["contribution_1"].dropna() > 0).all()
    assert not (reasons["contribution_2"] > reasons["contribution_1"]).any()


def test_likely_churners_have_larger_reasons(tables: Tables) -> None:
    reasons = tables[0].sort_values("churn_probability")
    third = len(reasons) // 3
    mean = reasons["contribution_1"].fillna(0)
    assert mean[-third:].mean() > mean[:third].mean()


def test_importance_is_that_of_all_inputs(tables: Tables) -> None:
    ranked = tables[1]
    assert ranked["mean_absolute_shap"].is_monotonic_decreasing
    assert ranked["share"].sum() == pytest.approx(1, abs=1e-4)
    assert {"tenure", "Contract"} <= set(ranked["input"][:5])
    assert "log_tenure" not in set(ranked["input"])
    pd.testing.assert_frame_equal(ranked, ranked.round(6))


def test_dependence_shows_the_six_most_important_inputs(tables: Tables, sides: Sides) -> None:
    _, ranked, detail = tables
    assert list(dict.fromkeys(detail["input"])) == ranked["input"][:6].tolist()
    assert set(detail.groupby("input").size()) == {min(500, len(sides[1]))}
    pd.testing.assert_frame_equal(detail, detail.round(6))


def test_same_inputs_give_the_same_tables(
    tables: Tables, bundle: Bundle, sides: Sides, contract: Contract
) -> None:
    again = explain_test_customers(bundle, sides[1], contract, EVALUATION)
    for one, two in zip(tables, again, strict=True):
        pd.testing.assert_frame_equal(one, two, check_exact=True)


def test_seed_chooses_the_customers_in_detail(
    bundle: Bundle, sides: Sides, contract: Contract
) -> None:
    many = pd.concat([sides[1]] * 2, ignore_index=True)
    one, two = (
        explain_test_customers(bundle, many, contract, {"seed": seed})[2] for seed in (1, 2)
    )
    assert len(one) == len(two) == 3000
    assert not one.equals(two)


def test_customers_may_have_any_index(bundle: Bundle, sides: Sides, contract: Contract) -> None:
    test = sides[1]
    moved = test.set_axis(np.arange(len(test))[::-1] + 5)
    for one, two in zip(
        explain_test_customers(bundle, test, contract, EVALUATION),
        explain_test_customers(bundle, moved, contract, EVALUATION),
        strict=True,
    ):
        pd.testing.assert_frame_equal(one, two)


def test_pictures_show_all_inputs_and_the_six_in_detail(tables: Tables) -> None:
    _, ranked, detail = tables
    bars, plots = draw_explanations(ranked, detail)
    assert len(bars.axes[0].patches) == min(15, len(ranked))
    assert [axes.get_title(loc="left") for axes in plots.axes] == ranked["input"][:6].tolist()
