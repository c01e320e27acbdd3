"""Reasons that somebody can read out on the telephone."""

from __future__ import annotations

import math
from typing import Any

import pytest

from churn_pipeline.contract import Contract, parse_contract
from churn_pipeline.scorer.wording import reason_text, said, unit_of


def contract() -> Contract:
    m = {"meaning": "m"}
    number = {"type": "number", **m}
    return parse_contract(
        {
            "name": "x",
            "columns": {
                "key": {"type": "text", "role": "id", **m},
                "gone": {"type": "category", "role": "target", "values": ["0", "1"]}
                | {"positive": "1", **m},
                "tenure": {"type": "integer", "unit": "months", **m},
                "calls": {"type": "integer", **m},
                "balance": {**number, "unit": "USD"},
                "fee": {**number, "unit": "USD per month", "nullable": True},
                "active": {"type": "integer", "minimum": 0, "maximum": 1, **m},
                "senior": {"type": "category", "values": ["0", "1"], **m},
                "paperless": {"type": "category", "values": ["TRUE", "FALSE"], **m},
                "sex": {"type": "category", "values": ["f", "m"], **m},
                "city": {"type": "category", "values": ["Rome", "Oslo"], "open": True, **m},
                "plan": {"type": "category", "values": ["a", "b"], "nullable": True, **m},
            },
            "derived_columns": {
                "balance_per_tenure": {"expression": "balance / tenure", **m},
                "fee_minus_balance_2": {"expression": "fee - balance", "unit": "USD", **m},
                "balance_of_tenure_and_2_more": {"expression": "tenure - calls + fee", **m},
                "spend": {"expression": "balance / tenure", "unit": "USD", **m},
            },
        }
    )


CONTRACT = contract()
CUSTOMER: dict[str, Any] = {
    "tenure": 1.0, "calls": 12345.0, "balance": -0.001, "fee": 84.4500001, "active": 1.0,
    "senior": "1", "paperless": "FALSE", "sex": "f", "city": "Oslo", "plan": None,
    "spend": -0.001,
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "changes", "text"),
    [
        ("tenure", {}, "tenure is 1 month"),
        ("tenure", {"tenure": 2.0}, "tenure is 2 months"),
        ("tenure", {"tenure": 0.0}, "tenure is 0 months"),
        ("calls", {}, "calls is 12,345"),
        ("calls", {"calls": 2015.0}, "calls is 2015"),
        ("calls", {"calls": 1e15}, "calls is 1,000,000,000,000,000"),
        ("balance", {}, "balance is -0.001 USD"),
        ("balance", {"balance": -0.0}, "balance is 0 USD"),
        ("balance", {"balance": 1e5}, "balance is 100,000 USD"),
        ("balance", {"balance": 1.0}, "balance is 1 USD"),
        ("fee", {}, "fee is 84.45 USD per month"),
        ("fee", {"fee": math.nan}, "fee is missing"),
        ("active", {}, "active is yes"),
        ("senior", {}, "senior is yes"),
        ("senior", {"senior": "0"}, "senior is no"),
        ("paperless", {}, "paperless is no"),
        ("sex", {}, "sex is f"),
        ("city", {}, "city is Oslo"),
        ("city", {"city": None}, "city is missing or one that the model has not seen"),
        ("plan", {}, "plan is missing"),
        ("plan", {"plan": math.nan}, "plan is missing"),
        ("balance_per_tenure", {}, "balance is -0.001 USD and tenure is 1 month, taken together"),
        (
            "fee_minus_balance_2",
            {"fee": None},
            "fee is missing and balance is -0.001 USD, taken together",
        ),
        (
            "balance_of_tenure_and_2_more",
            {},
            "tenure is 1 month, calls is 12,345 and fee is 84.45 USD per month, taken together",
        ),
        ("spend", {}, "spend is -0.001 USD"),
    ],
)
def test_reasons(name: str, changes: dict[str, Any], text: str) -> None:
    customer = {**CUSTOMER, **changes}
    assert reason_text(name, customer.__getitem__, CONTRACT) == text


def test_a_value_that_the_contract_does_not_list() -> None:
    text = reason_text("city", {"city": None}.__getitem__, CONTRACT, ("city",))
    assert text == "city is one that the model has not seen"


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.12345, "0.123"), (1.005, "1"), (99.999, "100"),
     (-3.14159, "-3.14"), (12345.678, "12,345.68"),
     (1e-7, "0.0000001"), (-2e5, "-200,000"), (0.5, "0.5"), (9999.5, "9999.5")],
)  # fmt: skip
def test_numbers(number: float, text: str) -> None:
    assert said(number) == text


@pytest.mark.parametrize(
    ("unit", "one", "two"),
    [
        ("months", "month", "months"),
        ("month", "month", "months"),
        ("calls per day", "call per day", "calls per day"),
        ("hours of use", "hour of use", "hours of use"),
        ("log months", "log month", "log months"),
        ("policies", "policy", "policies"),
        ("boxes", "box", "boxes"),
        ("services", "service", "services"),
        ("USD", "USD", "USD"),
        ("SMS", "SMS", "SMS"),
        ("%", "%", "%"),
        ("people", "person", "people"),
        ("business", "business", "business"),
        ("KM/S", "KM/S", "KM/S"),
    ],
)
def test_units(unit: str, one: str, two: str) -> None:
    assert (unit_of("1", unit), unit_of("2", unit)) == (one, two)
