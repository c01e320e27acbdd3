"""Customers who stand in several rows."""

from __future__ import annotations

import numpy as np
import pandas as pd

from churn_pipeline.contract import Contract, parse_contract
from churn_pipeline.pipelines.features.nodes import split_customers
from churn_pipeline.splits.customers import customer_numbers
from tests.discovery.tables import infer

N, MONTHS = 150, 8


def panel() -> dict[str, object]:
    """Months of customers; the labels and a number of each customer never change."""
    generator = np.random.default_rng(1)
    return {
        "customer_id": np.repeat([f"K{number:04}" for number in range(N)], MONTHS).tolist(),
        "year": ["2025"] * (N * MONTHS),
        "month_number": np.tile(np.arange(1, MONTHS + 1), N).tolist(),
        "fee": np.repeat(generator.normal(40, 9, N).round(2), MONTHS).tolist(),
        "churn": np.repeat(generator.choice(["yes", "no"], N, p=[0.3, 0.7]), MONTHS).tolist(),
    }


def contract_of(columns: dict[str, object]) -> Contract:
    return parse_contract(infer(columns).document)  # type: ignore[arg-type]


def test_a_row_without_a_customer_is_said_to_stay() -> None:
    columns = panel()
    columns["customer_id"] = ["", *columns["customer_id"][1:]]  # type: ignore[index]
    report = infer(columns).report  # type: ignore[arg-type]
    assert "1 row has no customer_id; without it a row counts as a customer of its own." in report


def test_rows_of_one_customer_are_known_as_such() -> None:
    inferred = infer(panel())  # type: ignore[arg-type]
    contract = parse_contract(inferred.document)
    assert contract.customer is not None
    assert contract.customer.name == "customer_id"
    assert contract.id.is_generated
    assert "150 different customer_id occur in 1,200 rows" in inferred.report
    assert "customer_id" not in contract.model_inputs


def test_no_customer_stands_on_both_sides() -> None:
    contract = contract_of(panel())
    table = pd.DataFrame(panel()).assign(
        generated_id=[f"row {number}" for number in range(N * MONTHS)]
    )
    train, test = split_customers(table, contract, 0.3, 1)
    assert not set(train["customer_id"]) & set(test["customer_id"])
    numbers = customer_numbers(train, contract)
    assert numbers is not None
    assert len(set(numbers.tolist())) == train["customer_id"].nunique()


def test_the_id_of_a_contract_beside_that_of_its_customer() -> None:
    columns = panel()
    columns["policy_no"] = [f"P-{number:06}" for number in range(N * MONTHS)]
    contract = contract_of(columns)
    assert contract.id.name == "policy_no"
    assert contract.customer is not None
    assert contract.customer.name == "customer_id"


def test_a_table_of_one_row_each_has_no_such_column() -> None:
    columns = {name: np.asarray(values)[::MONTHS].tolist() for name, values in panel().items()}
    contract = contract_of(columns)
    assert contract.customer is None
    assert contract.id.name == "customer_id"
