from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from churn_pipeline.contract import Contract
from churn_pipeline.modeling.candidates import build_candidate
from churn_pipeline.modeling.scoring_cost import scoring_cost


@pytest.fixture
def cost(contract: Contract, inputs: pd.DataFrame, target: NDArray[np.int8]) -> Any:
    def measure(name: str, **settings: Any) -> float:
        candidate = build_candidate(name, settings, contract, 1)
        return scoring_cost(candidate.fit(inputs[:500], target[:500]))

    return measure


@pytest.mark.parametrize("trees", ["random_forest", "xgboost", "lightgbm"])
def test_linear_models_are_cheaper_than_trees_and_few_trees_than_many(
    trees: str, cost: Any
) -> None:
    linear = cost("logistic_regression")
    few, many = (cost(trees, n_estimators=n) for n in (30, 90))
    assert linear < few
    assert 2 * few < many < 4 * few


def test_linear_cost_is_the_number_of_coefficients_in_use(cost: Any, contract: Contract) -> None:
    levels = sum(len(contract.columns[name].values) for name in contract.categorical_inputs)
    numbers = len(contract.numeric_inputs)
    flagged = 1  # TotalCharges may be missing
    assert cost("logistic_regression") == levels + numbers + flagged
    assert cost("logistic_regression", l1_ratio=1.0, C=0.02) < 15


def test_deeper_trees_cost_more(cost: Any) -> None:
    costs = [cost("xgboost", n_estimators=10, max_depth=depth) for depth in (1, 3, 5)]
    assert costs[0] == 20  # one comparison and one addition a tree
    assert costs[0] < costs[1] < costs[2] <= 60
