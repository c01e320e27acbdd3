"""Bundles of small models."""

from __future__ import annotations

from typing import Any

import pandas as pd

from churn_pipeline.contract import Contract
from churn_pipeline.modeling.candidates import build_candidate
from churn_pipeline.modeling.model import ChurnModel
from churn_pipeline.modeling.target import churned
from churn_pipeline.packaging.assembly import assemble
from churn_pipeline.packaging.reference import reference_statistics
from churn_pipeline.packaging.rules import with_decisions
from churn_pipeline.pipelines.features.nodes import derive_features
from churn_pipeline.scorer import Bundle
from churn_pipeline.scorer.bundle import to_json
from tests.families import small

ECONOMICS: dict[str, Any] = {
    "customer_lifetime_value": 200,
    "incentive_cost": 10,
    "contact_cost": 1,
    "acceptance_alpha": 6,
    "acceptance_beta": 14,
    "tiers": {
        "low": {"minimum": 0.0, "action": "Add to the next newsletter with the offer."},
        "medium": {"minimum": 0.3, "action": "Include in the next e-mail campaign."},
        "high": {"minimum": 0.6, "action": "Call with the retention offer."},
    },
}


def fitted(name: str, customers: pd.DataFrame, contract: Contract) -> ChurnModel:
    """Fit a candidate on customers as ingestion accepts them."""
    inputs = derive_features(customers, contract)[list(contract.model_inputs)]
    pipeline = build_candidate(name, small(name), contract, 1)
    pipeline.fit(inputs, churned(customers, contract))
    return ChurnModel.of(name, pipeline, contract.model_inputs)


def bundle_of(
    model: ChurnModel, customers: pd.DataFrame, contract: Contract, **economics: Any
) -> Bundle:
    """Assemble a bundle as the export and the packaging do."""
    return with_decisions(assemble(model, contract, customers), {**ECONOMICS, **economics})


def packaged(name: str, customers: pd.DataFrame, contract: Contract, **economics: Any) -> Bundle:
    """Fit and assemble a bundle, with a description and reference statistics."""
    model = fitted(name, customers, contract)
    table = derive_features(customers, contract)
    scores = pd.DataFrame({"churn_probability": model.churn_probability(table)})
    description = {
        "name": "churn_model",
        "candidate": name,
        "contract": {"name": contract.name, "sha256": "0" * 64},
        "data": {"file": "customers.csv", "sha256": "1" * 64, "train_customers": len(table)},
        "metrics": {"roc_auc": {"value": 0.8, "low": 0.7, "high": 0.9}},
        "gates_passed": 4,
    }
    return bundle_of(model, table, contract, **economics).with_files(
        {
            "description.json": to_json(description),
            "reference.json": to_json(reference_statistics(table, scores, contract)),
        }
    )
