from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from churn_pipeline.contract import Contract
from churn_pipeline.modeling.candidates import build_candidate
from churn_pipeline.modeling.model import ChurnModel
from churn_pipeline.modeling.target import churned
from churn_pipeline.packaging.assembly import assemble
from churn_pipeline.pipelines.evaluation import stability
from churn_pipeline.pipelines.evaluation.stability import measure_reason_stability

SIDES = tuple[pd.DataFrame, pd.DataFrame]


def measured(
    sides: SIDES, contract: Contract, candidate: str, settings: dict[str, Any], seed: int = 1
) -> dict[str, Any]:
    train, test = sides
    pipeline = build_candidate(candidate, settings, contract, 1)
    inputs = contract.model_inputs
    fitted = pipeline.fit(train[list(inputs)], churned(train, contract))
    model = ChurnModel.of(candidate, fitted, inputs)
    scorer = assemble(model, contract, train)
    return measure_reason_stability(model, scorer, train, test, contract, {"seed": seed})


@pytest.fixture(autouse=True)
def two_refits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stability, "_REFITS", 2)


@pytest.mark.parametrize(
    ("candidate", "settings"),
    [("logistic_regression", {"C": 0.1}), ("lightgbm", {"n_estimators": 10})],
)
def test_stability_is_measured_for_linear_models_and_trees(
    sides: SIDES, contract: Contract, candidate: str, settings: dict[str, Any]
) -> None:
    found = measured(sides, contract, candidate, settings)
    assert 0.3 < found["single"]["same_first"] < 1
    assert found["grouped"]["same_first"] >= found["single"]["same_first"]
    assert ["tenure", "TotalCharges"] in found["alike"]
    assert found["training_rows"] == len(sides[0])
    assert measured(sides, contract, candidate, settings) == found


def test_the_more_a_model_is_held_back_the_more_stable_are_its_reasons(
    sides: SIDES, contract: Contract
) -> None:
    shares = [
        measured(sides, contract, "logistic_regression", {"C": c})["single"]["same_first"]
        for c in (1000.0, 0.001)
    ]
    assert shares[1] > shares[0]


def test_rows_of_a_customer_are_drawn_together_and_both_outcomes_always() -> None:
    target = np.array([0, 1, 0, 0, 0, 0], dtype=np.int8)
    numbers = np.array([0, 0, 1, 1, 2, 3])
    rng = np.random.default_rng(0)
    for _ in range(20):
        drawn = np.bincount(stability._draw(target, numbers, rng), minlength=6)
        assert drawn[0] == drawn[1] == 1  # the only customer who churned
        assert drawn[2] == drawn[3]
        assert drawn[[2, 4, 5]].sum() == 3


def test_many_rows_are_drawn_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stability, "_FITTED", 100)
    target = np.repeat(np.array([0, 1], dtype=np.int8), [900, 100])
    drawn = stability._draw(target, None, np.random.default_rng(0))
    assert len(drawn) == 100
    assert target[drawn].sum() == 10
