from __future__ import annotations

import pandas as pd
import pytest

from churn_pipeline.checking.violations import find_violations
from churn_pipeline.contract import parse_contract
from churn_pipeline.scorer.records import RecordReader
from churn_pipeline.scorer.refusals import InvalidRecord

CONTRACT = parse_contract(
    {
        "name": "c",
        "columns": {
            "key": {"type": "text", "role": "id", "meaning": "m"},
            "left": {"type": "category", "role": "target", "values": ["n", "y"], "positive": "y",
                     "meaning": "m"},
            "fee": {"type": "number", "meaning": "m"},
        },
        "row_rules": {"no_tests": {"check": "key != 'TEST'", "meaning": "Tests are no customers."}},
    }
)  # fmt: skip


@pytest.mark.parametrize("key", ["TEST", " TEST", "TEST\t", "TEST 1"])
def test_row_rules_read_texts_as_ingestion_does(key: str) -> None:
    cells = pd.DataFrame({"key": [key], "left": ["n"], "fee": ["1"]}, dtype="str")
    _, violations = find_violations(cells, CONTRACT)
    reader = RecordReader(CONTRACT, 200)
    record = {"key": key, "fee": 1}
    if violations.empty:
        assert reader.read(record).id == key.strip()
    else:
        with pytest.raises(InvalidRecord, match="Tests are no customers"):
            reader.read(record)
