"""The bundle scores and explains as the fitted estimator does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from churn_pipeline.contract import Contract, parse_contract
from churn_pipeline.errors import BundleError
from churn_pipeline.modeling.candidates import build_candidate
from churn_pipeline.modeling.model import ChurnModel
from churn_pipeline.modeling.recalibration import IsotonicCalibrator, SigmoidCalibrator
from churn_pipeline.packaging import assembly
from churn_pipeline.packaging.assembly import assemble, check_parity
from churn_pipeline.pipelines.features.nodes import derive_features
from churn_pipeline.scorer import Model, Scorer
from tests.bundles import packaged
from tests.families import SHIPPED, every_shipped_candidate, small

CALIBRATORS: dict[str, Any] = {
    "none": None,
    "sigmoid": SigmoidCalibrator(1.4, -0.3),
    "isotonic": IsotonicCalibrator((-3.0, -1.0, 0.0, 2.0), (-2.5, -2.0, -1.9, 3.0)),
    "one_step": IsotonicCalibrator((-1.0,), (-0.7,)),
}


@pytest.fixture(scope="module")
def table(customers: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    """Customers of whom some numbers and categories are missing."""
    holes = customers.copy()
    generator = np.random.default_rng(3)
    for column in contract.features:
        rows = generator.random(len(holes)) < 0.04
        if column.is_numeric:
            holes[column.name] = holes[column.name].astype("float64")
            holes.loc[rows, column.name] = np.nan
        else:
            holes.loc[rows, column.name] = None
    return derive_features(holes, contract)


@pytest.fixture(scope="module")
def models(table: pd.DataFrame, contract: Contract, target: NDArray[np.int8]) -> dict[str, Any]:
    inputs = table[list(contract.model_inputs)]
    return {
        name: ChurnModel.of(
            name,
            build_candidate(name, small(name), contract, 1).fit(inputs[:1200], target[:1200]),
            contract.model_inputs,
        )
        for name in SHIPPED
    }


@pytest.fixture(scope="module")
def target(customers: pd.DataFrame, contract: Contract) -> NDArray[np.int8]:
    from churn_pipeline.modeling.target import churned

    return churned(customers, contract)


@every_shipped_candidate
@pytest.mark.parametrize("method", list(CALIBRATORS))
def test_the_bundle_gives_the_fitted_models_probabilities(
    name: str, method: str, models: dict[str, Any], table: pd.DataFrame, contract: Contract
) -> None:
    model = models[name]
    model = ChurnModel.of(name, model.pipeline, model.inputs, CALIBRATORS[method])
    bundle = assemble(model, contract, table[:1200])
    scorer = Model(bundle)
    facts = check_parity(model, scorer, table, contract)
    assert facts["customers"] == len(table)
    found = scorer.churn_probability(scorer.rows(table))
    np.testing.assert_allclose(found, model.churn_probability(table), atol=1e-12)
    assert bundle.version == assemble(model, contract, table[:1200]).version

    rows = scorer.rows(table)[1200:1500]
    total = scorer.base_log_odds + scorer.contributions(rows).sum(axis=1)
    np.testing.assert_allclose(total, scorer.log_odds(rows), atol=1e-9)


@every_shipped_candidate
def test_one_customer_gets_the_bits_of_a_batch(
    name: str, models: dict[str, Any], table: pd.DataFrame, contract: Contract
) -> None:
    scorer = Model(assemble(models[name], contract, table[:1200]))
    rows = scorer.rows(table)[:600]
    whole = scorer.churn_probability(rows)
    for size in (1, 2, 3, 7, 100):
        parts = [rows[start : start + size] for start in range(0, 100, size)]
        found = np.concatenate([scorer.churn_probability(part) for part in parts])
        assert (found == whole[: len(found)]).all()


def test_parity_is_refused_beyond_the_limit(
    models: dict[str, Any], table: pd.DataFrame, contract: Contract
) -> None:
    scorer = Model(assemble(models["xgboost"], contract, table[:1200]))
    with pytest.raises(BundleError, match="fitted lightgbm"):
        check_parity(models["lightgbm"], scorer, table, contract)


@pytest.mark.parametrize("huge", [1e15, 1e30])
def test_any_number_gives_a_probability_and_reasons(huge: float) -> None:
    number = {"type": "number", "meaning": "m"}
    contract = parse_contract(
        {
            "name": "numbers",
            "columns": {
                "key": {"type": "text", "role": "id", "meaning": "m"},
                "left": {"type": "category", "role": "target", "values": ["n", "y"],
                         "positive": "y", "meaning": "m"},
                "a": number,
                "b": number,
            },
        }
    )  # fmt: skip
    generator = np.random.default_rng(1)
    a, b = generator.random((2, 400)) / 50  # of weights above 1
    left = np.where(a - b + generator.normal(0, 0.002, 400) > 0, "y", "n")
    customers = pd.DataFrame({"key": map(str, range(400)), "a": a, "b": b, "left": left})
    scorer = Scorer(packaged("logistic_regression", customers, contract))
    for record in ({"a": huge, "b": huge}, {"a": -huge, "b": huge}, {"a": 0, "b": -huge}):
        customer = scorer.read({"key": "k", **record})
        (score,) = scorer.score([customer])
        (explanation,) = scorer.explain([customer])
        numbers = [explanation.log_odds, *explanation.contributions.values()]
        assert np.isfinite([score.churn_probability, score.expected_profit, *numbers]).all()


def test_of_a_very_large_table_rows_from_all_over_it_are_compared(
    models: dict[str, Any],
    table: pd.DataFrame,
    contract: Contract,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(assembly, "MOST_COMPARED", 100)
    model = models["logistic_regression"]
    scorer = Model(assemble(model, contract, table))
    assert check_parity(model, scorer, table, contract)["customers"] == 100
    ids = table[contract.id.name]
    for wrong in (0, len(table) - 1):
        broken = replace(model, inputs=model.inputs)
        object.__setattr__(
            broken,
            "churn_probability",
            lambda rows, at=ids.iloc[wrong]: (
                model.churn_probability(rows) + (rows[contract.id.name] == at).to_numpy() * 0.1
            ),
        )
        with pytest.raises(BundleError, match=str(ids.iloc[wrong])):
            check_parity(broken, scorer, table, contract)
