from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.metrics import precision_score, roc_auc_score

from churn_pipeline.contract import Contract
from churn_pipeline.errors import DataError, ParameterError
from churn_pipeline.evaluation.metric_definitions import METRICS
from churn_pipeline.modeling.candidates import build_baseline, build_candidate
from churn_pipeline.modeling.model import ChurnModel
from churn_pipeline.modeling.recalibration import SigmoidCalibrator
from churn_pipeline.modeling.target import churned
from churn_pipeline.pipelines.decisions.economics import (
    draw_economics,
    draw_gains,
    weigh_decisions,
)
from churn_pipeline.pipelines.decisions.nodes import (
    decide_test_customers,
    draw_confusion,
    measure_decisions,
    trace_confusion,
)
from churn_pipeline.pipelines.evaluation.nodes import (
    compare_on_test,
    draw_figures,
    measure,
    score_test_customers,
    trace_curves,
)
from churn_pipeline.scorer.decisions import NO_ACTION, Economics
from churn_pipeline.statistics.delong import delong_test
from tests.bundles import bundle_of

EVALUATION = {
    "top_share": 0.1,
    "calibration_bins": 10,
    "confidence": 0.9,
    "replicates": 40,
    "seed": 1,
}
ECONOMICS = {
    "customer_lifetime_value": 200,
    "incentive_cost": 10,
    "contact_cost": 1,
    "acceptance_alpha": 6,
    "acceptance_beta": 14,
    "tiers": {
        "low": {"minimum": 0.0, "action": "a letter"},
        "high": {"minimum": 0.6, "action": "a call"},
    },
}
SELECTION = {"champion": "logistic_regression", "runner_up": "xgboost"}
Sides = tuple[pd.DataFrame, pd.DataFrame]


@pytest.fixture(scope="module")
def models(sides: Sides, contract: Contract) -> dict[str, ChurnModel]:
    train, inputs = sides[0], contract.model_inputs
    pipelines = {
        "logistic_regression": build_candidate("logistic_regression", None, contract, 1),
        "xgboost": build_candidate("xgboost", {"n_estimators": 5}, contract, 1),
        "baseline": build_baseline(contract, 1),
    }
    y = churned(train, contract)
    return {
        name: ChurnModel.of(name, pipeline.fit(train[list(inputs)], y), inputs)
        for name, pipeline in pipelines.items()
    }


@pytest.fixture(scope="module")
def references(models: dict[str, ChurnModel]) -> dict[str, ChurnModel]:
    return {"runner_up": models["xgboost"], "baseline": models["baseline"]}


@pytest.fixture(scope="module")
def predictions(
    models: dict[str, ChurnModel],
    references: dict[str, ChurnModel],
    sides: Sides,
    contract: Contract,
) -> pd.DataFrame:
    model = bundle_of(models["logistic_regression"], sides[0], contract)
    scores = score_test_customers(model, references, sides[1], contract)
    return decide_test_customers(scores, sides[1], contract, ECONOMICS)


def test_every_test_customer_is_scored(
    predictions: pd.DataFrame, sides: Sides, contract: Contract
) -> None:
    test = sides[1]
    assert list(predictions) == [
        contract.id.name,
        "churned",
        "churn_probability",
        "runner_up_probability",
        "baseline_probability",
        "customer_lifetime_value",
        "expected_profit",
        "contacted",
        "tier",
        "recommended_action",
    ]
    assert predictions[contract.id.name].tolist() == test[contract.id.name].tolist()
    positive = test[contract.target.name] == contract.target.positive
    assert predictions["churned"].tolist() == positive.astype(int).tolist()
    for role in ("churn", "runner_up", "baseline"):
        assert predictions[f"{role}_probability"].dtype == np.float64
        assert predictions[f"{role}_probability"].between(0, 1, inclusive="neither").all()
    assert (predictions["customer_lifetime_value"] == 200).all()
    assert predictions["contacted"].dtype == bool
    above = predictions["churn_probability"] > 11 / 67
    assert predictions["contacted"].tolist() == above.tolist()
    calm = predictions["churn_probability"] < 0.6
    actions = np.where(above, np.where(calm, "a letter", "a call"), NO_ACTION)
    assert predictions["recommended_action"].tolist() == actions.tolist()


def test_calibration_counts_for_the_decisions(
    models: dict[str, ChurnModel], sides: Sides, contract: Contract
) -> None:
    plain = models["logistic_regression"]
    calibrator = SigmoidCalibrator(slope=0.5, intercept=-1)
    model = ChurnModel.of(plain.candidate, plain.pipeline, plain.inputs, calibrator)
    bundle = bundle_of(model, sides[0], contract)
    scores = score_test_customers(bundle, {}, sides[1], contract)
    found = decide_test_customers(scores, sides[1], contract, ECONOMICS)
    expected = expit(0.5 * plain.log_odds(sides[1]) - 1)
    np.testing.assert_allclose(found["churn_probability"], expected)
    assert found["contacted"].tolist() == (expected > 11 / 67).tolist()
    assert "runner_up_probability" not in found


def test_a_column_may_hold_the_lifetime_values(
    models: dict[str, ChurnModel],
    references: dict[str, ChurnModel],
    sides: Sides,
    contract: Contract,
) -> None:
    model = bundle_of(models["logistic_regression"], sides[0], contract)
    test = sides[1].copy()
    worth = np.random.default_rng(0).gamma(1, 150, len(test))
    economics = ECONOMICS | {"customer_lifetime_value": "worth"}
    scores = score_test_customers(model, references, test, contract)
    found = decide_test_customers(scores, test.assign(worth=worth), contract, economics)
    assert found["customer_lifetime_value"].tolist() == worth.tolist()
    weighed, curve = weigh_decisions(found, economics, EVALUATION)
    assert weighed["threshold"] is None
    assert weighed["assumptions"]["customer_lifetime_value"] == "worth"
    assert curve["threshold"].isna().all()
    with pytest.raises(ParameterError, match="'worth', which is not a column"):
        decide_test_customers(scores, test, contract, economics)
    derived = contract.derived_columns[0].name
    with pytest.raises(ParameterError, match=f"'{derived}', which is not a column") as caught:
        decide_test_customers(
            scores, test, contract, economics | {"customer_lifetime_value": derived}
        )
    assert "'MonthlyCharges'" in str(caught.value)
    worth[3] = np.nan
    with pytest.raises(DataError, match=str(test[contract.id.name].iloc[3])):
        decide_test_customers(scores, test.assign(worth=worth), contract, economics)


def metrics_of(predictions: pd.DataFrame, economics: dict[str, Any]) -> dict[str, Any]:
    measured = measure(predictions, EVALUATION)
    return measure_decisions(predictions, measured, economics, EVALUATION)


def test_metrics_are_rounded_json_with_intervals(predictions: pd.DataFrame) -> None:
    economics, _ = weigh_decisions(predictions, ECONOMICS, EVALUATION)
    found = metrics_of(predictions, economics)
    assert set(found) == {*METRICS, "empc", "empc_fraction", "profit_per_customer"}
    earned = economics["policies"]["model"]["profit_per_customer"]
    assert found["profit_per_customer"] == earned
    auc = roc_auc_score(predictions["churned"], predictions["churn_probability"])
    assert found["roc_auc"]["value"] == round(auc, 6)
    for metric in found.values():
        assert metric["low"] <= metric["high"]
        assert all(value == round(value, 6) for value in metric.values())
    precision = precision_score(predictions["churned"], predictions["contacted"])
    assert found["precision"]["value"] == round(precision, 6)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert metrics_of(predictions, economics) == found


def test_curves_and_figures_agree_with_the_predictions(predictions: pd.DataFrame) -> None:
    economics, _ = weigh_decisions(predictions, ECONOMICS, EVALUATION)
    metrics = metrics_of(predictions, economics)
    curves = trace_curves(predictions, EVALUATION)
    roc, _, calibration, gains = curves
    confusion = trace_confusion(predictions)
    area = np.trapezoid(roc["true_positive_rate"], roc["false_positive_rate"])
    assert area == pytest.approx(metrics["roc_auc"]["value"], abs=1e-3)
    assert calibration["customers"].sum() == len(predictions)
    assert gains["recall"].iloc[-1] == 1
    agree = (confusion["actual"] == confusion["predicted"]).mean()
    assert agree == pytest.approx(metrics["accuracy"]["value"], abs=1e-6)
    drawn = [
        *draw_figures(*curves[:3], predictions, metrics),
        draw_gains(gains, economics, metrics),
        draw_confusion(confusion),
    ]
    titles = [figure.axes[0].get_title(loc="left") for figure in drawn]
    assert titles == [
        "ROC curve",
        "Precision and recall",
        "Calibration",
        "How many churners are found",
        "Confusion matrix of the decision",
    ]


def test_the_references_are_compared_by_delong(predictions: pd.DataFrame) -> None:
    found = compare_on_test(predictions, SELECTION, EVALUATION)
    assert list(found) == ["runner_up", "baseline"]
    assert [found[role]["candidate"] for role in found] == ["xgboost", "baseline"]
    for role, comparison in found.items():
        score = predictions[f"{role}_probability"]
        expected = delong_test(predictions["churned"], predictions["churn_probability"], score, 0.9)
        auc = roc_auc_score(predictions["churned"], score)
        assert comparison["roc_auc"] == round(auc, 6)
        assert comparison["difference"] == round(expected.difference, 6)
        assert comparison["low"] <= comparison["difference"] <= comparison["high"]
        assert comparison["p_value"] == round(expected.p_value, 6)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_one_candidate_is_compared_with_the_baseline_alone(predictions: pd.DataFrame) -> None:
    alone = predictions.drop(columns="runner_up_probability")
    selection = {"champion": "logistic_regression", "runner_up": None}
    assert list(compare_on_test(alone, selection, EVALUATION)) == ["baseline"]


def test_decisions_are_weighed(predictions: pd.DataFrame) -> None:
    weighed, curve = weigh_decisions(predictions, ECONOMICS, EVALUATION)
    assert list(weighed) == [
        "assumptions", "threshold", "empc", "empc_fraction", "best_share", "policies", "tiers"
    ]  # fmt: skip
    assert weighed["assumptions"] == {k: v for k, v in ECONOMICS.items() if k != "tiers"}
    assert weighed["threshold"] == 0.164179
    assert 0 < weighed["empc"]["low"] <= weighed["empc"]["value"] <= weighed["empc"]["high"]
    assert 0.3 < weighed["empc_fraction"]["value"] < 1

    best = int(curve["profit_per_customer"].argmax())
    assert weighed["best_share"] == round(curve["contacted_share"].iloc[best], 6)
    policies = weighed["policies"]
    assert list(policies) == ["model", "runner_up", "contact_everyone", "contact_no_one", "random"]
    contacted = predictions["contacted"]
    assert policies["model"]["contacted_share"] == round(contacted.mean(), 6)
    earned = Economics.of(ECONOMICS).expected_profit(predictions["churned"], 200)
    profit = policies["model"]["profit_per_customer"]["value"]
    assert profit == pytest.approx((earned * contacted).mean(), abs=1e-6)
    assert profit <= curve["profit_per_customer"].max() + 1e-6
    everyone = policies["contact_everyone"]["profit_per_customer"]["value"]
    assert everyone == pytest.approx(curve["profit_per_customer"].iloc[-1], abs=1e-6)
    assert policies["random"]["difference_to_model"]["low"] > 0

    low, high = weighed["tiers"]
    assert low["customers"] + high["customers"] == len(predictions)
    assert low["churn_rate"] < high["churn_rate"]
    assert high["customers"] == (predictions["churn_probability"] >= 0.6).sum()
    assert json.loads(json.dumps(weighed, allow_nan=False)) == weighed


def test_weighing_repeats_and_is_drawn(predictions: pd.DataFrame) -> None:
    one, two = (weigh_decisions(predictions, ECONOMICS, EVALUATION) for _ in range(2))
    assert one[0] == two[0]
    pd.testing.assert_frame_equal(one[1], two[1], check_exact=True)
    (axes,) = draw_economics(one[1], one[0], "EUR").axes
    assert axes.get_title(loc="left") == "What contacting customers earns"


def test_tiers_have_to_cover_all_probabilities(predictions: pd.DataFrame) -> None:
    economics = ECONOMICS | {"tiers": {"high": {"minimum": 0.6, "action": "a call"}}}
    with pytest.raises(ParameterError, match=r"economics\.tiers"):
        weigh_decisions(predictions, economics, EVALUATION)
