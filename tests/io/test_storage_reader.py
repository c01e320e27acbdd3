from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
import pyarrow as pa
import pyarrow.parquet
import pytest

from churn_pipeline.errors import DataError
from churn_pipeline.io.raw_table import read_raw_table
from tests.servers import free_port

KEYS = {"key": "reader", "secret": "hush-hush", "region": "us-east-1"}


@pytest.fixture(autouse=True)
def _no_keys_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "PROFILE", "ENDPOINT_URL"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def credentials(s3: str, tmp_path: Path) -> dict[str, Any]:
    client = boto3.client(
        "s3",
        endpoint_url=s3,
        aws_access_key_id="x",
        aws_secret_access_key="x",
        region_name="us-east-1",
    )
    client.create_bucket(Bucket="bank")
    client.put_object(Bucket="bank", Key="in/a.csv", Body="a;b\né;2\n".encode("cp1252"))
    pyarrow.parquet.write_table(pa.table({"a": [1.5, None]}), tmp_path / "a.parquet")
    client.put_object(Bucket="bank", Key="a.parquet", Body=(tmp_path / "a.parquet").read_bytes())
    return {**KEYS, "endpoint_url": s3}


def error_of(source: str, credentials: dict[str, Any]) -> str:
    with pytest.raises(DataError) as caught:
        read_raw_table(source, "scoring.source", credentials)
    message = str(caught.value)
    assert "\n" not in message
    assert "hush" not in message
    return message


def test_files_are_read_as_if_they_were_here(credentials: dict[str, Any], tmp_path: Path) -> None:
    raw = read_raw_table("s3://bank/in/a.csv", credentials=credentials)
    assert raw.cells.to_dict("records") == [{"a": "é", "b": "2"}]
    assert (raw.encoding, raw.separator, raw.name) == ("cp1252", ";", "a.csv")
    here = tmp_path / "a.csv"
    here.write_bytes("a;b\né;2\n".encode("cp1252"))
    assert raw.sha256 == read_raw_table(str(here)).sha256
    raw = read_raw_table("s3://bank/a.parquet", credentials=credentials)
    assert raw.cells["a"].tolist() == ["1.5", ""]


def test_the_usual_variables_hold(
    credentials: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", credentials["endpoint_url"])
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "reader")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush-hush")
    assert len(read_raw_table("s3://bank/in/a.csv").cells) == 1


@pytest.mark.parametrize(
    ("source", "what_is_there"),
    [
        ("s3://bank/none.csv", r"\(s3://bank/ has a\.parquet, in\)"),
        ("s3://bank/nowhere/a.csv", r""),
        ("s3://none/a.csv", r"\(there is no bucket 'none'\)"),
    ],
)
def test_an_absent_file_is_named(
    source: str, what_is_there: str, credentials: dict[str, Any]
) -> None:
    error = error_of(source, credentials)
    assert re.match(rf"{source} does not exist.*{what_is_there}.*; set scoring.source", error)


def test_a_server_that_is_not_there_is_told() -> None:
    endpoint = f"http://127.0.0.1:{free_port()}"
    error = error_of("s3://bank/a.csv", {**KEYS, "endpoint_url": endpoint})
    assert f"s3://bank/a.csv cannot be read from {endpoint}" in error


def test_absent_keys_are_told(s3: str) -> None:
    error = error_of("s3://bank/a.csv", {"endpoint_url": s3, "region": "us-east-1"})
    assert "conf/local/credentials.yml" in error
