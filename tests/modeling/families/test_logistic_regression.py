from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from churn_pipeline.contract import Contract
from churn_pipeline.errors import ParameterError
from churn_pipeline.modeling.candidates import BASELINE, build_baseline, build_candidate
from churn_pipeline.modeling.cross_validation import fit_on
from churn_pipeline.modeling.elastic_net import ElasticNetLogisticRegression
from churn_pipeline.modeling.families import FAMILIES
from churn_pipeline.modeling.model import log_odds

NAME = "logistic_regression"


@pytest.mark.parametrize(
    "settings", [{"C": 0.25, "max_iter": 33}, {"C": 0.25, "max_iter": 33, "l1_ratio": 0.5}]
)
def test_settings_reach_the_estimator(settings: dict[str, Any], contract: Contract) -> None:
    estimator = build_candidate(NAME, settings, contract, 1)[-1]
    assert estimator.get_params().items() >= settings.items()


def test_the_l1_share_chooses_the_solver(contract: Contract) -> None:
    kinds = {
        share: type(build_candidate(NAME, {"l1_ratio": share}, contract, 1)[-1])
        for share in (0, 0.0, 0.5, 1.0)
    }
    elastic = ElasticNetLogisticRegression
    assert kinds == {0: LogisticRegression, 0.5: elastic, 1.0: elastic}


@pytest.mark.parametrize(
    "settings",
    [
        {"C": -1.0},
        {"C": "a"},
        {"C": -1.0, "l1_ratio": 0.5},
        {"C": "a", "l1_ratio": 0.5},
        {"max_iter": 0, "l1_ratio": 0.5},
        {"l1_ratio": 1.5},
        {"l1_ratio": -0.5},
        {"knots": -1},
        {"knots": 1.5},
    ],
)
def test_values_that_make_no_sense_are_one_sentence(
    settings: dict[str, Any], contract: Contract, inputs: pd.DataFrame, target: NDArray[np.int8]
) -> None:
    candidate = build_candidate(NAME, settings, contract, 1)
    with pytest.raises(ParameterError, match=rf"candidate {NAME} cannot .*candidates\.{NAME}"):
        fit_on(NAME, candidate, inputs[:100], target[:100])


def test_the_cost_is_the_number_of_coefficients_in_use(
    contract: Contract, inputs: pd.DataFrame, target: NDArray[np.int8]
) -> None:
    def cost(**settings: float) -> float:
        model = build_candidate(NAME, settings, contract, 1).fit(inputs[:500], target[:500])
        return FAMILIES[NAME].scoring_cost(model[-1])

    levels = sum(len(contract.columns[name].values) for name in contract.categorical_inputs)
    numbers = len(contract.numeric_inputs)
    flagged = 1  # TotalCharges may be missing
    assert cost() == levels + numbers + flagged
    assert cost(l1_ratio=1.0, C=0.02) < 15


def test_the_baseline_does_not_see_derived_columns(
    contract: Contract, inputs: pd.DataFrame, target: NDArray[np.int8]
) -> None:
    assert contract.derived_columns
    baseline = build_baseline(contract, 1).fit(inputs[:300], target[:300])
    derived = [column.name for column in contract.derived_columns]
    changed = inputs.assign(**dict.fromkeys(derived, 99.0))
    np.testing.assert_array_equal(
        log_odds(BASELINE, baseline, changed), log_odds(BASELINE, baseline, inputs)
    )
