from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from churn_pipeline.contract import Contract
from churn_pipeline.errors import ChurnPipelineError, GateError
from churn_pipeline.evaluation.champion import Champion
from churn_pipeline.evaluation.metrics import MetricSettings, compute_metrics
from churn_pipeline.modeling.candidates import build_baseline
from churn_pipeline.modeling.model import ChurnModel
from churn_pipeline.modeling.target import churned
from churn_pipeline.packaging.assembly import assemble
from churn_pipeline.pipelines.acceptance.nodes import accept
from churn_pipeline.pipelines.evaluation.gates import check_gates
from churn_pipeline.pipelines.packaging.nodes import package_model
from churn_pipeline.scorer import Bundle

EVALUATION: dict[str, Any] = {"confidence": 0.95}
GATES: dict[str, Any] = {
    "minimum_roc_auc": 0.75,
    "maximum_log_loss": None,
    "maximum_expected_calibration_error": 0.2,
    "maximum_scoring_milliseconds": 60_000,
    "no_regression": True,
}
NO_GAP = {"difference": 0.0, "beyond_noise": False}
SELECTION = {"champion": "xgboost"}

Sides = tuple[pd.DataFrame, pd.DataFrame]


def fit(train: pd.DataFrame, target: Any, contract: Contract) -> ChurnModel:
    pipeline = build_baseline(contract, 1)
    return ChurnModel.of("logistic_regression", pipeline.fit(train, target), contract.model_inputs)


@pytest.fixture(scope="module")
def model(sides: Sides, contract: Contract) -> ChurnModel:
    return fit(sides[0], churned(sides[0], contract), contract)


@pytest.fixture(scope="module")
def poor(sides: Sides, contract: Contract) -> ChurnModel:
    shuffled = np.random.default_rng(1).permutation(churned(sides[0], contract))
    return fit(sides[0], shuffled, contract)


def scorer_of(model: ChurnModel, test: pd.DataFrame, contract: Contract) -> Bundle:
    # without derived columns, as the baseline sees it
    return assemble(model, replace(contract, derived_columns=()), test)


def run(
    model: ChurnModel,
    champion: ChurnModel | None,
    test: pd.DataFrame,
    contract: Contract,
    gates: dict[str, Any] = GATES,
    champion_seed: str = "42",
) -> dict[str, Any]:
    predictions = pd.DataFrame(
        {
            contract.id.name: test[contract.id.name],
            "churned": churned(test, contract),
            "churn_probability": model.churn_probability(test),
        }
    )
    figures = compute_metrics(
        predictions["churned"],
        predictions["churn_probability"],
        predictions["churn_probability"] > 0.3,
        MetricSettings(0.1, 10),
    )
    metrics = {
        name: dict.fromkeys(("value", "low", "high"), round(float(value[0]), 6))
        for name, value in figures.items()
    }
    shuffled = test.sample(frac=1, random_state=3)  # lines are matched by the id
    bundle = scorer_of(model, test, contract)
    in_use = None if champion is None else Champion(champion, {"seed": champion_seed})
    return check_gates(
        bundle, in_use, metrics, predictions, shuffled, contract, gates, EVALUATION, NO_GAP,
        {"method": "customer"}, {"seed": 42},
    )  # fmt: skip


@pytest.mark.parametrize("champion", ["none", "identical", "poor"])
def test_a_model_that_is_no_worse_is_accepted(
    champion: str, model: ChurnModel, poor: ChurnModel, sides: Sides, contract: Contract
) -> None:
    current = {"none": None, "identical": model, "poor": poor}[champion]
    gates = run(model, current, sides[1], contract)
    assert gates["passed"]
    assert [gate["gate"] for gate in gates["gates"]] == [g for g in GATES if GATES[g] is not None]
    judged = 3 if current is None else 4
    scorer = scorer_of(model, sides[1], contract)
    assert accept(gates, SELECTION, scorer, "") == {"champion": "xgboost", "gates_passed": judged}


def test_what_depends_on_the_machine_or_its_registry_is_printed_and_not_tracked(
    model: ChurnModel,
    poor: ChurnModel,
    sides: Sides,
    contract: Contract,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, logger="churn_pipeline"):
        first = run(model, None, sides[1], contract)
        second = run(model, poor, sides[1], contract)
    assert [gate.pop("passed") for gate in first["gates"]][-1] is None
    assert [gate.pop("passed") for gate in second["gates"]] == [True] * 4
    assert first == second
    assert json.loads(json.dumps(first, allow_nan=False)) == first
    local = [(g["gate"], g["value"], g["detail"]) for g in first["gates"][-2:]]
    assert local == [
        ("maximum_scoring_milliseconds", None, None),
        ("no_regression", None, None),
    ]
    assert "there is no champion yet" in caplog.text
    assert "not worse by more than the margin" in caplog.text


def test_a_regression_is_not_accepted(
    model: ChurnModel, poor: ChurnModel, sides: Sides, contract: Contract
) -> None:
    gates = run(poor, model, sides[1], contract, {"no_regression": True})
    assert not gates["passed"]
    with pytest.raises(GateError, match=r"failed 1 gate: no_regression .* --pipelines evaluation"):
        accept(gates, SELECTION, scorer_of(poor, sides[1], contract), "")
    assert run(poor, model, sides[1], contract, {"no_regression": False})["passed"]


def test_a_champion_of_another_split_is_not_compared_with(
    model: ChurnModel,
    poor: ChurnModel,
    sides: Sides,
    contract: Contract,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It was trained on customers of the test set."""
    with caplog.at_level(logging.INFO, logger="churn_pipeline"):
        gates = run(poor, model, sides[1], contract, {"no_regression": True}, champion_seed="7")
    assert gates["gates"][-1]["passed"] is None
    assert "trained with another split (split.seed 7, now 42)" in caplog.text


def test_every_failed_gate_is_named_with_value_and_limit(
    model: ChurnModel, sides: Sides, contract: Contract
) -> None:
    strict = {**GATES, "minimum_roc_auc": 0.99, "maximum_scoring_milliseconds": 1e-6}
    gates = run(model, None, sides[1], contract, strict)
    value = gates["gates"][0]["value"]
    with pytest.raises(ChurnPipelineError) as raised:
        accept(gates, SELECTION, scorer_of(model, sides[1], contract), "")
    text = str(raised.value)
    assert "(xgboost) is not accepted: it failed 2 gates: " in text
    assert f"minimum_roc_auc (is {value:g}, must be at least 0.99)" in text
    assert "maximum_scoring_milliseconds (" in text
    assert "must be at most 1e-06)" in text
    assert "under gates in params.yaml" in text
    assert "no_regression" not in text
    assert "\n" not in text


def test_gates_that_are_off_stop_nothing(
    model: ChurnModel, sides: Sides, contract: Contract, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="churn_pipeline"):
        gates = run(model, None, sides[1], contract, dict.fromkeys(GATES))
    scorer = scorer_of(model, sides[1], contract)
    assert gates == {
        "scorer": scorer.version,
        "passed": True,
        "gates": [],
        "validation_gap": NO_GAP,
        "findings": [],
    }
    assert accept(gates, SELECTION, scorer, "")["gates_passed"] == 0
    assert "all are switched off" in caplog.text


def package(gates: dict[str, Any], acceptance: dict[str, Any], scorer: Bundle) -> Bundle:
    return package_model(
        scorer, gates, acceptance, SELECTION, {}, {}, {}, {}, pd.DataFrame(), {}
    )  # fmt: skip


def test_what_an_earlier_acceptance_left_does_not_let_a_model_pass_that_failed_since(
    model: ChurnModel, sides: Sides, contract: Contract
) -> None:
    scorer = scorer_of(model, sides[1], contract)
    left = accept(run(model, None, sides[1], contract), SELECTION, scorer, "")
    strict = run(model, None, sides[1], contract, {**GATES, "minimum_roc_auc": 0.99})
    with pytest.raises(GateError, match=r"it failed 1 gate: minimum_roc_auc"):
        package(strict, left, scorer)


def test_gates_of_an_earlier_model_let_no_other_pass(
    model: ChurnModel, poor: ChurnModel, sides: Sides, contract: Contract
) -> None:
    gates = run(model, None, sides[1], contract)
    other = scorer_of(poor, sides[1], contract)
    sentence = r"gates.json is not of this model \(xgboost\), which was exported after"
    with pytest.raises(GateError, match=sentence):
        accept(gates, SELECTION, other, "")
    with pytest.raises(GateError, match=sentence):
        package(gates, {"champion": "xgboost", "gates_passed": 4}, other)
    del gates["scorer"]  # of an evaluation that did not say which model it judged
    with pytest.raises(GateError, match=sentence):
        package(gates, {"champion": "xgboost", "gates_passed": 4}, other)
