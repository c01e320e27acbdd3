from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa
import yaml
from click.testing import CliRunner, Result

from churn_pipeline.cli.ledger import _TABLES, ledger
from churn_pipeline.ledger import export as exporting
from churn_pipeline.ledger.schema import VERSION, metadata
from churn_pipeline.serving.audit.records import CustomerHash
from churn_pipeline.serving.identity.key_changes import create_key
from tests.ledger.books import Book, scores
from tests.servers import PASSWORD, postgresql_server


@pytest.fixture
def project(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose ledger is a file; nothing is in it yet."""
    text = (root / "params.yaml").read_text(encoding="utf-8")
    place = tmp_path / "ledger" / "ledger.sqlite"
    before = "sqlite:///data/10_ledger/ledger.sqlite"
    assert before in text
    (tmp_path / "params.yaml").write_text(text.replace(before, f"sqlite:///{place}"))
    (tmp_path / "conf" / "local").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KEDRO_ENV", raising=False)
    return tmp_path


@pytest.fixture
def filled(project: Path) -> Book:
    book = Book(project, None)
    name = yaml.safe_load((project / "params.yaml").read_text())["dataset"]["name"]
    book.dataset(name).save(scores(300))
    book.dataset(name).save(scores(200, "2026-02-28", "m2"))
    book.dataset("shop").save(scores(5))
    return book


def run(*arguments: str, given: str | None = None) -> Result:
    return CliRunner().invoke(ledger, arguments, input=given)


def refused(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert result.output.count("\n") == 1, result.output
    return result.output


def test_status_shows_what_is_there(filled: Book) -> None:
    result = run("status")
    assert result.exit_code == 0, result.output
    place, version, *lines = result.output.splitlines()
    assert re.fullmatch(r"Ledger ledger/ledger\.sqlite, [\d.]+ MB", place)
    assert version == f"Schema version {VERSION}, the present one"
    assert [re.split(r" {2,}", line) for line in lines] == [
        ["DATA SET", "SOURCE", "MODEL", "SCORES", "FROM", "TO"],
        ["churn_pipeline", "batch", "m1", "300", "2026-01-31", "2026-01-31"],
        ["churn_pipeline", "batch", "m2", "200", "2026-02-28", "2026-02-28"],
        ["shop", "batch", "m1", "5", "2026-01-31", "2026-01-31"],
    ]


def test_without_a_ledger_each_command_says_so(project: Path) -> None:
    for command in (["status"], ["forget", "C1", "--yes"], ["export", "--to", "a.csv"]):
        assert "there is no ledger at ledger.sqlite yet" in refused(*command)
    assert not (project / "ledger").exists()
    text = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(re.sub(r"address: sqlite\S+", "address: null", text))
    assert "ledger.address is null" in refused("status")
    (project / "params.yaml").write_text(re.sub(r"(?m)^ledger:", "other:", text))
    assert "has no ledger.address" in refused("status")


def test_upgrade_creates_a_ledger_and_says_where_it_is(project: Path) -> None:
    assert run("upgrade").output == f"ledger.sqlite was created with schema version {VERSION}\n"
    assert run("upgrade").output == f"ledger.sqlite has schema version {VERSION} already\n"
    assert "No scores yet" in run("status").output


def test_each_data_set_has_its_own(filled: Book, project: Path) -> None:
    bank = project / "conf/bank"
    bank.mkdir()
    text = (project / "params.yaml").read_text()
    text = text.replace("name: churn_pipeline", "name: bank").replace("/ledger/", "/other/")
    (bank / "params.yaml").write_text(text)
    assert "there is no ledger" in refused("status", "--env", "bank")
    assert run("upgrade", "--env", "bank").exit_code == 0
    assert (project / "other/ledger.sqlite").is_file()
    assert "has no rows of this customer in the data set bank" in (
        run("forget", "C000003", "--env", "bank", "--yes").output
    )
    assert filled.run("select count(*) from scores") == [(505,)]
    assert "there is no data set 'bonk'" in refused("status", "--env", "bonk")


def test_a_server_is_shown_without_its_password(project: Path) -> None:
    with postgresql_server() as server:
        text = (project / "params.yaml").read_text()
        text = re.sub(r"address: sqlite\S+", f"address: {server.address}", text)
        (project / "params.yaml").write_text(text)
        credentials = {"ledger": server.credentials}
        (project / "conf/local/credentials.yml").write_text(json.dumps(credentials))
        name = f"{server.address}::ledger"
        assert run("upgrade").output == f"{name} was created with schema version {VERSION}\n"
        Book(project, server).dataset("churn_pipeline").save(scores(7))
        output = run("status").output
        assert output.startswith(f"Ledger {name}\n")
        assert re.search(r"churn_pipeline +batch +m1 +7 ", output)
        assert run("forget", "C000003", "--yes").exit_code == 0
        assert run("export", "--to", "a.parquet").output == "a.parquet: 6 rows of scores\n"
        (project / "conf/local/credentials.yml").write_text(
            json.dumps({"ledger": {"user": "owner", "password": "wrong"}})
        )
        message = refused("status")
        assert "conf/local/credentials.yml" in message
        assert PASSWORD not in output + message
        assert "wrong" not in message


# Outcomes


def write(project: Path, text: str) -> str:
    (project / "outcomes.csv").write_text(text)
    return "outcomes.csv"


def test_outcomes_are_recorded_and_scores_have_states(filled: Book, project: Path) -> None:
    text = (
        "customer,outcome,happened_on,known_at,note\n"
        "C000001,churned,2026-02-10,,x\nC000002, Stayed ,2026-05-10 00:00:00,2026-05-11,\n"
        "C000003,churned,2026-02-10,2026-02-11,\nC000003,withdrawn,2026-02-10,2026-03-01,\n"
        "nobody,churned,2026-02-10,,\n"
    )
    result = run("outcomes", write(project, text), "--known-at", "2026-02-20")
    assert result.output == (
        "Recorded 5 outcomes of outcomes.csv in ledger.sqlite\n"
        "1 of these customers have no score in the ledger\n"
    )
    again = run("outcomes", write(project, text), "--known-at", "2026-02-20")
    assert "Recorded 0 outcomes of outcomes.csv in ledger.sqlite, 5 were there" in again.output
    found = filled.run(
        "select customer, outcome, happened_on, known_at, source from outcomes order by 1, 4"
    )
    assert [tuple(map(str, row)) for row in found] == [
        ("C000001", "churned", "2026-02-10", "2026-02-20", "file"),
        ("C000002", "stayed", "2026-05-10", "2026-05-11", "file"),
        ("C000003", "churned", "2026-02-10", "2026-02-11", "file"),
        ("C000003", "withdrawn", "2026-02-10", "2026-03-01", "file"),
        ("nobody", "churned", "2026-02-10", "2026-02-20", "file"),
    ]
    result = run("states", "--horizon", "90", "--at", "2026-05-12")
    assert result.output.splitlines()[0] == "Within 90 days, as known on 2026-05-12:"
    assert [re.split(r" {2,}", line) for line in result.output.splitlines()[1:]] == [
        ["AS OF", "MODEL", "CHURNED", "STAYED", "PENDING", "UNKNOWN"],
        ["2026-01-31", "m1", "1", "1", "0", "298"],
        ["2026-02-28", "m2", "0", "0", "200", "0"],
    ]
    erased = run("forget", "C000003", "--yes").output
    assert "Erased 2 of scores, 2 of outcomes;" in erased or (
        "Erased 2 of outcomes, 2 of scores;" in erased
    )
    assert run("export", "--to", "a.csv", "--table", "outcomes").output.startswith("a.csv: 3 rows")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("customer,outcome\na,churned\n", "outcomes.csv has no column happened_on; it needs"),
        ("customer,outcome,happened_on\na,left,2026-01-31\n", "line 2: outcome is 'left'; use chu"),
        (
            "customer,outcome,happened_on\na,stayed,2026-01-31\nb,stayed,31.01.2026\n",
            "line 3: happened_on is '31.01.2026'; write a day as 2026-01-31",
        ),
        ("customer,outcome,happened_on\n ,stayed,2026-01-31\n", "line 2: customer is empty"),
        ("customer,outcome,happened_on\na,stayed,2999-01-31\n", "which is yet to come"),
        (
            "customer,outcome,happened_on,known_at\na,stayed,2026-01-31,2999-01-31\n",
            "line 2: known_at is 2999-01-31, which is yet to come",
        ),
        (
            "customer,outcome,happened_on,known_at\na,stayed,2026-01-31,2026-01-30\n",
            "line 2: known_at is 2026-01-30, before happened_on, 2026-01-31; correct either",
        ),
        (
            "customer,outcome,happened_on\n" + "a,stayed,2026-01-31\n" * 5 + "b,stayed\n",
            "outcomes.csv, line 7: ",
        ),
    ],
)
def test_one_bad_row_records_nothing(filled: Book, project: Path, text: str, message: str) -> None:
    assert message in refused("outcomes", write(project, text))
    assert filled.run("select count(*) from outcomes") == [(0,)]


def test_a_file_repeated_on_a_later_day_overrules_no_correction(
    filled: Book, project: Path
) -> None:
    file = write(project, "customer,outcome,happened_on\nC000001,churned,2026-02-10\n")
    assert "Recorded 1 outcomes" in run("outcomes", file).output
    # as if it had been given on that day
    filled.run("update outcomes set known_at = '2026-02-11'")
    withdrawn = "customer,outcome,happened_on,known_at\nC000001,withdrawn,2026-02-10,2026-02-20\n"
    (project / "later.csv").write_text(withdrawn)
    assert "Recorded 1 outcomes" in run("outcomes", "later.csv").output
    again = run("outcomes", file).output
    assert "Recorded 0 outcomes of outcomes.csv in ledger.sqlite, 1 were there" in again
    assert run("states", "--horizon", "30").output.splitlines()[2].split() == [
        *("2026-01-31", "m1", "0", "0", "0", "300"),
    ]
    # who says when it became known, says it again
    assert "Recorded 1 outcomes" in run("outcomes", file, "--known-at", "2026-03-01").output
    assert run("states", "--horizon", "30").output.splitlines()[2].split()[2] == "1"


def test_the_day_of_the_option_is_checked_as_that_of_the_column(
    filled: Book, project: Path
) -> None:
    file = write(project, "customer,outcome,happened_on\nC000001,churned,2026-02-10\n")
    assert "--known-at is 2999-01-31, which is yet to come" in refused(
        "outcomes", file, "--known-at", "2999-01-31"
    )
    assert "line 2: known_at is 2026-02-09, before happened_on, 2026-02-10" in refused(
        "outcomes", file, "--known-at", "2026-02-09"
    )
    assert filled.run("select count(*) from outcomes") == [(0,)]


def test_states_need_a_horizon(filled: Book, project: Path, root: Path) -> None:
    folder = project / "conf/base"
    folder.mkdir()
    contract = (root / "conf/base/contract.yml").read_text(encoding="utf-8")
    (folder / "contract.yml").write_text(contract)
    assert "has no horizon_days" in refused("states")
    assert run("states", "--horizon", "30").exit_code == 0


# Erasure


def test_forget_asks_counts_and_records(filled: Book) -> None:
    asked = run("forget", "C000003", given="n\n")
    assert asked.exit_code == 1
    assert "Rows of this customer in ledger.sqlite, data set churn_pipeline: 2 of scores" in (
        asked.output
    )
    assert run("forget", "C000003").exit_code == 1  # nobody answers
    assert filled.run("select count(*) from scores")[0] == (505,)
    done = run("forget", "C000003", given="y\n")
    assert done.exit_code == 0, done.output
    assert "Erased 2 of scores; recorded in the table erasures without a hash" in done.output
    assert "11_campaigns (actions.csv, actions.xlsx, suppressed.json)" in done.output
    assert filled.run("select count(*) from scores")[0] == (503,)
    assert filled.run("select count(*) from scores where customer = 'C000003'") == [(1,)]  # of shop
    again = run("forget", "C000003", "--yes")
    assert again.exit_code == 0
    assert again.output == (
        "ledger.sqlite has no rows of this customer in the data set churn_pipeline\n"
    )
    assert filled.run("select rows_erased, customer_hash from erasures") == [(2, None)]
    assert "Erased customers of churn_pipeline: 1" in run("status").output


def test_the_record_names_the_customer_as_the_audit_log_does(filled: Book, project: Path) -> None:
    keys = project / "conf/local/api_keys.json"
    create_key(keys, "crm", ["score"])
    key = bytes.fromhex(json.loads(keys.read_text())["audit_key"])
    name = CustomerHash(key)("C000004")
    result = run("forget", "C000004", "--yes")
    assert f"recorded in the table erasures under the hash {name}." in result.output
    assert filled.run("select customer_hash from erasures") == [(name,)]


# Export


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)


@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_exports_hold_the_rows_that_were_asked_for(
    filled: Book, project: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "_ROWS_A_PIECE", 70)
    path = project / name
    assert run("export", "--to", name).output == f"{name}: 500 rows of scores\n"
    found = read(path).sort_values(["as_of", "customer"], ignore_index=True)
    expected = pd.concat([scores(300), scores(200, "2026-02-28", "m2")], ignore_index=True)
    for column in expected:
        values: Any = found[column].astype(str) if column == "as_of" else found[column]
        pd.testing.assert_series_equal(
            values, expected[column], check_dtype=False, check_exact=True
        )
    assert pd.to_datetime(found["scored_at"]).dt.tz is not None
    assert f"{name} exists" in refused("export", "--to", name)
    for options, n in (
        (["--since", "2026-02-01"], 200), (["--until", "2026-02-01"], 300),
        (["--since", "2026-01-31", "--until", "2026-01-31"], 300), (["--source", "online"], 0),
        (["--model-version", "m2"], 200), (["--customer", "C000001"], 2),
        (["--model-version", "m2", "--customer", "C000001"], 1),
    ):  # fmt: skip
        output = run("export", "--to", name, "--force", *options).output
        assert output == f"{name}: {n} rows of scores\n"
        assert len(read(path)) == n
    assert [file.name for file in project.glob("*out*")] == [name]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_every_table_is_exported_with_what_is_not_known(
    filled: Book, project: Path, ending: str
) -> None:
    day, now = date(2026, 1, 31), datetime(2026, 2, 1, 9, tzinfo=UTC)
    known: dict[type, Any] = {
        sa.Date: day, sa.DateTime: now, sa.Double: 0.5, sa.Boolean: True, sa.BigInteger: 7,
        sa.Integer: 7,
    }  # fmt: skip
    with filled.ledger.writing() as opened:
        for table in metadata.tables.values():
            row = {c.name: known.get(type(c.type), "text") for c in table.columns if not c.nullable}
            opened.execute(table.insert().values({**row, "data_set": "bank"}))
    text = (project / "params.yaml").read_text()
    text = text.replace("name: churn_pipeline", "name: bank")
    (project / "params.yaml").write_text(text)
    for name, table in metadata.tables.items():
        output = run("export", "--to", f"{name}.{ending}", "--table", name).output
        assert output == f"{name}.{ending}: 1 rows of {name}\n"
        found = read(project / f"{name}.{ending}")
        assert list(found) == table.columns.keys()
        unknown = {column.name for column in table.columns if column.nullable}
        assert {column for column in found if found[column].isna().all()} == unknown
        for column in table.columns:
            if type(column.type) is sa.DateTime and not column.nullable:
                assert pd.to_datetime(found[column.name])[0] == pd.Timestamp(now)


def test_what_cannot_be_exported_is_one_sentence(filled: Book, project: Path) -> None:
    assert "--to must end in .csv or .parquet" in refused("export", "--to", "a.xlsx")
    assert "cannot be written" in refused("export", "--to", "params.yaml/a.csv")
    assert "has no column as_of" in refused(
        "export", "--to", "a.csv", "--table", "erasures", "--since", "2026-01-01"
    )
    assert run("export", "--to", "a.csv", "--table", "erasures").exit_code == 0
    assert set(_TABLES) == set(metadata.tables)
