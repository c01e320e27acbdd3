from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pandera.pandas as pa
import pytest

from churn_pipeline.checking.schema import build_schema
from churn_pipeline.contract import Column, Contract


def test_schema_describes_the_columns_of_the_contract(contract: Contract) -> None:
    schema = build_schema(contract)
    assert list(schema.columns) == list(contract.columns)
    for name, column in contract.columns.items():
        assert schema.columns[name].nullable is column.nullable
        assert schema.columns[name].description == column.meaning
        assert schema.columns[name].unique is (column is contract.id)


def test_schema_takes_accepted_customers_and_no_others(
    contract: Contract, customers: pd.DataFrame
) -> None:
    types = {n: "float64" if c.is_numeric else "str" for n, c in contract.columns.items()}
    table = customers.astype(types)
    build_schema(contract).validate(table)
    with pytest.raises(pa.errors.SchemaError, match="range"):
        build_schema(contract).validate(table.assign(tenure=-1.0))


def test_a_customer_may_stand_in_several_snapshots(contract: Contract) -> None:
    day = Column("day", "date", ("snapshot",), "Day.")
    ids = {name: c for name, c in contract.columns.items() if c in (contract.id, contract.target)}
    schema = build_schema(replace(contract, columns={**ids, "day": day}, row_rules=()))
    days = pd.to_datetime(["2026-01-31", "2026-02-28"]).as_unit("us")
    table = pd.DataFrame({contract.id.name: ["a", "a"], contract.target.name: "No", "day": days})
    schema.validate(table)
    with pytest.raises(pa.errors.SchemaError, match="not unique"):
        schema.validate(table.assign(day=days[0]))
