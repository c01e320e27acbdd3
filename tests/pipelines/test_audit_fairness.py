from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from churn_pipeline.contract import Contract, parse_contract
from churn_pipeline.pipelines.decisions.fairness import audit_fairness

EVALUATION: dict[str, Any] = {"confidence": 0.95, "replicates": 50, "seed": 1}
N = 2500


@pytest.fixture(scope="module")
def contract() -> Contract:
    columns: dict[str, Any] = {
        "id": {"type": "text", "role": "id"},
        "left": {"type": "category", "role": "target", "values": ["n", "y"], "positive": "y"},
        "member": {
            "type": "category",
            "role": "sensitive",
            "values": ["old", "new"],
            "nullable": True,
        },
        "age": {"type": "integer", "role": ["feature", "sensitive"], "nullable": True},
        "spend": {"type": "number"},
    }
    return parse_contract(
        {
            "name": "t",
            "columns": {name: {"meaning": "m", **column} for name, column in columns.items()},
        }
    )


@pytest.fixture
def test() -> pd.DataFrame:
    generator = np.random.default_rng(4)
    member = np.array(["old", "new", None])[generator.choice(3, N, p=[0.6, 0.35, 0.05])]
    return pd.DataFrame(
        {
            "id": [f"c{i}" for i in range(N)],
            "member": pd.Categorical(member, ["old", "new"]),
            "age": np.where(generator.random(N) < 0.005, np.nan, generator.integers(18, 80, N)),
            "spend": 1.0,
        }
    )


@pytest.fixture
def predictions(test: pd.DataFrame) -> pd.DataFrame:
    generator = np.random.default_rng(5)
    p = generator.beta(1, 3, N)
    return pd.DataFrame(
        {
            "id": test["id"],
            "churned": (generator.random(N) < p).astype(int),
            "churn_probability": p,
            "contacted": p > 0.2,
        }
    )


def test_every_sensitive_column_is_audited_and_no_other(
    predictions: pd.DataFrame, test: pd.DataFrame, contract: Contract
) -> None:
    found = audit_fairness(predictions, test, contract, EVALUATION)
    assert list(found["columns"]) == ["member", "age"]
    assert list(found["columns"]["member"]["groups"]) == ["old", "new", "(missing)"]
    ages = found["columns"]["age"]["groups"]
    assert len(ages) == 5
    assert next(iter(ages)).startswith("18 to ")
    for column in found["columns"].values():
        assert sum(group["customers"] for group in column["groups"].values()) == N
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["warnings"] == []
    (note, *_) = [text for text in found["notes"] if text.startswith("age, ")]
    assert "customers without a value: not judged, at least 30" in note


def test_customers_are_matched_by_their_id(
    predictions: pd.DataFrame, test: pd.DataFrame, contract: Contract
) -> None:
    shuffled = test.sample(frac=1, random_state=1)
    assert audit_fairness(predictions, shuffled, contract, EVALUATION) == audit_fairness(
        predictions, test, contract, EVALUATION
    )


def test_a_planted_disparity_is_told_in_a_sentence(
    predictions: pd.DataFrame, test: pd.DataFrame, contract: Contract
) -> None:
    is_new = (test["member"] == "new").to_numpy()
    predictions["contacted"] |= is_new
    predictions.loc[is_new, "churn_probability"] += 0.3
    found = audit_fairness(predictions, test, contract, EVALUATION)
    old = ~is_new
    churn = predictions["churned"]
    rest = predictions["contacted"][old].mean()
    assert (
        f"member: customers with new are contacted in 100.0% of cases, the others in {rest:.1%}; "
        f"they churn in {churn[is_new].mean():.1%}, the others in {churn[old].mean():.1%} "
        "(Holm p < 0.001)." in found["consequences"]
    )
    text = "\n".join(found["consequences"])
    assert "member: of the churners with new, 100.0% are contacted; of the others, " in text
    assert "member: of the contacted customers with new, " in text
    (warning,) = [text for text in found["warnings"] if " with new are " in text]
    assert "the churn probabilities of customers with new are 3" in warning
    assert " points too high on average, those of the others " in warning


def test_a_group_without_values_is_judged_if_it_is_large(
    predictions: pd.DataFrame, test: pd.DataFrame, contract: Contract
) -> None:
    predictions.loc[test["member"].isna(), "contacted"] = False
    found = audit_fairness(predictions, test, contract, EVALUATION)
    start = "member: customers without a value are contacted in 0.0% of cases, the others in "
    assert [text for text in found["consequences"] if text.startswith(start)]


def test_a_contract_without_sensitive_columns_gives_an_empty_audit(
    predictions: pd.DataFrame, test: pd.DataFrame
) -> None:
    columns = {
        "id": {"type": "text", "role": "id", "meaning": "m"},
        "left": {
            "type": "category",
            "role": "target",
            "values": ["n", "y"],
            "positive": "y",
            "meaning": "m",
        },
        "spend": {"type": "number", "meaning": "m"},
    }
    plain = parse_contract({"name": "t", "columns": columns})
    found = audit_fairness(predictions, test, plain, EVALUATION)
    assert found.pop("columns") == {}
    assert set(found) == {"differences", "warnings", "consequences", "notes"}
    assert not any(found.values())
