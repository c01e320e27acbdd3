from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from churn_pipeline.contract import Contract
from churn_pipeline.packaging.reference import reference_statistics
from churn_pipeline.pipelines.features.nodes import derive_features
from churn_pipeline.scorer.bundle import to_json

SCORES = pd.DataFrame({"churn_probability": [0.05, 0.1, 0.15, 0.95, 1.0]})


@pytest.fixture(scope="module")
def table(customers: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    return derive_features(customers, contract)


@pytest.fixture(scope="module")
def statistics(table: pd.DataFrame, contract: Contract) -> dict[str, Any]:
    return reference_statistics(table, SCORES, contract)


def test_every_input_is_summarised(
    statistics: dict[str, Any], table: pd.DataFrame, contract: Contract
) -> None:
    assert statistics["customers"] == len(table)
    assert list(statistics["inputs"]) == list(contract.model_inputs)
    assert to_json(statistics)  # nothing in it that JSON does not know


def test_numbers_are_summarised_without_the_missing(
    statistics: dict[str, Any], table: pd.DataFrame
) -> None:
    found = statistics["inputs"]["TotalCharges"]
    values = table["TotalCharges"]
    assert found["missing"] == pytest.approx(values.isna().mean(), abs=1e-6)
    assert found["mean"] == pytest.approx(values.mean(), abs=1e-6)
    assert found["standard_deviation"] == pytest.approx(values.std(ddof=0), abs=1e-6)
    assert found["deciles"] == sorted(found["deciles"])
    assert found["deciles"][0] == values.min()
    assert found["deciles"][-1] == values.max()
    assert found["deciles"][5] == pytest.approx(values.median(), abs=1e-6)


def test_categories_have_a_share_each(
    statistics: dict[str, Any], table: pd.DataFrame, contract: Contract
) -> None:
    for name in contract.categorical_inputs:
        found = statistics["inputs"][name]
        assert list(found["shares"]) == list(contract.columns[name].values)
        assert sum(found["shares"].values()) + found["missing"] == pytest.approx(1, abs=1e-5)
    share = (table["gender"] == "Female").mean()
    assert statistics["inputs"]["gender"]["shares"]["Female"] == pytest.approx(share, abs=1e-6)


def test_what_is_missing_or_never_seen_counts(table: pd.DataFrame, contract: Contract) -> None:
    holes = table[:10].copy()
    holes["tenure"] = holes["tenure"].astype("float64")
    holes["tenure"] = np.nan
    holes.loc[holes.index[:4], "gender"] = None
    found = reference_statistics(holes, SCORES, contract)["inputs"]
    assert found["tenure"] == {
        "missing": 1.0,
        "mean": None,
        "standard_deviation": None,
        "deciles": None,
    }
    assert found["gender"]["missing"] == 0.4
    gender = replace(contract.columns["gender"], values=("Female", "Male", "Other"))
    wider = replace(contract, columns={**contract.columns, "gender": gender})
    found = reference_statistics(table, SCORES, wider)["inputs"]
    assert found["gender"]["shares"]["Other"] == 0


def test_scores_are_binned(statistics: dict[str, Any]) -> None:
    found = statistics["churn_probability"]
    assert found["mean"] == pytest.approx(0.45)
    assert found["histogram"] == [0.2, 0.4, 0, 0, 0, 0, 0, 0, 0, 0.4]
    assert found["deciles"][0] == 0.05
    assert found["deciles"][-1] == 1.0


def test_the_order_of_customers_changes_nothing(
    statistics: dict[str, Any], table: pd.DataFrame, contract: Contract
) -> None:
    other = table.sample(frac=1, random_state=1)
    assert reference_statistics(other, SCORES[::-1], contract) == statistics
