from __future__ import annotations

import re
from pathlib import Path

import pytest

from churn_pipeline.errors import DataError
from churn_pipeline.io.addresses import from_project, parse_address, parse_sink

SETTING = "ingestion.source"


@pytest.mark.parametrize(
    ("source", "kind", "place", "part", "name"),
    [
        ("data/a.csv", "text", "data/a.csv", None, "a.csv"),
        ("/x/A.CSV.GZ", "text", "/x/A.CSV.GZ", None, "A.CSV.GZ"),
        ("a.tsv", "text", "a.tsv", None, "a.tsv"),
        ("a.b.txt", "text", "a.b.txt", None, "a.b.txt"),
        ("a.parquet", "parquet", "a.parquet", None, "a.parquet"),
        ("a.ndjson.gz", "json_lines", "a.ndjson.gz", None, "a.ndjson.gz"),
        ("x/a.xlsx::My sheet", "excel", "x/a.xlsx", "My sheet", "a.xlsx::My sheet"),
        ("a.xlsx", "excel", "a.xlsx", None, "a.xlsx"),
        ("S3://bucket/x/a.csv", "text", "s3://bucket/x/a.csv", None, "a.csv"),
        ("s3://b/a.xlsx::2", "excel", "s3://b/a.xlsx", "2", "a.xlsx::2"),
        ("sqlite:///x/b.db::t", "sqlite", "x/b.db", "t", "b.db::t"),
        ("duckdb:////x/b.db::s.t", "duckdb", "/x/b.db", "s.t", "b.db::s.t"),
        ("postgres://h/d::t", "postgresql", "postgresql://h/d", "t", "postgresql://h/d::t"),
        (
            "postgresql+psycopg://me@[::1]:5433/d?sslmode=require::s.t",
            "postgresql",
            "postgresql://me@[::1]:5433/d?sslmode=require",
            "s.t",
            "postgresql://[::1]:5433/d::s.t",
        ),
        (
            "postgresql://h/d::select a::text\n from t where b = 'x@y:z';",
            "postgresql",
            "postgresql://h/d",
            "select a::text\n from t where b = 'x@y:z'",
            "postgresql://h/d::select a::text from t where b = 'x@y:z'",
        ),
    ],
)
def test_sources_are_told_apart_by_form(
    source: str, kind: str, place: str, part: str | None, name: str
) -> None:
    address = parse_address(source, SETTING)
    assert (address.kind, address.place, address.part) == (kind, place, part)
    assert address.name == name


@pytest.mark.parametrize(
    ("source", "is_query"),
    [
        ("sqlite:///b.db::select 1", True),
        ("sqlite:///b.db:: WITH x as (select 1) select * from x", True),
        ("sqlite:///b.db::selected", False),
    ],
)
def test_queries_begin_with_select_or_with(source: str, is_query: bool) -> None:
    assert parse_address(source, SETTING).is_query is is_query


def test_long_queries_are_cut_in_names() -> None:
    query = "select " + ", ".join(f"column_{i}" for i in range(99)) + " from t"
    assert len(parse_address(f"sqlite:///b.db::{query}", SETTING).name) < 80


@pytest.mark.parametrize(
    "source",
    [
        "postgresql://me:hush@h/d::t",
        "postgresql://:hush@h/d::t",
        "postgresql://me:hu@hush@h/d::t",
        "POSTGRESQL://h/d?user=me&PASSWORD=hush::t",
        "postgres://h/d?sslpassword=hush::t",
        "postgresql://me:a::hush@h/d::t",
        "postgresql://me::hush@h/d::select 1",
        "s3://key:a::hush@bucket/a.xlsx::1",
        "s3://key:hush@bucket/a.csv",
        "mysql://me:hush@h/d::t",
    ],
)
def test_a_password_is_refused_and_not_shown(source: str) -> None:
    with pytest.raises(DataError) as caught:
        parse_address(source, SETTING)
    message = str(caught.value)
    assert message.startswith("ingestion.source contains a password")
    assert "conf/local/credentials.yml" in message
    assert "hush" not in message


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("a.xls", "has the ending '.xls'; ingestion.source takes .csv"),
        ("a.xls", "save it as .xlsx"),
        ("a", "has no ending"),
        ("a.parquet.gz", "has the ending '.gz'"),
        ("a.csv::b", "a.csv cannot be followed by ::"),
        ("mysql://h/d::t", "starts with mysql://; it takes files, s3://, sqlite:///"),
        ("https://h/a.csv", "starts with https://"),
        ("sqlite:///b.db", "names no table; write ingestion.source as sqlite:///b.db::TABLE"),
        ("sqlite:///b.db::", "names no table"),
        ("sqlite://b.db::t", "names no file; write ingestion.source as sqlite:///FILE::TABLE"),
        ("postgresql://h/d", "names no table"),
    ],
)
def test_other_forms_are_one_sentence(source: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        parse_address(source, SETTING)
    assert message in str(caught.value)


def test_a_sink_is_a_table_of_a_database() -> None:
    assert parse_sink("sqlite:///b.db::t", "scoring.sink").part == "t"
    for source in ("a.csv", "sqlite:///b.db::select 1"):
        with pytest.raises(DataError, match=r"scoring\.sink is .* takes a table of a database"):
            parse_sink(source, "scoring.sink")


@pytest.mark.parametrize("source", ["s3://bank/in/", "s3://bank", "s3://bank/", "s3://", "data/"])
def test_a_folder_or_bucket_is_no_file(source: str) -> None:
    with pytest.raises(DataError, match=f"^{re.escape(source)} names no file; set k to a file"):
        parse_address(source, "k")


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("own.csv", "data/01_raw/own.csv"),
        ("./own.csv", "data/01_raw/own.csv"),
        ("../../top.csv", "top.csv"),
        ("top.csv", "top.csv"),  # as params.yaml names it
        ("data/01_raw/own.csv", "data/01_raw/own.csv"),
        ("absent.csv", "data/01_raw/absent.csv"),
        ("../../../elsewhere.csv", "{above}/elsewhere.csv"),
        ("/tables/own.csv", "/tables/own.csv"),
        ("book.xlsx::own", "data/01_raw/book.xlsx::own"),
        ("sqlite:///own.db::own", "sqlite:///data/01_raw/own.db::own"),
        ("duckdb:///../own.db::select * from t", "duckdb:///data/own.db::select * from t"),
        ("s3://lake/own.csv", "s3://lake/own.csv"),
        ("postgresql://host/d::own", "postgresql://host/d::own"),
    ],
)
def test_a_path_typed_in_a_subfolder_is_meant_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, expected: str
) -> None:
    project = tmp_path / "project"
    folder = project / "data/01_raw"
    folder.mkdir(parents=True)
    for file in (folder / "own.csv", project / "top.csv"):
        file.touch()
    monkeypatch.chdir(folder)
    found = from_project(typed, project)
    assert found == expected.format(above=tmp_path)
    monkeypatch.chdir(project)
    assert from_project(found, project) == found
