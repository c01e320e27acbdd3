from __future__ import annotations

import pytest

from churn_pipeline.errors import DataError
from churn_pipeline.ledger.address import parse_ledger


@pytest.mark.parametrize(
    ("address", "kind", "place", "part"),
    [
        ("sqlite:///data/l.sqlite", "sqlite", "data/l.sqlite", None),
        ("sqlite:////srv/l.sqlite", "sqlite", "/srv/l.sqlite", None),
        ("postgresql://host/bank", "postgresql", "postgresql://host/bank", "ledger"),
        ("postgresql://host/bank::churn", "postgresql", "postgresql://host/bank", "churn"),
        ("postgres://[::1]:5432/bank", "postgresql", "postgresql://[::1]:5432/bank", "ledger"),
        ("postgresql://[::1]/bank::a", "postgresql", "postgresql://[::1]/bank", "a"),
        ("postgresql://", "postgresql", "postgresql://", "ledger"),
    ],
)
def test_addresses_are_read(address: str, kind: str, place: str, part: str | None) -> None:
    found = parse_ledger(address)
    assert (found.kind, found.place, found.part) == (kind, place, part)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("duckdb:///l.duckdb", "DuckDB lets one process write at a time"),
        ("ledger.sqlite", "takes sqlite:///FILE or postgresql"),
        ("s3://bucket/l.parquet", "takes sqlite:///FILE or postgresql"),
        ("sqlite://l.sqlite", "names no file"),
        ("sqlite:///l.sqlite::scores", "has no schemas; remove ::scores"),
        ("postgresql://h/d::select 1", "ends in a query"),
        ("postgresql://me:hush@h/d", "contains a password"),
    ],
)
def test_other_addresses_are_one_sentence(address: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        parse_ledger(address)
    assert "ledger.address" in str(caught.value)
    assert "hush" not in str(caught.value)
