from __future__ import annotations

import hashlib
from typing import Any

import pandas as pd
import pytest

from churn_pipeline.contract import Contract
from churn_pipeline.packaging.assembly import assemble
from churn_pipeline.packaging.description import NAME, describe
from churn_pipeline.packaging.reference import reference_statistics
from churn_pipeline.pipelines.features.nodes import derive_features
from churn_pipeline.pipelines.packaging.nodes import package_model
from churn_pipeline.scorer import Bundle, Model, Scorer
from tests.bundles import ECONOMICS, fitted

REPORTS: dict[str, Any] = {
    "selection": {
        "champion": "xgboost",
        "calibration": {"method": "isotonic"},
        "candidates": {
            "xgboost": {"settings": {"max_depth": 3}},
            "random_forest": {"settings": {"max_depth": 9}},
        },
    },
    "metrics": {"roc_auc": {"value": 0.84, "low": 0.82, "high": 0.86}},
    "economics": {"threshold": 0.16},
    "data_quality": {"source": {"name": "customers.csv", "sha256": "ab" * 32}},
}


@pytest.fixture(scope="module")
def table(customers: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    return derive_features(customers[:400], contract)


@pytest.fixture(scope="module")
def scorer(table: pd.DataFrame, contract: Contract) -> Bundle:
    return assemble(fitted("xgboost", table, contract), contract, table)


def test_the_champion_is_described(scorer: Bundle, contract: Contract) -> None:
    found = describe(scorer, **REPORTS, gates_passed=5, train_customers=400, test_customers=100)
    assert found == {
        "name": NAME,
        "candidate": "xgboost",
        "settings": {"max_depth": 3},
        "calibration": "isotonic",
        "contract": {
            "name": contract.name,
            "sha256": hashlib.sha256(scorer.files["contract.json"]).hexdigest(),
        },
        "data": {
            "file": "customers.csv",
            "sha256": "ab" * 32,
            "train_customers": 400,
            "test_customers": 100,
        },
        "metrics": REPORTS["metrics"],
        "break_even_probability": 0.16,
        "gates_passed": 5,
    }


def test_a_package_scores_as_its_scorer_and_says_what_it_is(
    scorer: Bundle, table: pd.DataFrame, contract: Contract
) -> None:
    plain = Model(scorer)
    scores = pd.DataFrame({"churn_probability": plain.churn_probability(plain.rows(table))})
    tables: dict[str, Any] = {
        "gates": {"scorer": scorer.version, "gates": [{"gate": "a", "passed": True}]},
        "acceptance": {},
        "reference": reference_statistics(table, scores[:50], contract),
        "test_predictions": scores[:50],
        "rules": ECONOMICS,
    }
    package = package_model(scorer, **REPORTS, **tables)
    added = {"decisions.json", "description.json", "reference.json"}
    assert package.files.keys() == {*scorer.files, *added}
    assert package == package_model(scorer, **REPORTS, **tables)
    loaded = Scorer(package)
    assert loaded.description["candidate"] == "xgboost"
    assert loaded.description["gates_passed"] == 1
    assert loaded.description["data"]["train_customers"] == len(table)
    assert loaded.description["data"]["test_customers"] == 50
    assert loaded.version != plain.version
    assert package.json("reference.json")["customers"] == len(table)
    found = loaded.churn_probability(loaded.rows(table))
    assert (found == scores["churn_probability"].to_numpy()).all()
