from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from churn_pipeline.errors import DataError
from tests.discovery.tables import (
    N,
    amounts,
    churn,
    contract,
    ids,
    infer,
    keys,
    plan,
    questions,
    raw,
    rejected,
)

DAYS = pd.date_range("2019-01-05", periods=N, freq="3D")
SHUFFLED = DAYS[np.random.default_rng(6).permutation(N)]
FORMATS = [
    "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%m-%d-%Y", "%d/%m/%y", "%Y/%m/%d", "%d-%b-%Y", "%d %B %Y",
    "%b %d, %Y", "%Y%m%d", "%d/%m/%Y %H:%M", "%m/%d/%Y %I:%M:%S %p", "%d%b%Y",
]  # fmt: skip


@pytest.mark.parametrize("form", FORMATS)
def test_a_format_is_found(form: str) -> None:
    table = {"signup_date": SHUFFLED.strftime(form).tolist()}
    inference = infer(table)
    found = inference.document["columns"]["signup_date"]
    assert found["type"] == "date"
    assert found["formats"] == [form]
    derived = contract(inference).derived_columns[0]
    assert derived.name == "days_since_signup_date"
    days = SHUFFLED.to_numpy().astype("datetime64[D]").astype(float)
    snapshot = float(DAYS[-1].to_datetime64().astype("datetime64[D]").astype(int))
    values = derived.expression({"snapshot_date": snapshot, "signup_date": days})
    np.testing.assert_array_equal(values, snapshot - days)


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"])
def test_iso_needs_no_format(form: str) -> None:
    found = keys({"signup": SHUFFLED.strftime(form).tolist()}, "signup")
    assert found["type"] == "date"
    assert "formats" not in found


def test_several_formats_in_one_column() -> None:
    texts = [
        d.strftime(("%Y-%m-%d", "%d.%m.%Y", "%b %d, %Y")[i % 3]) for i, d in enumerate(SHUFFLED)
    ]
    found = keys({"signup": texts}, "signup")
    assert sorted(found["formats"]) == ["%b %d, %Y", "%d.%m.%Y"]


def test_a_mixed_order_is_a_warning() -> None:
    texts = [d.strftime(("%d/%m/%Y", "%m/%d/%Y")[i % 4 == 0]) for i, d in enumerate(SHUFFLED)]
    inference = infer({"signup": texts})
    assert inference.document["columns"]["signup"]["formats"] == ["%d/%m/%Y", "%m/%d/%Y"]
    assert any("signup mixes" in text for text in inference.notes.warnings)


def ambiguous() -> list[str]:
    rng = np.random.default_rng(7)
    return [f"{a:02d}/{b:02d}/2020" for a, b in rng.integers(1, 13, (N, 2))]


def test_an_ambiguous_order_is_a_question() -> None:
    inference = infer({"signup": ambiguous()})
    assert inference.document["columns"]["signup"]["formats"] == ["%d/%m/%Y"]
    assert questions(inference, "signup write the day or")


def test_another_column_decides_the_order() -> None:
    table = {"signup": ambiguous(), "last_order": SHUFFLED.strftime("%m/%d/%Y").tolist()}
    inference = infer(table)
    assert inference.document["columns"]["signup"]["formats"] == ["%m/%d/%Y"]
    assert not questions(inference, "day first")


@pytest.mark.parametrize(("form", "order"), [("%d/%m/%Y", "%d/%m/%Y"), ("%m/%d/%Y", "%m/%d/%Y")])
def test_first_days_of_months_tell_the_order(form: str, order: str) -> None:
    months = pd.date_range("2015-01-01", periods=60, freq="MS")
    texts = [months[i % 60].strftime(form) for i in range(N)]
    assert keys({"signup": texts}, "signup")["formats"] == [order]


def test_digits_are_dates_only_where_the_name_says_so() -> None:
    texts = SHUFFLED[np.arange(N) // 2].strftime("%Y%m%d").tolist()
    assert keys({"balance": texts}, "balance")["type"] == "integer"


def test_seconds_since_1970_stay_numbers_with_a_derived_duration() -> None:
    seconds = (SHUFFLED.astype("int64") // 10 ** (9 if SHUFFLED.unit == "ns" else 6)).tolist()
    inference = infer({"created_at": seconds})
    found = inference.document["columns"]["created_at"]
    assert (found["type"], found["unit"]) == ("integer", "seconds since 1970")
    derived = inference.document["derived_columns"]["days_since_created_at"]
    assert derived["expression"] == "snapshot_date - created_at / 86400"
    contract(inference)


def test_never_is_a_missing_date() -> None:
    texts = ["9999-12-31" if i % 9 == 0 else str(d.date()) for i, d in enumerate(SHUFFLED)]
    inference = infer({"last_order": texts})
    assert inference.document["missing_values"] == ["", "9999-12-31"]
    assert inference.document["columns"]["last_order"]["nullable"]
    assert inference.document["columns"]["snapshot_date"]["default"] == str(DAYS[-1].date())


def panel(months: int = 8, customers: int = 100) -> dict[str, Any]:
    rng = np.random.default_rng(8)
    starts = pd.date_range("2024-01-31", periods=months, freq="ME")
    n = months * customers
    return {
        "customer_id": np.repeat(ids(customers), months).tolist(),
        "snapshot_date": np.tile(starts.strftime("%Y-%m-%d"), customers).tolist(),
        "signup": [str(d) for d in np.datetime64("2022-01-01") + rng.integers(0, 700, n)],
        "amount": amounts(n),
        "churn": churn(n, 0.1),
    }


def test_a_panel_has_a_snapshot_and_repeats_ids() -> None:
    table = panel()
    inference = infer(table, horizon_days=30)
    columns = inference.document["columns"]
    assert columns["snapshot_date"]["role"] == "snapshot"
    assert columns["customer_id"]["role"] == "id"
    assert columns["churn"]["horizon_days"] == 30
    assert inference.keys.repeated == 0
    assert not questions(inference, "How many days after")
    assert rejected(raw(table), inference).empty


def test_a_month_can_be_the_snapshot() -> None:
    table = panel()
    table["month"] = [text[:7] for text in table.pop("snapshot_date")]
    inference = infer(table)
    assert inference.document["columns"]["month"]["role"] == "snapshot"
    assert questions(inference, "How many days after")
    assert rejected(raw(table), inference).empty


def test_dates_after_the_snapshot_are_left_out() -> None:
    table = panel()
    later = pd.to_datetime(pd.Series(table["snapshot_date"])) + pd.to_timedelta(9, "D")
    table["last_call"] = later.dt.strftime("%Y-%m-%d").tolist()
    inference = infer(table)
    assert inference.document["columns"]["last_call"]["role"] == "ignored"
    assert "later than the snapshot" in plan(inference, "last_call").why
    assert list(inference.document["derived_columns"]) == ["days_since_signup"]


def test_ends_of_contracts_do_not_set_the_snapshot() -> None:
    ends = (SHUFFLED + pd.to_timedelta(400, "D")).strftime("%Y-%m-%d").tolist()
    inference = infer({"signup": SHUFFLED.strftime("%Y-%m-%d").tolist(), "contract_end": ends})
    columns = inference.document["columns"]
    assert columns["snapshot_date"]["default"] == str(DAYS[-1].date())
    assert columns["contract_end"]["role"] == "ignored"


def test_each_date_becomes_days_and_none_follows_from_others() -> None:
    gaps = pd.to_timedelta(np.random.default_rng(9).integers(1, 200, N), "D")
    table = {
        "signup": SHUFFLED.strftime("%Y-%m-%d").tolist(),
        "first order": (SHUFFLED + gaps).strftime("%Y-%m-%d").tolist(),
    }
    derived = infer(table).document["derived_columns"]
    # the days between them are a difference of the two
    assert {name: column["expression"] for name, column in derived.items()} == {
        "days_since_signup": "snapshot_date - signup",
        "days_since_first_order": "snapshot_date - col('first order')",
    }


def test_the_snapshot_of_the_user_must_be_a_date() -> None:
    with pytest.raises(DataError, match=r"the column amount of table\.csv is not a date column"):
        infer({"x": range(N)}, snapshot="amount")
    with pytest.raises(DataError, match="--horizon-days counts from a snapshot"):
        infer({"x": range(N)}, horizon_days=30)


def births(first: str, last: str, form: str) -> list[str]:
    days = np.arange(np.datetime64(first), np.datetime64(last))
    chosen = np.random.default_rng(9).choice(days, N)
    return list(pd.DatetimeIndex(chosen).strftime(form))


@pytest.mark.parametrize(
    ("first", "last", "signup", "why"),
    [
        ("1931-01-01", "2002-01-01", "%Y-%m-%d", "would reach from"),
        ("1940-01-01", "1968-01-01", "%Y-%m-%d", "while other dates end on"),
        ("1940-01-01", "1968-01-01", None, "may be of another century"),
    ],
)
def test_years_of_two_digits_are_not_read_of_a_wrong_century(
    first: str, last: str, signup: str | None, why: str
) -> None:
    table = {"dob": births(first, last, "%d/%m/%y")}
    if signup:
        table["signup"] = SHUFFLED.strftime(signup).tolist()
    inference = infer(table)
    assert inference.document["columns"]["dob"]["role"] == "ignored"
    assert why in plan(inference, "dob").why
    assert questions(inference, "Which century are the two-digit years of dob")
    assert any("dob is left out" in text for text in inference.notes.warnings)
    if signup:
        default = inference.document["columns"]["snapshot_date"]["default"]
        assert default == str(DAYS[-1].date())
    else:
        assert "snapshot_date" not in inference.document["columns"]


def test_years_of_two_digits_beside_dates_that_agree_are_read() -> None:
    table = {
        "signup": SHUFFLED.strftime("%d/%m/%y").tolist(),
        "last_order": SHUFFLED.strftime("%Y-%m-%d").tolist(),
        "dob": births("1972-01-01", "2001-01-01", "%d/%m/%y"),
    }
    columns = infer(table).document["columns"]
    assert all(columns[name]["type"] == "date" for name in table)


def test_births_are_no_snapshot() -> None:
    table = {"date_of_birth": births("1960-01-01", "2005-01-01", "%Y-%m-%d")}
    inference = infer(table)
    assert inference.document["columns"]["date_of_birth"]["role"] == "ignored"
    assert inference.keys.snapshot is None
    assert questions(inference, "date_of_birth is left out")
    table["valid until"] = ["2031-01-31", "2030-01-31"] * (N // 2)
    assert infer(table).document["columns"]["snapshot_date"]["default"] == "2031-01-31"
