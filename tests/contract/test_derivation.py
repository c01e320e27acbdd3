from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd

from churn_pipeline.contract import Contract, parse_contract
from churn_pipeline.contract.derivation import derive


def test_project_columns_of_one_record(contract: Contract) -> None:
    values: dict[str, Any] = dict.fromkeys(contract.columns, "No")
    record = values | {"tenure": 1, "OnlineBackup": "Yes", "StreamingTV": "Yes"}
    derived = {name: float(value) for name, value in derive(record, contract).items()}
    assert derived == {"log_tenure": float(np.log1p(1.0)), "first_month": 1.0, "addon_services": 2}


def test_table_and_records_give_the_same_bits(contract: Contract, customers: pd.DataFrame) -> None:
    some = customers.head(300)
    table = derive({name: some[name].to_numpy() for name in contract.columns}, contract)
    rows: list[Any] = some.to_dict("records")
    records = [derive(row, contract) for row in rows]
    for name, values in table.items():
        assert values.tobytes() == np.array([record[name] for record in records]).tobytes(), name


def test_missing_values_of_a_record_may_be_none_or_nan() -> None:
    contract = parse_contract(
        {
            "name": "c",
            "columns": {
                "key": {"type": "text", "role": "id", "meaning": "m"},
                "left": {
                    "type": "category",
                    "role": "target",
                    "values": ["n", "y"],
                    "positive": "y",
                    "meaning": "m",
                },
                "fee": {"type": "number", "nullable": True, "meaning": "m"},
                "plan": {"type": "category", "values": ["a"], "nullable": True, "meaning": "m"},
            },
            "derived_columns": {
                "double": {"expression": "2 * fee", "meaning": "m"},
                "has_a": {"expression": "plan == 'a'", "meaning": "m"},
            },
        }
    )
    for missing in (None, float("nan")):
        derived = derive({"fee": missing, "plan": missing}, contract)  # type: ignore[dict-item]
        assert np.isnan(derived["double"])
        assert derived["has_a"] == 0


def test_needs_neither_pandas_nor_scikit_learn() -> None:
    code = (
        "import sys, churn_pipeline.contract.derivation;"
        "print(*{'sklearn', 'pandas', 'kedro', 'scipy'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "COVERAGE_PROCESS_START": ""},
    )
    assert done.stdout.strip() == ""
