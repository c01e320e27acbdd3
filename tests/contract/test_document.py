from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from churn_pipeline.contract import Contract, Expression, parse_contract
from churn_pipeline.contract.document import contract_document
from churn_pipeline.contract.model import DerivedColumn, RowRule
from tests.strategies import contracts


def read_again(contract: Contract) -> Contract:
    """Return the contract after a journey through a file of JSON."""
    text = json.dumps(contract_document(contract), allow_nan=False)
    return parse_contract(json.loads(text))


def assert_equal(found: Contract, contract: Contract) -> None:
    assert found == contract
    assert list(found.columns) == list(contract.columns)
    assert found.model_inputs == contract.model_inputs


def test_the_telco_contract_is_read_again(contract: Contract) -> None:
    assert_equal(read_again(contract), contract)


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(contracts(), st.text(max_size=5), st.none() | st.text(max_size=3), st.data())
def test_any_contract_is_read_again(
    contract: Contract, text: str, unit: str | None, data: st.DataObject
) -> None:
    names = [column.name for column in contract.features if column.is_numeric]
    expressions = [f"col({name!r}) *\n 0.1" for name in names] + ["1 / 3", "1 == 1 and not 2 > 3"]
    columns = {
        name: replace(
            column,
            meaning=text,
            unit=unit,
            roles=("feature", "sensitive")
            if column.roles == ("feature",) and not column.is_date
            else column.roles,
        )
        for name, column in contract.columns.items()
    }
    full = replace(
        contract,
        description=text,
        columns=columns,
        row_rules=tuple(
            RowRule(f"rule {i}", Expression(e), text) for i, e in enumerate(expressions)
        ),
        derived_columns=tuple(
            DerivedColumn(f"derived {i}", Expression(e), text, unit)
            for i, e in enumerate(data.draw(st.permutations(expressions)))
        ),
    )
    assert_equal(read_again(full), full)


def test_keys_of_the_second_version_are_read_again() -> None:
    columns: dict[str, Any] = {
        "key": {"type": "text", "role": "id", "generated": True},
        "day": {"type": "date", "role": "snapshot", "default": "2026-01-31"},
        "joined": {"type": "date", "formats": ["%d/%m/%Y", "%b %d %Y"], "nullable": True},
        "plan": {"type": "category", "values": ["a", "b"], "open": True, "spellings": {"b": ["B"]}},
        "fee": {"type": "number", "decimal": ",", "thousands": " ", "strip": ["$", "EUR"]},
        "left": {"type": "category", "role": "target", "values": ["n", "y"], "positive": "y",
                 "horizon_days": 30},
    }  # fmt: skip
    derived = {"days": {"expression": "day - joined", "meaning": "m"}}
    given_document = {
        "name": "x",
        "columns": {name: {"meaning": "m", **column} for name, column in columns.items()},
        "derived_columns": derived,
    }
    contract = parse_contract(given_document)
    assert_equal(read_again(contract), contract)
    document = contract_document(contract)["columns"]
    for name, column in columns.items():
        role = column.get("role", "feature")
        assert document[name] == {"meaning": "m", **column, "role": [role]}


def test_what_is_not_given_is_left_out(contract: Contract) -> None:
    document: dict[str, Any] = contract_document(contract)
    assert document["columns"]["gender"] == {
        "type": "category",
        "role": ["feature", "sensitive"],
        "meaning": contract.columns["gender"].meaning,
        "values": ["Female", "Male"],
    }
    assert document["columns"]["tenure"]["minimum"] == 0
    assert document["columns"]["TotalCharges"]["nullable"] is True
