"""Dates, snapshots, and the keys that say how raw cells are written."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from churn_pipeline.contract import parse_contract
from churn_pipeline.errors import ContractError
from tests.contract.documents import DOCUMENT, changed

DAY = {"type": "date", "role": "snapshot", "meaning": "m"}
JOINED = {"type": "date", "meaning": "m"}


def dated(**changes: dict[str, Any]) -> dict[str, Any]:
    """Return the document with a snapshot and a date, and with keys added to columns."""
    document = copy.deepcopy(DOCUMENT)
    document["columns"] |= {"day": dict(DAY), "joined": dict(JOINED)}
    document["derived_columns"]["days"] = {"expression": "day - joined", "meaning": "m"}
    for name, change in changes.items():
        document["columns"].setdefault(name, {}).update(change)
    return document


def test_dates_are_read_by_derived_columns_alone() -> None:
    contract = parse_contract(dated(left={"horizon_days": 30}))
    assert contract.snapshot is contract.columns["day"]
    assert contract.key == ("key", "day")
    assert [column.name for column in contract.dates] == ["day", "joined"]
    assert contract.model_inputs == ("age", "fee", "ratio", "days", "plan")
    assert [c.name for c in contract.read_columns] == ["plan", "age", "fee", "day", "joined"]
    assert contract.target.horizon_days == 30
    assert parse_contract(DOCUMENT).snapshot is None
    assert parse_contract(DOCUMENT).key == ("key",)


def test_the_snapshot_is_read_only_where_a_derived_column_does() -> None:
    document = dated()
    document["derived_columns"]["days"]["expression"] = "joined > date('2025-01-01')"
    assert "day" not in [column.name for column in parse_contract(document).read_columns]


def test_an_open_category_may_be_missing() -> None:
    assert parse_contract(dated(plan={"open": True})).columns["plan"].nullable


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("fee", {"formats": ["%Y"]}, "columns.fee.formats only fits type date, not number"),
        ("joined", {"decimal": ","}, "joined.decimal only fits type integer and number, not date"),
        ("fee", {"open": True}, "columns.fee.open only fits type category, not number"),
        ("joined", {"values": ["a"]}, "joined.values only fits type category, not date"),
        ("joined", {"minimum": 1}, "minimum/maximum only fit types integer and number, not date"),
        ("joined", {"formats": ["%Q"]}, "'%Q' with the code %Q; valid codes: %% %a %b"),
        ("joined", {"formats": ["%d %z"]}, "with the code %z; valid codes"),
        ("joined", {"formats": ["%"]}, "valid codes"),
        ("joined", {"formats": ["%d/%Y"]}, "'%d/%Y', which does not give a month; an example is"),
        ("joined", {"formats": "%d"}, "joined.formats must be a list of texts"),
        ("joined", {"default": "2026-01-31"}, "joined.default only fits the snapshot"),
        ("day", {"default": "31/01/2026"}, "day.default must be a date in quotes, such as"),
        ("day", {"default": "2026-02-30"}, "day.default must be a date in quotes, such as"),
        ("day", {"default": 20260131}, "day.default must be a date in quotes, such as"),
        ("day", {"nullable": True}, "columns.day.nullable does not fit role snapshot"),
        ("day", {"type": "text"}, "columns.day.type of a snapshot must be date, not text"),
        (
            "day",
            {"role": ["snapshot", "feature"]},
            "day.role snapshot cannot be combined with another role",
        ),
        (
            "joined",
            {"role": "snapshot"},
            r"role snapshot to at most one column, not \['day', 'joined'\]",
        ),
        ("joined", {"role": "sensitive"}, "joined.role sensitive does not fit type date"),
        ("key", {"type": "date"}, "columns.key.role id does not fit type date"),
        ("key", {"generated": 1}, "columns.key.generated must be true or false, not 1"),
        ("plan", {"generated": True}, "plan.generated only fits an id of type text"),
        ("left", {"open": True}, "columns.left.open does not fit role target"),
        ("left", {"horizon_days": 0}, "horizon_days must be a whole number of at least 1, not 0"),
        (
            "left",
            {"horizon_days": 1.5},
            "horizon_days must be a whole number of at least 1, not 1.5",
        ),
        ("plan", {"horizon_days": 3}, "columns.plan.horizon_days only fits the target"),
        ("plan", {"spellings": {"c": ["x"]}}, "plan.spellings is 'c'; valid options: a, b"),
        ("plan", {"spellings": {"a": "x"}}, "plan.spellings.a must be a list of texts"),
        ("plan", {"spellings": ["x"]}, "plan.spellings must give a list of texts for each value"),
        ("plan", {"spellings": {True: ["x"]}}, "spellings has the key True, .* quote it"),
        ("plan", {"spellings": {"a": ["b"]}}, "plan.spellings reads 'b' as 'a' and as 'b'"),
        ("plan", {"spellings": {"a": ["x"], "b": ["x"]}}, "reads 'x' as 'b' and as 'a'"),
        ("plan", {"spellings": {"a": ["NA"]}}, "plan.spellings holds 'NA', a missing value"),
        ("fee", {"decimal": ";"}, "columns.fee.decimal is ';'; valid options: ., ,"),
        ("fee", {"thousands": "x"}, "columns.fee.thousands is 'x'; valid options: ',' '.' ' ' "),
        ("fee", {"thousands": "."}, "thousands is '.', which is the decimal separator"),
        ("fee", {"strip": ["5"]}, "strip holds '5'; only texts without digits and signs fit"),
    ],
)
def test_each_mistake_in_the_newer_keys_is_one_sentence(
    name: str, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ContractError, match=message) as caught:
        parse_contract(dated(**{name: change}))
    assert "\n" not in str(caught.value)


def test_a_horizon_needs_a_snapshot() -> None:
    with pytest.raises(ContractError, match=r"left\.horizon_days needs a column of role snapshot"):
        parse_contract(changed("columns/left/horizon_days", 30))


def test_dates_alone_give_the_model_nothing() -> None:
    document = dated()
    del document["row_rules"], document["derived_columns"]
    for name in ("plan", "age", "fee"):
        document["columns"][name]["role"] = "ignored"
    with pytest.raises(ContractError, match="has only dates as features"):
        parse_contract(document)


@pytest.mark.parametrize(
    ("check", "message"),
    [
        ("joined > '2026-01-31'", "compares the date joined with '2026-01-31'; write date"),
        ("joined > 20000", "compares the date joined with 20000; write date"),
        ("joined > date('31/01/2026')", "is not a date; write date"),
        ("joined > date('2026-02-30')", "is not a date; write date"),
        ("joined > date(day)", "is not a date; write date"),
        ("fee > date('2026-01-31')", "compares the number fee with a date"),
        ("plan == date('2026-01-31')", "compares the category plan with a date"),
        ("date('2020-01-01') <= joined <= day", None),
    ],
)
def test_dates_are_compared_with_dates(check: str, message: str | None) -> None:
    document = dated()
    document["row_rules"]["cheap"]["check"] = check
    if message is None:
        parse_contract(document)
    else:
        with pytest.raises(ContractError, match=message):
            parse_contract(document)
