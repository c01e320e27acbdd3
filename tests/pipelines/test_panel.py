"""A panel of accounts from the split to the model card's figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from churn_pipeline.contract import Contract
from churn_pipeline.evaluation.champion import Champion
from churn_pipeline.features.feature_search import search_columns
from churn_pipeline.features.proposals import propose_columns
from churn_pipeline.modeling.model import ChurnModel
from churn_pipeline.modeling.tuning.search import tune
from churn_pipeline.pipelines.decisions.economics import weigh_decisions
from churn_pipeline.pipelines.decisions.fairness import audit_fairness
from churn_pipeline.pipelines.decisions.nodes import decide_test_customers, measure_decisions
from churn_pipeline.pipelines.evaluation.explanations import explain_test_customers
from churn_pipeline.pipelines.evaluation.gates import check_gates
from churn_pipeline.pipelines.evaluation.nodes import (
    compare_on_test,
    measure,
    score_test_customers,
)
from churn_pipeline.pipelines.evaluation.periods import draw_periods, measure_by_period
from churn_pipeline.pipelines.features.nodes import split_rows
from churn_pipeline.pipelines.training.nodes import (
    choose_and_calibrate,
    cross_validate_candidates,
)
from churn_pipeline.pipelines.tuning.nodes import tune_candidates
from churn_pipeline.splits.customers import customer_numbers, in_order_of
from tests.bundles import ECONOMICS, bundle_of
from tests.panels import SPLIT, month_ends, panel, panel_contract

EVALUATION = {
    "top_share": 0.1, "calibration_bins": 10, "confidence": 0.9, "replicates": 60, "seed": 1,
}  # fmt: skip
TUNED: dict[str, Any] = {"logistic_regression": {"C": 0.1}, "lightgbm": {"n_estimators": 5}}


@dataclass
class Run:
    contract: Contract
    train: pd.DataFrame
    test: pd.DataFrame
    record: dict[str, Any]
    out_of_fold: pd.DataFrame
    selection: dict[str, Any]
    model: ChurnModel
    references: dict[str, ChurnModel]
    predictions: pd.DataFrame


@pytest.fixture(scope="module")
def run(training: dict[str, Any]) -> Run:
    training = training | {"max_customers": None, "max_fitted_customers": None}
    contract = panel_contract()
    table = panel(900, month_ends(8), churn=-2.2)
    train, test, record = split_rows(table, contract, SPLIT | {"test_periods": 2})
    out_of_fold, scores, costs = cross_validate_candidates(train, contract, TUNED, training)
    selection, model, references = choose_and_calibrate(
        scores, out_of_fold, costs, train, contract, TUNED, training
    )
    bundle = bundle_of(model, train, contract)
    predictions = decide_test_customers(
        score_test_customers(bundle, references, test, contract), test, contract, ECONOMICS
    )
    return Run(
        contract, train, test, record, out_of_fold, selection, model, references, predictions
    )


def test_no_fold_splits_a_customer(run: Run) -> None:
    names = run.train["account"].to_numpy()[run.out_of_fold["customer"]]
    folds = run.out_of_fold.assign(name=names).groupby(["repeat", "name"])["fold"].nunique()
    assert (folds == 1).all()
    assert run.train["account"].duplicated().any()


def test_tuning_keeps_customers_together_as_well(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}

    def noted(*args: Any, **kwargs: Any) -> None:
        given.update(kwargs)
        tune(*args, **kwargs)

    monkeypatch.setattr("churn_pipeline.pipelines.tuning.nodes.tune", noted)
    parameters = {
        "trials": 1, "patience": 1, "minimum_improvement": 0.0, "max_seconds": None, "folds": 3,
        "workers": 1, "seed": 1, "max_customers": None,
    }  # fmt: skip
    tune_candidates(run.train, run.contract, {"logistic_regression": {"C": 1.0}}, parameters)
    expected = pd.factorize(run.train["account"])[0]
    assert given["customer_numbers"].tolist() == expected.tolist()


def test_the_columns_search_takes_a_panel_in_any_order(run: Run) -> None:
    proposals = propose_columns(run.contract, run.train)
    parameters: dict[str, Any] = {
        "folds": 3,
        "repeats": 1,
        "rounds": 1,
        "confidence": 0.95,
        "seed": 1,
    }
    tables = [
        search_columns(train, run.contract, proposals, **parameters)[0]
        for train in (run.train, run.train.sample(frac=1, random_state=1))
    ]
    pd.testing.assert_frame_equal(tables[0], tables[1])


def test_predictions_and_reasons_name_the_snapshot(run: Run) -> None:
    assert list(run.predictions)[:3] == ["account", "as_of", "churned"]
    keys = run.test[["account", "as_of"]]
    pd.testing.assert_frame_equal(run.predictions[["account", "as_of"]], keys)
    bundle = bundle_of(run.model, run.train, run.contract)
    reasons, _, _ = explain_test_customers(bundle, run.test, run.contract, EVALUATION)
    pd.testing.assert_frame_equal(reasons[["account", "as_of"]], keys)


def measured(run: Run, predictions: pd.DataFrame) -> tuple[dict[str, Any], dict[str, Any]]:
    economics, _ = weigh_decisions(predictions, ECONOMICS, EVALUATION)
    metrics = measure_decisions(
        predictions, measure(predictions, EVALUATION), economics, EVALUATION
    )
    return metrics, compare_on_test(predictions, run.selection, EVALUATION)


def test_figures_count_customers_not_rows(run: Run) -> None:
    numbers = run.predictions["customer_number"].to_numpy()
    assert numbers.tolist() == pd.factorize(run.test["account"])[0].tolist()
    assert numbers.max() + 1 < len(numbers)
    (metrics, delong), (blind, blind_delong) = (
        measured(run, predictions)
        for predictions in (run.predictions, run.predictions.drop(columns="customer_number"))
    )
    for name, found in metrics.items():
        assert found["value"] == blind[name]["value"]
        if name in ("accuracy", "precision", "recall"):  # never shorter than that of the rows
            assert found["low"] <= blind[name]["low"] < blind[name]["high"] <= found["high"]
        else:
            assert (found["low"], found["high"]) != (blind[name]["low"], blind[name]["high"])
    assert delong["baseline"]["difference"] == blind_delong["baseline"]["difference"]
    assert delong["baseline"]["low"] != blind_delong["baseline"]["low"]


def test_rows_of_a_customer_are_told_apart_by_their_snapshot(run: Run) -> None:
    shuffled = run.test.sample(frac=1, random_state=1)
    aligned = in_order_of(shuffled, run.predictions, run.contract).reset_index(drop=True)
    pd.testing.assert_frame_equal(aligned, run.test)
    one, other = (
        audit_fairness(run.predictions, test, run.contract, EVALUATION)
        for test in (run.test, shuffled)
    )
    assert one == other
    groups = one["columns"]["plan"]["groups"]
    assert sum(group["customers"] for group in groups.values()) == len(run.test)
    bundle = bundle_of(run.model, run.train, run.contract)
    gates = {"minimum_roc_auc": 0.5, "no_regression": True}
    checked = check_gates(
        bundle, Champion(run.model), measured(run, run.predictions)[0], run.predictions,
        shuffled, run.contract, gates, EVALUATION, {"beyond_noise": False}, {"method": "time"}, {},
    )  # fmt: skip
    assert checked["passed"]
    with pytest.raises(KeyError, match="no row"):
        in_order_of(run.test.head(5), run.predictions, run.contract)


def test_metrics_by_period_cover_both_sides(run: Run) -> None:
    table = measure_by_period(
        run.predictions, run.test, run.out_of_fold, run.model, run.train, run.record, run.contract,
        EVALUATION,
    )  # fmt: skip
    expected = [
        (e["side"], e["period"], e["rows"], e["churners"])
        for side in ("training", "test")
        for e in run.record["periods"]
        if e["side"] == side
    ]
    columns = table[["side", "period", "rows", "churners"]]
    assert list(columns.itertuples(index=False, name=None)) == expected
    tested = table[table["side"] == "test"]
    mean = np.average(tested["log_loss"], weights=tested["rows"])
    y, p = run.predictions["churned"], run.predictions["churn_probability"]
    assert mean == pytest.approx(-np.log(np.where(y == 1, p, 1 - p)).mean(), abs=1e-5)
    assert table["roc_auc"].between(0.5, 1).all()
    figure = draw_periods(table)
    assert [axes.get_title(loc="left") for axes in figure.axes][1] == "ROC-AUC"


def test_of_a_large_training_side_the_compared_rows_are_measured(run: Run) -> None:
    compared = run.out_of_fold[run.out_of_fold["customer"] < 1000]
    table = measure_by_period(
        run.predictions, run.test, compared, run.model, run.train, run.record, run.contract,
        EVALUATION,
    )  # fmt: skip
    trained = table[table["side"] == "training"]
    assert trained["rows"].sum() == 1000
    assert trained["churners"].sum() == (run.train["gone"][:1000] == "y").sum()


def test_a_customer_in_one_row_has_no_number(run: Run) -> None:
    once = run.test.drop_duplicates("account")
    assert customer_numbers(once, run.contract) is None
    bundle = bundle_of(run.model, run.train, run.contract)
    found = score_test_customers(bundle, run.references, once, run.contract)
    assert "customer_number" not in found
