"""What ingestion makes of tables as they come: it works, or says in one sentence why not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from churn_pipeline.contract import Contract, parse_contract
from churn_pipeline.errors import DataError
from churn_pipeline.io.raw_table import RawTable, RawTableDataset
from churn_pipeline.pipelines.features.nodes import derive_features
from churn_pipeline.pipelines.ingestion.nodes import (
    accept_customers,
    check_customers,
    quarantine_customers,
    report_data_quality,
)

ID = {"key": {"type": "text", "role": "id"}}
TARGET = {"left": {"type": "category", "role": "target", "values": ["n", "y"], "positive": "y"}}
FEE = {"fee": {"type": "number"}}
DAY = {"day": {"type": "date", "role": "snapshot"}}

Ingested = tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]


def contract_of(*columns: dict[str, Any], **derived: str) -> Contract:
    named = {name: {"meaning": "m", **column} for part in columns for name, column in part.items()}
    return parse_contract(
        {
            "name": "messy",
            "missing_values": ["", "NA"],
            "columns": named,
            "derived_columns": {
                name: {"expression": text, "meaning": "m"} for name, text in derived.items()
            },
        }
    )


def raw_table(path: Path, table: pd.DataFrame | str) -> RawTable:
    text = table if isinstance(table, str) else table.to_csv(index=False)
    (path / "messy.csv").write_text(text, encoding="utf-8")
    return RawTableDataset(filepath=str(path / "messy.csv")).load()


def ingest(path: Path, table: pd.DataFrame | str, contract: Contract) -> Ingested:
    raw = raw_table(path, table)
    typed, violations = check_customers(raw, contract)
    accepted, rejected = quarantine_customers(raw, typed, violations, contract)
    return accepted, rejected, report_data_quality(raw, typed, rejected, contract)


def table_of(n: int, **columns: Any) -> pd.DataFrame:
    """Return n customers of whom every third left."""
    own = {
        "key": [f"C{i}" for i in range(n)],
        "left": ["y" if i % 3 == 0 else "n" for i in range(n)],
    }
    return pd.DataFrame({**own, "fee": np.arange(n) / 4, **columns})


def test_blanks_around_headers_and_cells_do_not_matter(tmp_path: Path) -> None:
    text = "key ,  left,fee  \n C1 , y,  1.5\nC2,n ,2 \n"
    accepted, rejected, _ = ingest(tmp_path, text, contract_of(ID, TARGET, FEE))
    assert rejected.empty
    assert accepted.to_dict("list") == {"key": ["C1", "C2"], "left": ["y", "n"], "fee": [1.5, 2.0]}


def test_equal_rows_and_ids_stay_once(tmp_path: Path) -> None:
    text = "key,left,fee\nC1,y,1\nC1,y,1\nC2,n,2\nC2,n,3\n"
    accepted, rejected, quality = ingest(tmp_path, text, contract_of(ID, TARGET, FEE))
    assert accepted["fee"].tolist() == [1.0, 2.0]
    assert rejected["rejected_line"].tolist() == [3, 5]
    assert quality["rejected_by_rule"] == {"duplicate_id (key)": 2}
    assert rejected["rejected_reason"].tolist()[0] == "key: 'C1' is already on an earlier row."


def test_customers_without_ids_get_some(tmp_path: Path) -> None:
    key = {"key": {"type": "text", "role": "id", "generated": True}}
    text = "fee,left\n1,y\n1 ,y\n2,n\n1,n\n"
    accepted, rejected, _ = ingest(tmp_path, text, contract_of(key, TARGET, FEE))
    assert rejected.empty
    first, *others = accepted["key"].tolist()
    assert len(first) == 16
    # equal customers are told apart by what follows the dash, whatever became of them
    assert others[0] == f"{first}-2"
    assert others[2] == f"{first}-3"
    assert not others[1].startswith(first)
    # neither other rows nor the outcome change an id
    again, _, _ = ingest(tmp_path, "left,more,fee\nn,x,2\nn,x,1\n", contract_of(key, TARGET, FEE))
    assert again["key"].tolist() == [others[1], first]


def test_the_order_of_the_contract_does_not_change_generated_ids(tmp_path: Path) -> None:
    key = {"key": {"type": "text", "role": "id", "generated": True}}
    use = {"use": {"type": "number"}}
    text = "fee,use,left\n1,5,y\n2,6,n\n"
    one, _, _ = ingest(tmp_path, text, contract_of(key, TARGET, FEE, use))
    other, _, _ = ingest(tmp_path, text, contract_of(use, TARGET, FEE, key))
    assert one["key"].tolist() == other["key"].tolist()


def test_what_is_missing_in_one_column_is_a_value_in_another(tmp_path: Path) -> None:
    fee = {"fee": {"type": "number", "nullable": True, "missing_values": ["Unknown"]}}
    home = {"home": {"type": "category", "values": ["Known", "Unknown"]}}
    text = "key,left,fee,home\na,y,Unknown,Unknown\nb,n,3,Known\n"
    accepted, rejected, _ = ingest(tmp_path, text, contract_of(ID, TARGET, fee, home))
    assert rejected.empty
    assert accepted["fee"].isna().tolist() == [True, False]
    assert accepted["home"].tolist() == ["Unknown", "Known"]


def test_a_time_of_day_is_dropped_since_requests_give_none(tmp_path: Path) -> None:
    joined = {"joined": {"type": "date"}}
    text = "key,left,fee,day,joined\na,y,1,2026-01-31 18:00:00,2026-01-01T06:30:00\n"
    contract = contract_of(ID, TARGET, FEE, DAY, joined)
    accepted, _, _ = ingest(tmp_path, text, contract)
    assert accepted["day"].astype("str").tolist() == ["2026-01-31"]
    assert accepted["joined"].astype("str").tolist() == ["2026-01-01"]


def test_an_absent_id_is_told_with_the_remedy(tmp_path: Path) -> None:
    raw = raw_table(tmp_path, "fee,left\n1,y\n")
    with pytest.raises(DataError, match=r"messy\.csv lacks the column key.*`generated: true`") as e:
        check_customers(raw, contract_of(ID, TARGET, FEE))
    assert "\n" not in str(e.value)


def test_headers_in_other_letters_are_told_by_their_likeness(tmp_path: Path) -> None:
    raw = raw_table(tmp_path, "Key,left,FEE\nC1,y,1\n")
    with pytest.raises(DataError, match=r"did you write 'Key' for 'key', 'FEE' for 'fee'\?"):
        check_customers(raw, contract_of(ID, TARGET, FEE))


def test_bad_cells_of_a_mixed_column_are_rejected_alone(tmp_path: Path) -> None:
    fees = ["1", "2.5", "n/a", "free", "3e2", "NA", "12/5", "-4"]
    table = table_of(8, fee=fees)
    contract = contract_of(ID, TARGET, {"fee": {"type": "number", "nullable": True}})
    accepted, rejected, quality = ingest(tmp_path, table, contract)
    assert rejected["fee"].tolist() == ["n/a", "free", "12/5"]
    assert rejected["rejected_reason"].tolist()[1] == "fee: 'free' is not a number."
    assert accepted["fee"].fillna(-1).tolist() == [1.0, 2.5, 300.0, -1.0, -4.0]
    assert quality["rejected_by_rule"] == {"not_a_number (fee)": 3}


@pytest.mark.parametrize(
    ("keys", "cells"),
    [
        ({"decimal": ",", "thousands": "."}, ["1.234.567,5", "-12,25", "1.000"]),
        ({"thousands": ",", "strip": ["$"]}, ["$1,234,567.5", "-$12.25", "$1,000"]),
        ({"decimal": ",", "thousands": " ", "strip": ["€"]}, ["1 234 567,5 €", "-12,25", "1000€"]),
    ],
)
def test_numbers_are_read_as_the_contract_says_that_they_are_spelled(
    tmp_path: Path, keys: dict[str, Any], cells: list[str]
) -> None:
    contract = contract_of(ID, TARGET, {"fee": {"type": "number", **keys}})
    accepted, rejected, _ = ingest(tmp_path, table_of(3, fee=cells), contract)
    assert rejected.empty
    assert accepted["fee"].tolist() == [1234567.5, -12.25, 1000.0]


def test_numbers_in_other_spellings_are_not_guessed(tmp_path: Path) -> None:
    table = table_of(3, fee=["1.234,5", "1,234", "7"])
    accepted, rejected, _ = ingest(tmp_path, table, contract_of(ID, TARGET, FEE))
    assert accepted["fee"].tolist() == [7.0]
    assert rejected["rejected_values"].tolist() == [["1.234,5"], ["1,234"]]


def test_booleans_are_read_in_all_their_spellings(tmp_path: Path) -> None:
    spellings = {"Yes": ["TRUE", "true", "1", "y", "Y"], "No": ["FALSE", "0", "N"]}
    flag = {"flag": {"type": "category", "values": ["No", "Yes"], "spellings": spellings}}
    target = {"left": {**TARGET["left"], "spellings": {"y": ["1", "True"], "n": ["0", "False"]}}}
    flags = ["TRUE", "0", "y", "No", " N ", "1", "Y", "FALSE", "maybe"]
    table = table_of(9, flag=flags, left=["1", "0", "True", "False", "n", "y", "0", "0", "1"])
    accepted, rejected, _ = ingest(tmp_path, table, contract_of(ID, target, FEE, flag))
    assert accepted["flag"].tolist() == ["Yes", "No", "Yes", "No", "No", "Yes", "Yes", "No"]
    assert accepted["left"].tolist() == ["y", "n", "y", "n", "n", "y", "n", "n"]
    assert rejected["rejected_reason"].tolist() == ["flag: 'maybe' is not one of No, Yes."]


def test_dates_in_several_formats_become_days(tmp_path: Path) -> None:
    formats = {"formats": ["%d/%m/%Y", "%d %b %Y"]}
    joined = {"joined": {"type": "date", **formats}}
    cells = ["01/02/2026", "1 Feb 2026", "2026-02-01", "2026-02-01 12:00", "02/30/2026"]
    contract = contract_of(ID, TARGET, joined, DAY, days="day - joined")
    table = table_of(5, joined=cells, day="2026-03-01")
    accepted, rejected, _ = ingest(tmp_path, table, contract)
    assert accepted["joined"].dtype == "datetime64[us]"
    assert derive_features(accepted, contract)["days"].tolist() == [28.0, 28.0, 28.0, 28.0]
    assert rejected["rejected_reason"].tolist() == [
        "joined: '02/30/2026' is not a date of the form %d/%m/%Y or %d %b %Y or 2026-01-31."
    ]


@pytest.mark.parametrize("levels", [50, 50_000])
def test_new_values_of_an_open_category_are_missing(tmp_path: Path, levels: int) -> None:
    values = [f"postcode {i}" for i in range(levels)]
    town = {"town": {"type": "category", "values": values, "open": True}}
    table = table_of(levels + 2, town=[*values, "new", "newer"])
    accepted, rejected, quality = ingest(tmp_path, table, contract_of(ID, TARGET, FEE, town))
    assert rejected.empty
    assert accepted["town"].isna().sum() == 2
    assert accepted["town"].dropna().tolist() == values
    assert quality["completeness"]["town"] == pytest.approx(1 - 2 / (levels + 2), abs=1e-6)


def test_a_closed_category_of_many_values_is_told_in_one_short_sentence(tmp_path: Path) -> None:
    values = [f"v{i}" for i in range(50_000)]
    town = {"town": {"type": "category", "values": values}}
    table = table_of(3, town=["v1", "v49999", "new"])
    _, rejected, _ = ingest(tmp_path, table, contract_of(ID, TARGET, FEE, town))
    (reason,) = rejected["rejected_reason"]
    assert reason.startswith("town: 'new' is not one of v0, v1, ")
    assert reason.endswith("v19, … (50,000 values).")


def test_constant_and_almost_empty_columns_pass(tmp_path: Path) -> None:
    n = 300
    same = {"same": {"type": "category", "values": ["x"]}}
    rare = {"rare": {"type": "number", "nullable": True}}
    never = {"never": {"type": "date", "nullable": True}}
    contract = contract_of(ID, TARGET, FEE, same, rare, never)
    cells = ["5" if i % 100 == 0 else "" for i in range(n)]
    table = table_of(n, same="x", rare=cells, never="NA")
    accepted, rejected, quality = ingest(tmp_path, table, contract)
    assert rejected.empty
    assert len(accepted) == n
    assert quality["completeness"]["rare"] == 0.01
    assert quality["completeness"]["never"] == 0
    assert accepted["never"].dtype == "datetime64[us]"


def test_five_hundred_columns_of_three_hundred_customers_pass(tmp_path: Path) -> None:
    names = [f"n{i}" for i in range(500)]
    numbers = np.random.default_rng(0).normal(size=(300, 500)).round(3)
    wide = {name: {"type": "number"} for name in names}
    table = pd.concat([table_of(300), pd.DataFrame(numbers, columns=names)], axis=1)
    accepted, rejected, _ = ingest(tmp_path, table, contract_of(ID, TARGET, FEE, wide))
    assert rejected.empty
    np.testing.assert_array_equal(accepted[names].to_numpy(), numbers)


def test_of_many_columns_the_first_that_lack_are_named(tmp_path: Path) -> None:
    wide = {f"n{i}": {"type": "number"} for i in range(500)}
    raw = raw_table(tmp_path, table_of(3))
    with pytest.raises(DataError, match=r"lacks the columns n0, n1, .*, … \(500 values\)") as e:
        check_customers(raw, contract_of(ID, TARGET, FEE, wide))
    assert len(str(e.value)) < 600


# Snapshots


def test_a_customer_has_one_row_a_snapshot(tmp_path: Path) -> None:
    text = "key,left,fee,day\nC1,n,1,2026-01-31\nC1,y,2,2026-02-28\nC1,y,3,2026-02-28\n"
    accepted, rejected, _ = ingest(tmp_path, text, contract_of(ID, TARGET, FEE, DAY))
    assert accepted["fee"].tolist() == [1.0, 2.0]
    assert rejected["rejected_reason"].tolist() == [
        "key: 'C1' is already on an earlier row with the same day."
    ]


def test_a_snapshot_is_never_missing(tmp_path: Path) -> None:
    text = "key,left,fee,day\nC1,n,1,\nC2,y,2,2026-02-28\n"
    accepted, rejected, _ = ingest(tmp_path, text, contract_of(ID, TARGET, FEE, DAY))
    assert accepted["key"].tolist() == ["C2"]
    assert rejected["rejected_reason"].tolist() == ["day: '' is missing, but a value is required."]


def test_a_file_of_one_day_needs_no_snapshot(tmp_path: Path) -> None:
    joined = {"joined": {"type": "date"}}
    day = {"day": {**DAY["day"], "default": "2026-01-31"}}
    contract = contract_of(ID, TARGET, joined, day, days="day - joined")
    table = table_of(2, joined=["2026-01-01", "2025-01-31"])
    accepted, rejected, _ = ingest(tmp_path, table, contract)
    assert rejected.empty
    assert derive_features(accepted, contract)["days"].tolist() == [30.0, 365.0]
    with pytest.raises(DataError, match="give day a `default` there"):
        check_customers(raw_table(tmp_path, table), contract_of(ID, TARGET, joined, DAY, days="1"))


def test_a_date_after_the_snapshot_is_leakage(tmp_path: Path) -> None:
    paid = {"paid": {"type": "date", "nullable": True}}
    ended = {"ended": {"type": "date", "nullable": True, "role": "ignored"}}
    contract = contract_of(ID, TARGET, FEE, paid, ended, DAY)
    days = ["2026-01-31", "2026-02-01", "2026-01-31 23:59", ""]
    table = table_of(4, paid=days, ended="2026-12-31", day="2026-01-31")
    accepted, rejected, quality = ingest(tmp_path, table, contract)
    assert accepted["key"].tolist() == ["C0", "C2", "C3"]
    assert quality["rejected_by_rule"] == {"after_snapshot (paid)": 1}
    assert rejected["rejected_reason"].tolist() == [
        "paid: '2026-02-01' was not yet known on the day of day, '2026-01-31'."
    ]


def test_snapshots_whose_outcomes_are_not_all_known_yet_are_set_aside(tmp_path: Path) -> None:
    target = {"left": {**TARGET["left"], "horizon_days": 30}}
    contract = contract_of(ID, target, FEE, DAY)
    days = ["2025-11-30", "2025-12-30", "2026-01-01", "2026-01-02", "2026-01-31", "2026-01-31"]
    table = table_of(
        6, day=days, left=["", "n", "", "", "y", ""], fee=["1", "2", "3", "4", "5", "free"]
    )
    accepted, rejected, quality = ingest(tmp_path, table, contract)
    # who has left by January 31 is known, who stays is not
    assert accepted["key"].tolist() == ["C1"]
    # thirty days before the latest snapshot the outcome has to be known
    assert rejected["key"].tolist() == ["C0", "C2", "C5"]
    assert rejected["rejected_rules"].tolist() == [["missing"], ["missing"], ["not_a_number"]]
    assert (quality["rows_accepted"], quality["rows_rejected"], quality["rows_pending"]) == (
        1,
        3,
        2,
    )


def test_one_blank_outcome_sets_no_snapshot_aside(tmp_path: Path) -> None:
    target = {"left": {**TARGET["left"], "horizon_days": 90}}
    days = ["2025-10-31"] * 30 + ["2025-11-30"] * 30
    table = table_of(60, day=days, left=["", *["n", "y"] * 29, "n"])
    accepted, _, quality = ingest(tmp_path, table, contract_of(ID, target, FEE, DAY))
    assert (quality["rows_accepted"], quality["rows_pending"]) == (59, 1)
    assert "C0" not in accepted["key"].tolist()


def test_late_snapshots_whose_outcomes_are_all_known_are_kept(tmp_path: Path) -> None:
    target = {"left": {**TARGET["left"], "horizon_days": 30}}
    days = ["2025-12-31", "2025-12-31", "2026-01-31", "2026-01-31"]
    table = table_of(4, day=days, left=["n", "y", "y", "n"])
    _, _, quality = ingest(tmp_path, table, contract_of(ID, target, FEE, DAY))
    assert (quality["rows_accepted"], quality["rows_pending"]) == (4, 0)


def test_a_file_of_pending_outcomes_alone_is_told(tmp_path: Path) -> None:
    target = {"left": {**TARGET["left"], "horizon_days": 30}}
    table = table_of(2, day="2026-01-31", left="")
    accepted, _, quality = ingest(tmp_path, table, contract_of(ID, target, FEE, DAY))
    with pytest.raises(DataError, match=r"messy\.csv has an outcome yet; 2 rows are pending"):
        accept_customers(accepted, quality, 0.05)
