from __future__ import annotations

import pandas as pd
import pandera.pandas as pa
import pytest

from churn_pipeline.contract import Contract
from churn_pipeline.contract.schema import build_schema


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
