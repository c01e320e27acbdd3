"""The examples of docs/sources.md work as they stand there."""

from __future__ import annotations

import gzip
import re
import sqlite3
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
import duckdb
import pandas as pd
import pytest
import yaml

from churn_pipeline.io.database_table import DatabaseTableDataset
from churn_pipeline.io.raw_table import read_raw_table
from churn_pipeline.parameters import check_parameters
from tests.servers import PostgreSQL

TABLE = pd.DataFrame({"id": ["a", "b"], "tenure": [12, 3]})
PAGE = Path(__file__).resolve().parents[2] / "docs" / "sources.md"


def examples(page: str) -> list[str]:
    table = page.partition("| source | example |")[2].partition("\n\n")[0]
    return [example for row in table.splitlines() for example in re.findall("`([^`]*)`", row)]


def test_the_page_has_examples_of_every_kind() -> None:
    assert len(examples(PAGE.read_text(encoding="utf-8"))) == 15


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    data = tmp_path / "data"
    data.mkdir()
    monkeypatch.chdir(tmp_path)
    for name, separator in (("csv", ","), ("tsv", "\t"), ("txt", "|")):
        TABLE.to_csv(data / f"customers.{name}", index=False, sep=separator)
    (data / "customers.csv.gz").write_bytes(gzip.compress((data / "customers.csv").read_bytes()))
    TABLE.to_parquet(data / "customers.parquet")
    for name in ("jsonl", "ndjson"):
        TABLE.to_json(data / f"customers.{name}", orient="records", lines=True)
    TABLE.to_excel(data / "customers.xlsx", index=False, sheet_name="Customers")
    with sqlite3.connect(data / "bank.db") as opened:
        TABLE.to_sql("customers", opened, index=False)
    opened.close()
    with duckdb.connect(str(data / "bank.duckdb")) as other:
        other.execute("create table customers as select * from 'data/customers.parquet'")
    return data


def local(example: str) -> bool:
    return not example.startswith(("s3:", "postgresql:"))


@pytest.mark.parametrize(
    "example", [e for e in examples(PAGE.read_text(encoding="utf-8")) if local(e)]
)
def test_a_file_or_embedded_database_is_read(example: str, sources: Path) -> None:
    raw = read_raw_table(example)
    assert raw.cells.to_dict("list") == {"id": ["a", "b"], "tenure": ["12", "3"]}


def test_servers_are_read(
    sources: Path, postgresql: PostgreSQL, s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {"key": "x", "secret": "x", "endpoint_url": s3, "region": "us-east-1"}
    client = boto3.client(
        "s3",
        endpoint_url=s3,
        aws_access_key_id="x",
        aws_secret_access_key="x",
        region_name="us-east-1",
    )
    client.create_bucket(Bucket="bank")
    for name in ("customers.csv", "customers.parquet"):
        client.put_object(Bucket="bank", Key=name, Body=(sources / name).read_bytes())
    postgresql.run(
        "create table customers (id text, tenure int)",
        "insert into customers values ('b', 3), ('a', 12)",
    )
    remote = [e for e in examples(PAGE.read_text(encoding="utf-8")) if not local(e)]
    assert len(remote) == 3
    for example in remote:
        here = example.replace("localhost:5432/bank", f"127.0.0.1:{postgresql.port}/postgres")
        credentials = keys if example.startswith("s3:") else postgresql.credentials
        raw = read_raw_table(here, credentials=credentials)
        assert raw.cells.to_dict("list") == {"id": ["a", "b"], "tenure": ["12", "3"]}


def test_the_sink_is_written(postgresql: PostgreSQL, root: Path) -> None:
    block = re.search(r"```yaml\n(scoring:.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    assert block is not None
    scoring = yaml.safe_load(block[1])["scoring"]
    parameters = yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8"))
    check_parameters({**parameters, "scoring": {**parameters["scoring"], **scoring}})
    sink: Any = DatabaseTableDataset(
        address=scoring["sink"].replace("localhost/bank", f"127.0.0.1:{postgresql.port}/postgres"),
        keys=["model_version", "scoring_date"],
        setting="scoring.sink",
        credentials=postgresql.credentials,
    )
    day = pd.Timestamp(scoring["date"]).date()
    rows = TABLE.assign(model_version="m1", scoring_date=day)
    for _ in range(2):
        sink.save(rows)
    assert postgresql.run("select id, scoring_date from scores order by id") == [
        ("a", day),
        ("b", day),
    ]
