from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from churn_pipeline.contract import Contract, Expression, parse_contract
from churn_pipeline.contract.model import RowRule
from churn_pipeline.scorer.example import example_record
from churn_pipeline.scorer.records import RecordReader
from tests.sizes import examples
from tests.strategies import contracts


def example(contract: Contract, lifetime_value: float | str = 200.0) -> dict[str, Any]:
    """Return the example as a client would send it; the reader takes it."""
    reader = RecordReader(contract, lifetime_value)
    record = json.loads(json.dumps(example_record(reader), allow_nan=False))
    assert list(record) == [column.name for column in reader.columns]
    reader.read(record)
    return record


def test_the_example_keeps_the_telco_contract(contract: Contract) -> None:
    record = example(contract)
    assert record == example(contract)
    assert None not in record.values()
    with_rules = [rule for rule in contract.row_rules if record.keys() >= {*rule.check.columns}]
    assert len(with_rules) == len(contract.row_rules)


def small(column: dict[str, Any], **more: Any) -> Contract:
    columns = {
        "key": {"type": "text", "role": "id", "meaning": "m"},
        "left": {"type": "category", "role": "target", "values": ["n", "y"], "positive": "y",
                 "meaning": "m"},
        "x": {"meaning": "m", **column},
        "fee": {"type": "number", "meaning": "m"},
    }  # fmt: skip
    return parse_contract({"name": "small", "columns": columns, **more})


@settings(deadline=None, max_examples=examples(200), suppress_health_check=list(HealthCheck))
@given(contracts())
def test_the_example_keeps_any_contract(contract: Contract) -> None:
    example(contract)


LIMITS = st.floats(-1e30, 1e30) | st.integers(-50, 50).map(lambda n: n / 4) | st.none()


@settings(deadline=None, max_examples=examples(300))
@given(st.sampled_from(["integer", "number"]), LIMITS, LIMITS, st.booleans())
def test_the_example_finds_a_number_in_any_range(
    kind: str, low: float | None, high: float | None, nullable: bool
) -> None:
    if low is not None and high is not None:
        low, high = min(low, high), max(low, high)
    if kind == "integer" and not nullable:
        least = -(2**53) + 1 if low is None else max(low, -(2**53) + 1)
        most = 2**53 - 1 if high is None else min(high, 2**53 - 1)
        if -(-least // 1) > most:
            return  # no whole number lies between
    limits = {"minimum": low, "maximum": high}
    column = {"type": kind, "nullable": nullable}
    example(small({**column, **{name: v for name, v in limits.items() if v is not None}}))


@pytest.mark.parametrize(
    "column",
    [
        {"type": "number", "minimum": -1.7e308, "maximum": 1.7e308},
        {"type": "number", "minimum": 1e30},
        {"type": "integer", "minimum": 0.2, "maximum": 1.2},
        {"type": "integer", "maximum": -7},
        {"type": "number", "minimum": 0.001, "maximum": 0.002},
    ],
)
def test_the_example_finds_a_number_in_odd_ranges(column: dict[str, Any]) -> None:
    example(small(column))


@pytest.mark.parametrize("limits", [{}, {"minimum": -1000}, {"minimum": -1000, "maximum": 3}])
def test_the_example_has_a_lifetime_value(limits: dict[str, float]) -> None:
    contract = small({"type": "number", "role": "ignored", "nullable": True, **limits})
    assert example(contract, "x")["x"] >= 0


@pytest.mark.parametrize(
    "check",
    ["x == 'c'", "x != 'b'", "fee > 90 or x == 'a'", "x in ('c', 'd') and fee <= 5",
     "(x == 'd') == (fee >= 50)"],
)  # fmt: skip
def test_the_example_keeps_row_rules(check: str) -> None:
    contract = small({"type": "category", "values": ["a", "b", "c", "d"]})
    example(replace(contract, row_rules=(RowRule("rule", Expression(check), "m"),)))
