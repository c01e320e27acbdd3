"""Small real scorers for the tests of what describes them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from churn_pipeline.contract import Contract, parse_contract
from churn_pipeline.modeling.candidates import build_candidate
from churn_pipeline.modeling.model import ChurnModel
from churn_pipeline.modeling.target import churned
from churn_pipeline.packaging.assembly import assemble
from churn_pipeline.pipelines.features.nodes import derive_features
from churn_pipeline.scorer import Bundle

ECONOMICS: dict[str, Any] = {
    "customer_lifetime_value": 200,
    "incentive_cost": 10,
    "contact_cost": 1,
    "acceptance_alpha": 6,
    "acceptance_beta": 14,
    "tiers": {
        "low": {"minimum": 0.0, "action": "Nothing to do."},
        "high": {"minimum": 0.4, "action": "Call."},
    },
}

ODD_CONTRACT = parse_contract(
    {
        "name": "odd",
        "missing_values": ["", "n/a", "(none)"],
        "columns": {
            "Kunden-Nr. (€)": {"type": "text", "role": "id", "meaning": "Number of the customer."},
            "plan \"gold\"/{x}": {
                "type": "category",
                "values": ["a b", "ä", "<script>"],
                "meaning": "Plan.",
            },
            "$ref": {"type": "category", "values": ["u", "v"], "nullable": True, "meaning": "R."},
            "age": {"type": "integer", "meaning": "Age.", "minimum": -2, "unit": "years"},
            "visits": {"type": "number", "meaning": "Visits.", "nullable": True, "maximum": 9.5},
            "value": {"type": "number", "meaning": "Worth.", "nullable": True, "role": "ignored"},
            "left": {
                "type": "category",
                "role": "target",
                "values": ["n", "y"],
                "positive": "y",
                "meaning": "Left.",
            },
        },
        "row_rules": {
            "visitors_are_of_age": {"check": "age > 3 or visits < 5", "meaning": "Of age."}
        },
    }
)  # fmt: skip


def odd_customers(n: int = 300) -> pd.DataFrame:
    generator = np.random.default_rng(5)
    age = generator.integers(18, 90, n)
    table: dict[str, Any] = {
        "Kunden-Nr. (€)": [f"K{i}" for i in range(n)],
        "plan \"gold\"/{x}": generator.choice(["a b", "ä", "<script>"], n),
        "$ref": generator.choice(["u", "v"], n),
        "age": age,
        "visits": generator.random(n) * 9,
        "value": generator.random(n) * 100,
        "left": np.where(generator.random(n) < age / 120, "y", "n"),
    }  # fmt: skip
    return pd.DataFrame(table)


def bundle(contract: Contract, customers: pd.DataFrame, **economics: Any) -> Bundle:
    """Package a logistic regression on these customers."""
    table = derive_features(customers, contract)
    pipeline = build_candidate("logistic_regression", {"max_iter": 500}, contract, 1)
    pipeline.fit(table[list(contract.model_inputs)], churned(customers, contract))
    model = ChurnModel.of("logistic_regression", pipeline, contract.model_inputs)
    return assemble(model, contract, {**ECONOMICS, **economics}, table)
