from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from churn_pipeline.contract import Contract
from churn_pipeline.errors import DataError
from churn_pipeline.pipelines.features.nodes import split_customers, split_rows
from tests.panels import SPLIT, month_ends, panel, panel_contract, without_snapshot

KEY = ["account", "as_of"]


@pytest.fixture(scope="module")
def accounts() -> pd.DataFrame:
    return panel(2500, month_ends(8), churn=-2.7)


def part(
    table: pd.DataFrame, contract: Contract | None = None, **parameters: Any
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    return split_rows(table, contract or panel_contract(), SPLIT | parameters)


def test_the_latest_month_is_tested_and_outcomes_were_known_by_then(
    accounts: pd.DataFrame,
) -> None:
    train, test, record = part(accounts)
    first = pd.Timestamp(record["first_test_snapshot"])
    assert set(test["as_of"]) == set(accounts["as_of"][accounts["as_of"] >= first])
    assert (train["as_of"] + pd.Timedelta(days=30)).max() <= first
    n_gap = record["sides"]["gap"]["rows"]
    assert len(train) + len(test) + n_gap == len(accounts)
    both = pd.concat([train, test])[KEY]
    assert not both.duplicated().any()
    assert len(both.merge(accounts[KEY])) == len(both)


def test_the_record_tells_what_is_on_the_sides(accounts: pd.DataFrame) -> None:
    train, test, record = part(accounts)
    assert (record["method"], record["period"], record["gap_days"]) == ("time", "month", 30)
    assert record["gap_from"] == "horizon_days"
    for name, side in (("training", train), ("test", test)):
        found = record["sides"][name]
        assert found["rows"] == len(side)
        assert found["customers"] == side["account"].nunique()
        assert found["churners"] == (side["gone"] == "y").sum()
        assert found["churn_rate"] == pytest.approx((side["gone"] == "y").mean(), abs=1e-6)
        assert found["last_snapshot"] == f"{side['as_of'].max():%Y-%m-%d}"
    both = set(train["account"]) & set(test["account"])
    assert record["customers_on_both_sides"] == len(both) > 0
    assert [entry["period"] for entry in record["periods"]] == [f"2025-0{m}" for m in range(1, 9)]
    assert sum(entry["rows"] for entry in record["periods"]) == len(accounts)
    json.dumps(record, allow_nan=False)


def test_the_order_of_the_file_does_not_matter(accounts: pd.DataFrame) -> None:
    for method in (None, "customer"):
        one = part(accounts, method=method)
        other = part(accounts.sample(frac=1, random_state=1), method=method)
        pd.testing.assert_frame_equal(one[0], other[0])
        pd.testing.assert_frame_equal(one[1], other[1])
        assert one[2] == other[2]


def test_a_later_month_makes_training_longer_and_takes_nothing_from_it() -> None:
    longer = panel(2500, month_ends(9), churn=-2.7)
    shorter = longer[longer["as_of"] < longer["as_of"].max()]
    rows = [set(part(table)[0][KEY].itertuples(index=False)) for table in (shorter, longer)]
    assert rows[0] < rows[1]


def test_rows_of_a_customer_are_on_one_side_of_a_split_by_customer(accounts: pd.DataFrame) -> None:
    train, test, record = part(accounts, method="customer")
    assert set(train["account"]).isdisjoint(test["account"])
    assert len(train) + len(test) == len(accounts)
    assert record["customers_on_both_sides"] == 0
    assert record["sides"]["gap"] is None
    assert {entry["side"] for entry in record["periods"]} == {"training", "test"}
    assert "by customer although the rows have several snapshots" in record["notes"][0]


def test_one_snapshot_or_none_is_split_by_customer(accounts: pd.DataFrame) -> None:
    once = accounts[accounts["as_of"] == accounts["as_of"].min()]
    plain = without_snapshot(panel_contract())
    expected = split_customers(once, plain, 0.2, 42)
    for contract in (panel_contract(), plain):
        train, test, record = part(once, contract)
        pd.testing.assert_frame_equal(train, expected[0])
        pd.testing.assert_frame_equal(test, expected[1])
        assert record["method"] == "customer"
    assert record["notes"] == []
    assert record["sides"]["test"]["first_snapshot"] is None
    with pytest.raises(DataError, match=r"split\.method is time, but the table has no column"):
        part(once, plain, method="time")
    with pytest.raises(DataError, match=r"split\.method is time, but the table has only one snap"):
        part(once, method="time")


@pytest.mark.parametrize(
    ("horizon", "parameters", "note"),
    [
        (None, {}, "Neither split.gap_days nor the target's horizon_days"),
        (30, {"gap_days": 7}, "gap of 7 days is shorter than the 30 days"),
        (30, {"gap_days": 0}, "gap of 0 days is shorter"),
        (30, {"period": "quarter"}, None),
        (30, {"gap_days": 40}, None),
        (None, {"gap_days": 0}, None),
    ],
)
def test_notes_say_what_makes_the_test_too_good(
    accounts: pd.DataFrame, horizon: int | None, parameters: dict[str, Any], note: str | None
) -> None:
    notes = part(accounts, panel_contract(horizon), **parameters)[2]["notes"]
    assert len(notes) == (0 if note is None else 1)
    assert note is None or note in notes[0]


def test_few_churners_a_month_take_more_months_and_say_so() -> None:
    table = panel(600, month_ends(12), churn=-4.5)
    _, test, record = part(table)
    assert record["test_periods"] > 1
    assert test["as_of"].nunique() == record["test_periods"]
    assert "since fewer have under 50 rows of either outcome" in record["notes"][0]


def test_daily_snapshots_are_grouped_into_months() -> None:
    table = panel(3000, pd.date_range("2025-01-01", periods=80, freq="D"), churn=-3.5)
    _, test, record = part(table, gap_days=3)
    assert [entry["period"] for entry in record["periods"]][-1] == "2025-03"
    assert test["as_of"].min() == pd.Timestamp("2025-03-01")


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"gap_days": 300}, "no row is early enough to train on: .* the gap is 300 days"),
        ({"test_periods": 8}, "split.test_periods is 8, .* only 8 periods"),
    ],
)
def test_a_split_that_leaves_nothing_is_one_sentence(
    accounts: pd.DataFrame, parameters: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(DataError, match=sentence):
        part(accounts, **parameters)


@pytest.mark.parametrize(("late", "side"), [(True, "test"), (False, "training")])
def test_a_side_without_churners_is_one_sentence(
    accounts: pd.DataFrame, late: bool, side: str
) -> None:
    dates = accounts["as_of"]
    stays = (dates > dates.min()) if late else (dates < dates.max())
    table = accounts.assign(gone=accounts["gone"].mask(stays, "n"))
    with pytest.raises(DataError, match=rf"the {side} set has 0 churned .* change split\.test_per"):
        part(table)


def test_copies_of_a_row_are_on_one_side() -> None:
    contract = without_snapshot(panel_contract(is_generated=True))
    hashes = [f"{i:016x}" for i in range(400)]
    ids = [name + copy for name in hashes for copy in ("", "-2", "-3")]
    random = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "account": ids,
            "plan": "a",
            "usage": np.repeat(random.normal(size=400), 3),
            "gone": np.repeat(np.where(random.random(400) < 0.3, "y", "n"), 3),
        }
    )
    train, test, record = part(table, contract)
    assert len(train) + len(test) == 1200
    sides = [set(side["account"].str.partition("-")[0]) for side in (train, test)]
    assert sides[0].isdisjoint(sides[1])
    assert record["customers_on_both_sides"] is None
