"""Nothing of a customer's target may reach what scores that customer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline

from churn_pipeline.contract import Contract, parse_contract
from churn_pipeline.modeling.target import churned
from churn_pipeline.pipelines.features.nodes import derive_features, split_customers
from churn_pipeline.pipelines.training.nodes import (
    choose_and_calibrate,
    cross_validate_candidates,
)
from churn_pipeline.pipelines.tuning.nodes import tune_candidates
from tests.families import register

TUNING: dict[str, Any] = {
    "trials": 3, "patience": 3, "max_customers": None, "minimum_improvement": 0.0,
    "max_seconds": None,
    "folds": 3, "workers": 1, "seed": 1,
}  # fmt: skip
TRAINING: dict[str, Any] = {
    "folds": 3, "repeats": 1, "max_customers": None, "max_fitted_customers": None,
    "max_fitted_rows": None, "max_trees": 50,
    "confidence": 0.95, "cost_ratio": 3, "margin": 0.001,
    "calibrators": ["sigmoid", "isotonic"], "seed": 2,
}  # fmt: skip
SPACES: dict[str, Any] = {
    "logistic_regression": {
        "C": {"low": 0.01, "high": 10.0, "log": True, "default": 1.0},
        "l1_ratio": {"choices": [0.0, 0.5]},
        "knots": {"low": 0, "high": 3},
    },
    "random_forest": {"n_estimators": 6, "min_samples_leaf": {"low": 2, "high": 40}},
    "xgboost": {"n_estimators": 10, "max_depth": {"low": 2, "high": 6}},
    "lightgbm": {"n_estimators": 10, "min_child_samples": {"low": 2, "high": 40}},
}
LEVELS = [f"plan {number}" for number in range(120)]
CUSTOMERS = 600


def contract_of(**inputs: dict[str, Any]) -> Contract:
    columns: dict[str, Any] = {
        "key": {"type": "text", "role": "id"},
        "left": {"type": "category", "role": "target", "values": ["n", "y"], "positive": "y"},
        **inputs,
    }
    columns = {name: column | {"meaning": "m"} for name, column in columns.items()}
    return parse_contract({"name": "plans", "columns": columns})


PLANS = contract_of(plan={"type": "category", "values": LEVELS}, fee={"type": "number"})
RATES = contract_of(rate={"type": "number"}, fee={"type": "number"})


@pytest.fixture(scope="module")
def plans() -> pd.DataFrame:
    """Five customers a plan, who leave by chance: nothing can be learned of the plan."""
    generator = np.random.default_rng(11)
    return pd.DataFrame(
        {
            "key": [str(number) for number in range(CUSTOMERS)],
            "left": np.where(generator.random(CUSTOMERS) < 0.3, "y", "n"),
            "plan": generator.permutation(np.repeat(LEVELS, CUSTOMERS // len(LEVELS))),
            "fee": generator.normal(size=CUSTOMERS),
        }
    )


class RateOfPlan(TransformerMixin, BaseEstimator):
    """The plan as the churn rate of the customers it was fitted on."""

    def fit(self, x: pd.DataFrame, y: Any) -> RateOfPlan:
        self.rates_ = pd.Series(y, index=x["plan"]).groupby(level=0).mean()
        self.overall_ = float(np.mean(y))
        return self

    def transform(self, x: pd.DataFrame) -> Any:
        return x["plan"].map(self.rates_).fillna(self.overall_).to_numpy(dtype=float)[:, None]


def rate_of_plan(contract: Contract, seed: int) -> Pipeline:
    return make_pipeline(RateOfPlan(), LogisticRegression())


def auc_of_each(
    table: pd.DataFrame, contract: Contract, spaces: dict[str, Any]
) -> dict[str, float]:
    """Tune and cross-validate as the pipelines do; return each candidate's ROC-AUC."""
    _, tuned = tune_candidates(table, contract, spaces, TUNING)
    _, scores, _ = cross_validate_candidates(table, contract, tuned, TRAINING)
    return {str(name): lines["roc_auc"].mean() for name, lines in scores.groupby("candidate")}


def test_a_step_fitted_on_all_rows_would_gain_what_no_candidate_gains(
    plans: pd.DataFrame,
) -> None:
    honest = auc_of_each(plans, PLANS, SPACES)
    assert set(honest) == {*SPACES, "baseline"}
    for name, auc in honest.items():
        assert auc < 0.57, name
    # the deliberate mistake: an encoder that has seen every row before the folds are made
    y = churned(plans, PLANS)
    leaky = plans.assign(rate=RateOfPlan().fit(plans, y).transform(plans))
    for name, auc in auc_of_each(leaky, RATES, SPACES).items():
        assert auc > 0.7, name


def test_the_same_step_gains_nothing_as_part_of_a_candidate(
    plans: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch, "rate_of_plan", LogisticRegression, build=staticmethod(rate_of_plan))
    assert auc_of_each(plans, PLANS, {"rate_of_plan": None})["rate_of_plan"] < 0.57


def test_tuning_does_not_see_through_the_folds_either(
    plans: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch, "rate_of_plan", LogisticRegression, build=staticmethod(rate_of_plan))
    y = churned(plans, PLANS)
    rate = y.mean()
    chance = -(rate * np.log(rate) + (1 - rate) * np.log(1 - rate))
    trials, _ = tune_candidates(plans, PLANS, {"rate_of_plan": None, **SPACES}, TUNING)
    assert (trials["log_loss"] > chance - 0.01).all()
    fitted_on_all = rate_of_plan(PLANS, 0).fit(plans, y).predict_proba(plans)[:, 1]
    assert -np.mean(np.log(np.where(y == 1, fitted_on_all, 1 - fitted_on_all))) < chance - 0.05


def test_features_are_computed_row_by_row(customers: pd.DataFrame, contract: Contract) -> None:
    few = customers.iloc[50:80]
    pd.testing.assert_frame_equal(
        derive_features(few, contract), derive_features(customers, contract).iloc[50:80]
    )


def test_a_shuffled_target_cannot_be_predicted_by_any_candidate(
    customers: pd.DataFrame, contract: Contract
) -> None:
    target = contract.target.name
    shuffled = customers.assign(
        **{target: customers[target].sample(frac=1, random_state=5).to_numpy()}
    )
    train, test = split_customers(derive_features(shuffled, contract), contract, 0.4, 42)
    _, tuned = tune_candidates(train, contract, SPACES, TUNING)
    out_of_fold, table, costs = cross_validate_candidates(train, contract, tuned, TRAINING)
    y = churned(train, contract)
    for name, lines in table.groupby("candidate"):
        # four standard errors of the ROC-AUC of chance (Mann and Whitney, 1947)
        noise = 4 * np.sqrt((len(y) + 1) / (12 * y.sum() * (len(y) - y.sum())))
        assert abs(lines["roc_auc"].mean() - 0.5) < noise, name
    selection, model, references = choose_and_calibrate(
        table, out_of_fold, costs, train, contract, tuned, TRAINING
    )
    rate = y.mean()
    chance = -(rate * np.log(rate) + (1 - rate) * np.log(1 - rate))
    for method, facts in selection["calibration"]["tried"].items():
        assert facts["log_loss_after"] > chance - 0.005, method
    outcome = churned(test, contract)
    noise = 4 * np.sqrt((len(outcome) + 1) / (12 * outcome.sum() * (1 - outcome).sum()))
    for role, one in {"champion": model, **references}.items():
        auc = roc_auc_score(outcome, one.churn_probability(test))
        assert abs(auc - 0.5) < noise, role
