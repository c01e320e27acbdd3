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
from churn_pipeline.packaging.rules import with_decisions
from churn_pipeline.pipelines.features.nodes import derive_features
from churn_pipeline.scorer import Bundle

ECONOMICS: dict[str, Any] = {
    "customer_lifetime_value": 200,
    "incentive_cost": 10,
    "contact_cost": 1,
    "acceptance_alpha": 6,
    "acceptance_beta": 14,
    "tiers": {
        "low": {"minimum": 0.0, "action": "Write."},
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


_DATED: dict[str, Any] = {
    "name": "dated",
    "columns": {
        "key": {"type": "text", "role": "id", "generated": True, "meaning": "Key."},
        "day": {"type": "date", "role": "snapshot", "default": "2026-01-31", "meaning": "Day."},
        "joined": {"type": "date", "formats": ["%d/%m/%Y"], "meaning": "First day."},
        "paid": {"type": "date", "nullable": True, "meaning": "Last payment."},
        "town": {"type": "category", "values": ["a", "b"], "open": True, "meaning": "Town."},
        "fee": {"type": "number", "minimum": 0, "decimal": ",", "meaning": "Fee."},
        "left": {
            "type": "category",
            "role": "target",
            "values": ["n", "y"],
            "positive": "y",
            "meaning": "Left.",
        },
    },
}


def dated_contract(age: str) -> Contract:
    """Return a contract with dates, of which an expression makes the model's input."""
    derived = {"age": {"expression": age, "unit": "days", "meaning": "Days since the first."}}
    return parse_contract({**_DATED, "derived_columns": derived})


def dated_customers(n: int = 300) -> pd.DataFrame:
    generator = np.random.default_rng(6)
    day = np.full(n, np.datetime64("2026-01-31", "us"))
    age = generator.integers(1, 2000, n)
    days = np.timedelta64(1, "D")
    table: dict[str, Any] = {
        "key": [f"K{i}" for i in range(n)],
        "day": day,
        "joined": day - age * days,
        "paid": np.where(generator.random(n) < 0.2, np.datetime64("NaT"), day - 3 * days),
        "town": pd.Categorical(generator.choice(["a", "b"], n), ["a", "b"]),
        "fee": generator.random(n),
        "left": np.where(generator.random(n) < age / 4000, "y", "n"),
    }
    return pd.DataFrame(table)


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
    return with_decisions(assemble(model, contract, table), {**ECONOMICS, **economics})
