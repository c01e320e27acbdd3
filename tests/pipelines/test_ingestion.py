from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.telco import simulate_customers
from churn_pipeline.contract import Contract
from churn_pipeline.errors import DataError
from churn_pipeline.io.raw_table import RawTable, RawTableDataset
from churn_pipeline.pipelines.ingestion.nodes import (
    accept_customers,
    check_customers,
    quarantine_customers,
    report_data_quality,
)
from tests.sizes import examples
from tests.strategies import contracts, good_tables

# what is changed in a row → the rules that it breaks, in the order of their columns
BREAKS: list[tuple[dict[str, str], list[str]]] = [
    ({"tenure": "soon"}, ["not_an_integer"]),
    ({"tenure": "1.5"}, ["not_an_integer"]),
    ({"MonthlyCharges": "20,5"}, ["not_a_number"]),
    ({"MonthlyCharges": "9999"}, ["range"]),
    ({"PaymentMethod": "Cash"}, ["allowed_values"]),
    ({"Churn": ""}, ["missing"]),
    ({"gender": " ", "Churn": "maybe"}, ["allowed_values", "missing"]),
    ({"PhoneService": "Yes", "MultipleLines": "No phone service"}, ["phone_and_lines_agree"]),
    (
        {"InternetService": "DSL", "TechSupport": "No internet service", "StreamingTV": "Yes"},
        ["internet_and_addons_agree"],
    ),
    ({"tenure": "40", "TotalCharges": " "}, ["total_blank_before_first_bill"]),
    ({"tenure": "50", "MonthlyCharges": "100", "TotalCharges": "7"}, ["total_fits_tenure"]),
]


def ingest(raw: RawTable, contract: Contract) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    table, violations = check_customers(raw, contract)
    accepted, rejected = quarantine_customers(raw, table, violations, contract)
    return accepted, rejected, report_data_quality(raw, table, rejected, contract)


def read(path: Path, content: str) -> RawTable:
    path.write_bytes(content.encode())
    return RawTableDataset(filepath=str(path)).load()


def as_csv(rows: list[list[str]], newline: str) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=newline).writerows(rows)
    return text.getvalue()


def break_rows(rows: list[list[str]], every: int) -> dict[int, list[str]]:
    """Break rows in place; return row → rules."""
    header = rows[0]
    phone, lines, net = (
        header.index(name) for name in ("PhoneService", "MultipleLines", "InternetService")
    )
    sound = [
        i
        for i in range(every, len(rows))
        if rows[i][phone] == "Yes"
        and rows[i][lines] != "No phone service"
        and rows[i][net] == "DSL"
    ]
    expected = {}
    for place, (change, rules) in zip(sound[:: every // 4], BREAKS, strict=False):
        for name, cell in change.items():
            rows[place][header.index(name)] = cell
        expected[place] = rules
    assert len(expected) == len(BREAKS)
    duplicate = max(expected) + 1
    rows[duplicate][0] = rows[1][0]
    return {**expected, duplicate: ["duplicate_id"]}


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_exactly_the_broken_rows_are_rejected_with_reasons_values_and_lines(
    tmp_path: Path, contract: Contract, customers_csv: str, newline: str, mark: str
) -> None:
    rows = [[*row, "note"] for row in csv.reader(io.StringIO(customers_csv))]
    expected = break_rows(rows, 40)
    rows[5][-1] = f"two{newline}lines"
    rows[7] = ["too", "few"]
    rows[9] = [*rows[9], "one too many"]
    rows[11] = []
    raw = read(tmp_path / "c.csv", mark + as_csv(rows, newline))
    accepted, rejected, quality = ingest(raw, contract)

    expected = {7: ["field_count"], 9: ["field_count"], **expected}
    # row i stands on line i + 1, one further down after the cell of two lines
    lines = {i: i + 1 + (i > 5) for i in expected}
    assert rejected["rejected_line"].tolist() == sorted(lines.values())
    by_line = rejected.set_index("rejected_line")
    for i, rules in expected.items():
        row: dict[str, Any] = by_line.loc[[lines[i]]].to_dict("records")[0]  # type: ignore[assignment]
        assert sorted(row["rejected_rules"]) == rules
        if rules == ["field_count"]:
            assert row["rejected_text"] == ",".join(rows[i])
            assert row["rejected_values"] == [str(len(rows[i]))]
        else:
            assert [row[name] for name in rows[0]] == rows[i]
            assert pd.isna(row["rejected_text"])
        assert len(row["rejected_rules"]) == len(row["rejected_columns"])
        assert len(row["rejected_rules"]) == len(row["rejected_values"])

    kept = [i for i in range(1, len(rows)) if i not in expected and i != 11]
    assert accepted["customerID"].tolist() == [rows[i][0] for i in kept]
    assert quality["rows_read"] == len(rows) - 2
    assert quality["rows_accepted"] == len(kept) == len(accepted)
    assert quality["rows_rejected"] == len(expected)
    assert quality["unexpected_columns"] == ["note"]
    assert sum(quality["rejected_by_rule"].values()) == sum(map(len, expected.values()))
    assert quality["rejected_by_rule"]["field_count"] == 2
    assert quality["rejected_by_rule"]["not_an_integer (tenure)"] == 2
    assert quality["rejected_by_rule"]["duplicate_id (customerID)"] == 1


def test_parquet_is_checked_like_csv(
    tmp_path: Path, contract: Contract, customers_csv: str
) -> None:
    rows = list(csv.reader(io.StringIO(customers_csv)))
    expected = break_rows(rows, 40)
    path = tmp_path / "c.parquet"
    pd.DataFrame(rows[1:], columns=rows[0]).to_parquet(path)
    accepted, rejected, _ = ingest(RawTableDataset(filepath=str(path)).load(), contract)
    assert (
        dict(zip(rejected["rejected_line"], map(sorted, rejected["rejected_rules"]), strict=True))
        == expected
    )
    assert len(accepted) == len(rows) - 1 - len(expected)


def test_typed_parquet_gives_the_same_customers_as_csv(
    tmp_path: Path, contract: Contract, customers_csv: str
) -> None:
    typed = pd.read_csv(io.StringIO(customers_csv), na_values=" ")
    typed["tenure"] = typed["tenure"].astype("Int64")
    typed.loc[3, "SeniorCitizen"] = None
    typed["SeniorCitizen"] = typed["SeniorCitizen"].astype("Int64")
    path = tmp_path / "c.parquet"
    typed.to_parquet(path)
    from_parquet, rejected, _ = ingest(RawTableDataset(filepath=str(path)).load(), contract)
    from_csv, _, _ = ingest(read(tmp_path / "c.csv", customers_csv), contract)
    assert rejected["rejected_columns"].tolist() == [["SeniorCitizen"]]
    pd.testing.assert_frame_equal(from_parquet, from_csv.drop(index=3).reset_index(drop=True))


def test_clean_file_is_accepted_whole(
    tmp_path: Path, contract: Contract, customers_csv: str
) -> None:
    accepted, rejected, quality = ingest(read(tmp_path / "c.csv", customers_csv), contract)
    assert rejected.empty
    assert quality["rejected_share"] == 0
    assert quality["rejected_by_rule"] == {}
    assert len(accepted) == quality["rows_accepted"] == 1000
    assert list(accepted) == list(contract.columns)
    assert accepted["TotalCharges"].isna().sum() == accepted["tenure"].eq(0).sum()
    assert accepted["tenure"].dtype == "int64"
    assert accepted["Contract"].cat.categories.tolist() == list(contract.columns["Contract"].values)


def test_the_real_file_is_accepted_whole(telco_path: Path, contract: Contract) -> None:
    raw = RawTableDataset(filepath=str(telco_path)).load()
    accepted, rejected, quality = ingest(raw, contract)
    assert rejected.empty
    assert len(accepted) == 7043
    assert quality["unexpected_columns"] == []


def test_broken_rows_of_the_real_file_are_rejected(
    tmp_path: Path, telco_path: Path, contract: Contract
) -> None:
    rows = list(csv.reader(io.StringIO(telco_path.read_text())))
    expected = break_rows(rows, 200)
    accepted, rejected, _ = ingest(read(tmp_path / "c.csv", as_csv(rows, "\r\n")), contract)
    found = zip(rejected["rejected_line"] - 1, map(sorted, rejected["rejected_rules"]), strict=True)
    assert dict(found) == expected
    assert len(accepted) == 7043 - len(expected)


def test_quarantine_of_malformed_rows_alone_has_the_usual_types(
    tmp_path: Path, contract: Contract, customers_csv: str
) -> None:
    _, rejected, _ = ingest(read(tmp_path / "c.csv", customers_csv + "x,y\n"), contract)
    assert rejected["rejected_rules"].tolist() == [["field_count"]]
    assert rejected["rejected_columns"].tolist() == [[""]]
    assert rejected["rejected_values"].tolist() == [["2"]]
    assert rejected["rejected_reason"].tolist() == ["2 fields instead of 21."]
    path = tmp_path / "rejected.parquet"
    rejected.to_parquet(path)
    assert pd.read_parquet(path)["rejected_values"].iloc[0].tolist() == ["2"]


@settings(max_examples=examples(15), deadline=None)
@given(st.data())
def test_no_row_is_lost_and_good_rows_pass(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    contract = data.draw(contracts())
    rows = [list(row.values()) for row in data.draw(good_tables(contract))]
    good = len(rows)
    width = len(contract.columns)
    cell = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=5)
    # no more than the good ones: what most rows show is how the file is laid out
    bad = data.draw(
        st.lists(st.lists(cell, min_size=2, max_size=width + 2).filter("".join), max_size=good)
    )
    text = as_csv([list(contract.columns), *rows, *bad], "\n")
    raw = read(tmp_path_factory.mktemp("any") / "c.csv", text)
    accepted, rejected, quality = ingest(raw, contract)
    assert len(accepted) + len(rejected) == quality["rows_read"] == good + len(bad)
    assert (rejected["rejected_line"] > good + 1).all()
    assert rejected["rejected_reason"].str.len().gt(0).all()
    assert 0 <= quality["rejected_share"] <= 1


# The run stops


@pytest.mark.parametrize("absent", [["tenure"], ["Churn", "customerID"]])
def test_missing_columns_are_named(
    tmp_path: Path, contract: Contract, customers_csv: str, absent: list[str]
) -> None:
    table = pd.read_csv(io.StringIO(customers_csv), dtype="str").drop(columns=absent)
    raw = read(tmp_path / "c.csv", table.to_csv(index=False))
    with pytest.raises(DataError, match=r"c\.csv lacks the column") as caught:
        check_customers(raw, contract)
    assert all(name in str(caught.value) for name in absent)


def test_semicolons_separate_as_well_as_commas(
    tmp_path: Path, contract: Contract, customers_csv: str
) -> None:
    by_comma, *_ = ingest(read(tmp_path / "a.csv", customers_csv), contract)
    table = pd.read_csv(tmp_path / "a.csv", dtype="str", keep_default_na=False)
    text = table.to_csv(index=False, sep=";", lineterminator="\n")
    by_semicolon, *_ = ingest(read(tmp_path / "b.csv", text), contract)
    pd.testing.assert_frame_equal(by_semicolon, by_comma)


def test_too_many_rejected_rows_stop_the_run(
    tmp_path: Path, contract: Contract, customers_csv: str
) -> None:
    text = customers_csv + "x,y\n" * 60
    accepted, _, quality = ingest(read(tmp_path / "c.csv", text), contract)
    assert quality["rejected_share"] == pytest.approx(60 / 1060, abs=1e-6)
    assert accept_customers(accepted, quality, 0.06) is accepted
    with pytest.raises(DataError, match=r"5\.7% of c\.csv was rejected.*field_count: 60"):
        accept_customers(accepted, quality, 0.05)


def test_limit_itself_is_allowed(contract: Contract) -> None:
    quality = {"rejected_share": 0.05, "source": {"name": "c.csv"}, "rejected_by_rule": {"r": 1}}
    table = pd.DataFrame({"a": [1]})
    assert accept_customers(table, quality, 0.05) is table


def test_lines_swallowed_by_an_unclosed_quote_count(
    tmp_path: Path, contract: Contract, customers_csv: str
) -> None:
    lines = customers_csv.splitlines()
    lines[501] = '"' + lines[501]
    accepted, rejected, quality = ingest(read(tmp_path / "c.csv", "\n".join(lines)), contract)
    assert len(accepted) == 500
    assert rejected["rejected_line"].tolist() == [502]
    assert quality["rejected_share"] == pytest.approx(0.5, abs=0.002)
    with pytest.raises(DataError, match=r"ingestion\.max_rejected_share"):
        accept_customers(accepted, quality, 0.05)


def test_no_accepted_customer_stops_the_run(
    tmp_path: Path, contract: Contract, customers_csv: str
) -> None:
    header, first, *_ = customers_csv.splitlines()
    raw = read(tmp_path / "c.csv", f"{header}\n{first}x\n")
    accepted, _, quality = ingest(raw, contract)
    with pytest.raises(DataError, match=r"no row of c\.csv meets the contract; .*\(Churn\): 1"):
        accept_customers(accepted, quality, 1.0)


def test_worst_rules_come_first(contract: Contract) -> None:
    quality = {
        "rejected_share": 0.9,
        "source": {"name": "c.csv"},
        "rejected_by_rule": {"a": 1, "b": 7, "c": 3, "d": 5},
    }
    with pytest.raises(DataError, match=r"most frequent reasons: b: 7, d: 5, c: 3\. "):
        accept_customers(pd.DataFrame({"a": [1]}), quality, 0.5)


def test_a_table_with_a_column_of_the_quarantine_is_refused(
    contract: Contract, tmp_path: Path
) -> None:
    path = tmp_path / "again.csv"
    simulate_customers(5, seed=1).customers.assign(rejected_line=1).to_csv(path, index=False)
    raw = RawTableDataset(filepath=str(path)).load()
    with pytest.raises(DataError, match=r"again\.csv has the column rejected_line"):
        check_customers(raw, contract)
