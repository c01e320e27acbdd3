"""What the scorer says of why, against the model that it was made of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from churn_pipeline.contract import Contract
from churn_pipeline.modeling.model import ChurnModel
from churn_pipeline.modeling.recalibration import IsotonicCalibrator, SigmoidCalibrator
from churn_pipeline.pipelines.features.nodes import derive_features
from churn_pipeline.scorer import Scorer
from churn_pipeline.scorer.explanation import explained_inputs
from tests.bundles import bundle_of, fitted
from tests.families import SHIPPED, every_shipped_candidate

CALIBRATORS: dict[str, Any] = {
    "sigmoid": SigmoidCalibrator(1.4, -0.3),
    "isotonic": IsotonicCalibrator((-3.0, -1.0, 0.0, 2.0), (-2.5, -2.0, -1.9, 3.0)),
}


@pytest.fixture(scope="module")
def table(customers: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    return derive_features(customers, contract)


@pytest.fixture(scope="module")
def models(customers: pd.DataFrame, contract: Contract) -> dict[str, ChurnModel]:
    return {name: fitted(name, customers[:800], contract) for name in SHIPPED}


def explained(
    model: ChurnModel,
    customers: pd.DataFrame,
    contract: Contract,
    background: pd.DataFrame,
    calibrator: Any = None,
) -> tuple[float, pd.DataFrame]:
    model = ChurnModel.of(model.candidate, model.pipeline, model.inputs, calibrator)
    scorer = Scorer(bundle_of(model, background, contract))
    contributions = scorer.contributions(scorer.rows(customers))
    return scorer.base_log_odds, pd.DataFrame(contributions, columns=list(scorer.explained_inputs))


@every_shipped_candidate
def test_sigmoid_stretches_the_contributions(
    name: str, models: dict[str, ChurnModel], table: pd.DataFrame, contract: Contract
) -> None:
    raw_base, raw = explained(models[name], table[:50], contract, table)
    base, found = explained(models[name], table[:50], contract, table, CALIBRATORS["sigmoid"])
    np.testing.assert_allclose(found, 1.4 * raw, atol=1e-9)
    assert base == pytest.approx(1.4 * raw_base - 0.3)


def test_isotonic_keeps_sign_and_order_of_the_contributions(
    models: dict[str, ChurnModel], table: pd.DataFrame, contract: Contract
) -> None:
    raw = explained(models["xgboost"], table[:50], contract, table)[1].to_numpy()
    model, calibrator = models["xgboost"], CALIBRATORS["isotonic"]
    found = explained(model, table[:50], contract, table, calibrator)[1].to_numpy()
    scale = np.divide(found, raw, out=np.full_like(raw, np.nan), where=np.abs(raw) > 1e-6)
    assert (np.nanmin(scale, axis=1) >= 0).all()
    np.testing.assert_allclose(np.nanmin(scale, axis=1), np.nanmax(scale, axis=1), atol=1e-6)


@pytest.mark.parametrize(
    ("column", "value"), [("Contract", "Two year"), ("tenure", 40), ("PaymentMethod", None)]
)
def test_what_a_linear_model_makes_of_one_change_goes_to_that_input(
    column: str,
    value: object,
    models: dict[str, ChurnModel],
    customers: pd.DataFrame,
    table: pd.DataFrame,
    contract: Contract,
) -> None:
    model = models["logistic_regression"]
    changed = customers[:1].copy()
    changed[column] = pd.Series([value], index=changed.index).astype(changed[column].dtype)
    after = derive_features(changed, contract)
    one, two = (explained(model, t, contract, table)[1] for t in (table[:1], after))
    gain = (two - one).iloc[0]
    assert gain[column] == pytest.approx((model.log_odds(after) - model.log_odds(table[:1]))[0])
    assert abs(gain[column]) > 0.01
    assert gain.drop(column).abs().max() < 1e-12


def test_a_linear_models_contributions_are_0_on_average(
    models: dict[str, ChurnModel], table: pd.DataFrame, contract: Contract
) -> None:
    model = models["logistic_regression"]
    base, found = explained(model, table, contract, table)
    np.testing.assert_allclose(found.mean(), 0, atol=1e-10)
    assert base == pytest.approx(model.log_odds(table).mean())


def test_derived_column_of_one_source_counts_as_its_source(contract: Contract) -> None:
    names = explained_inputs(contract)
    assert names["log_tenure"] == names["first_month"] == names["tenure"] == "tenure"
    assert names["addon_services"] == "addon_services"  # it reads six columns
    assert set(names) == set(contract.model_inputs)
