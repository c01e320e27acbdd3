from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from churn_pipeline.contract import parse_contract
from churn_pipeline.io.database_table import DatabaseTableDataset
from churn_pipeline.io.dates import dated
from churn_pipeline.io.sink_types import typed

CONTRACT = parse_contract(
    {
        "name": "bank",
        "columns": {
            "id": {"type": "text", "role": "id", "stored_as": "integer", "meaning": "."},
            "calls": {"type": "integer", "nullable": True, "meaning": "."},
            "balance": {"type": "number", "meaning": "."},
            "joined": {"type": "date", "nullable": True, "meaning": "."},
            "active": {"type": "category", "values": ["False", "True"], "meaning": "."},
            "left": {
                "type": "category",
                "role": "target",
                "values": ["no", "yes"],
                "positive": "yes",
                "meaning": ".",
            },
        },
    }
)


def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": ["7", "12"],
            "calls": [2.0, None],
            "balance": [1.5, 2.0],
            "joined": pd.Series([pd.Timestamp("2026-01-31"), None], dtype="datetime64[us]"),
            "active": pd.Categorical(["True", None], ["False", "True"]),
            "left": pd.Categorical(["no", "yes"], ["no", "yes"]),
        }
    )


def test_columns_get_the_types_of_the_contract() -> None:
    found = typed(table().assign(other=[1, 2]), CONTRACT)
    assert found["calls"].tolist() == [2, pd.NA]
    assert found["active"].tolist() == [True, pd.NA]
    assert found["joined"][0] == datetime.date(2026, 1, 31)
    assert found["left"].tolist() == ["no", "yes"]
    assert found["other"].tolist() == [1, 2]


def test_an_id_that_is_no_integer_stays_a_text() -> None:
    assert typed(table().assign(id=["7", "C12"]), CONTRACT)["id"].tolist() == ["7", "C12"]


def test_a_sink_has_the_types_of_the_contract(tmp_path: Path) -> None:
    rows = dated(table(), CONTRACT, "feature_date", "2026-02-28", "publishing.date")
    path = tmp_path / "s.duckdb"
    sink: Any = DatabaseTableDataset(
        address=f"duckdb:///{path}::t", keys=["feature_date"], setting="publishing.sink"
    )
    sink.save(rows)
    with duckdb.connect(str(path)) as opened:
        described = opened.execute(
            "select column_name, data_type from duckdb_columns() where not internal"
        ).fetchall()
        first = opened.execute("select * from t order by id").fetchall()
    assert dict(described) == {
        "id": "BIGINT",
        "calls": "BIGINT",
        "balance": "DOUBLE",
        "joined": "DATE",
        "active": "BOOLEAN",
        "left": "VARCHAR",
        "feature_date": "DATE",
    }
    day = datetime.date(2026, 2, 28)
    assert first == [
        (7, 2, 1.5, datetime.date(2026, 1, 31), True, "no", day),
        (12, None, 2.0, None, None, "yes", day),
    ]
