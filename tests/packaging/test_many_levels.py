"""Categories of many levels in the bundle."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from churn_pipeline.contract import Contract, parse_contract
from churn_pipeline.modeling.candidates import build_candidate
from churn_pipeline.modeling.model import ChurnModel
from churn_pipeline.packaging.assembly import assemble, check_parity
from churn_pipeline.scorer import Model
from tests.families import SHIPPED, small

TOWNS = [f"town {number:03}" for number in range(80)]
PLANS = ["basic", "gold"]


@pytest.fixture(scope="module")
def contract() -> Contract:
    columns: dict[str, Any] = {
        "id": {"type": "text", "role": "id"},
        "plan": {"type": "category", "values": PLANS},
        "town": {"type": "category", "values": TOWNS, "nullable": True},
        "months": {"type": "integer", "minimum": 0},
        "region": {"type": "category", "values": TOWNS[:40]},
        "left": {"type": "category", "role": "target", "values": ["no", "yes"], "positive": "yes"},
    }
    described = {name: {"meaning": f"The {name}.", **column} for name, column in columns.items()}
    return parse_contract({"name": "towns", "columns": described})


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    generator = np.random.default_rng(5)
    n = 900
    town = generator.integers(0, 80, n)
    months = generator.integers(0, 60, n)
    left = generator.random(n) < 1 / (1 + np.exp(2.5 - town / 20 + months / 30))
    names = pd.Series(pd.Categorical.from_codes(town, pd.Index(TOWNS)))
    names[generator.random(n) < 0.1] = None
    return pd.DataFrame(
        {
            "id": np.arange(n).astype(str),
            "plan": pd.Categorical.from_codes(generator.integers(0, 2, n), pd.Index(PLANS)),
            "town": names,
            "months": months,
            "region": pd.Categorical.from_codes(generator.integers(0, 40, n), pd.Index(TOWNS[:40])),
            "left": pd.Categorical(np.where(left, "yes", "no"), ["no", "yes"]),
        }
    )


@pytest.fixture(scope="module", params=SHIPPED)
def model(request: pytest.FixtureRequest, table: pd.DataFrame, contract: Contract) -> ChurnModel:
    target: NDArray[np.int8] = (table["left"] == "yes").to_numpy().astype(np.int8)
    pipeline = build_candidate(request.param, small(request.param), contract, 1)
    pipeline.fit(table[list(contract.model_inputs)], target)
    return ChurnModel.of(request.param, pipeline, contract.model_inputs)


def test_the_bundle_scores_as_the_model(
    model: ChurnModel, table: pd.DataFrame, contract: Contract
) -> None:
    scorer = Model(assemble(model, contract, table))
    check_parity(model, scorer, table, contract)
    found = scorer.churn_probability(scorer.rows(table))
    np.testing.assert_allclose(found, model.churn_probability(table), atol=1e-12)
    assert len(np.unique(found.round(6))) > 100, "tests/families.py makes this model too small"


def test_contributions_make_up_the_log_odds(
    model: ChurnModel, table: pd.DataFrame, contract: Contract
) -> None:
    scorer = Model(assemble(model, contract, table))
    contributions = scorer.contributions(scorer.rows(table))
    total = scorer.base_log_odds + contributions.sum(axis=1)
    np.testing.assert_allclose(total, model.log_odds(table), atol=1e-6)
    names = list(scorer.explained_inputs)
    assert contributions[:, names.index("town")].std() > 0.01


def test_a_missing_town_counts_as_a_level(
    model: ChurnModel, table: pd.DataFrame, contract: Contract
) -> None:
    nobody = table.assign(town=pd.Categorical([None] * len(table), TOWNS))
    scorer = Model(assemble(model, contract, table))
    found = scorer.churn_probability(scorer.rows(nobody))
    np.testing.assert_allclose(found, model.churn_probability(nobody), atol=1e-12)
