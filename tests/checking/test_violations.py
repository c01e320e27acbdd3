from __future__ import annotations

import math

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.telco import simulate_customers
from churn_pipeline.checking import violations as violations_module
from churn_pipeline.checking.cells import cast_columns, read_cells
from churn_pipeline.checking.violations import find_violations
from churn_pipeline.contract import Contract
from tests.sizes import examples
from tests.strategies import bad_cells, contracts, good_tables, meaning


def frame(rows: list[dict[str, str]]) -> pd.DataFrame:
    return pd.DataFrame(rows, dtype="str")


def reasons(rows: list[dict[str, str]], contract: Contract) -> list[tuple[int, str, str, str]]:
    _, violations = find_violations(frame(rows), contract)
    columns = violations[["row", "column", "rule", "value"]]
    return list(columns.itertuples(index=False, name=None))


@settings(max_examples=examples(20), deadline=None)
@given(st.data())
def test_tables_that_keep_a_contract_have_no_violation(data: st.DataObject) -> None:
    contract = data.draw(contracts())
    rows = data.draw(good_tables(contract))
    table, violations = find_violations(frame(rows), contract)
    assert violations.empty
    typed = cast_columns(table, contract)
    assert len(typed) == len(rows)
    for name, column in contract.columns.items():
        found = [None if pd.isna(value) else value for value in typed[name].tolist()]
        if column.is_date:
            found = [value and value.date() for value in found]
        expected = [meaning(row[name], column, contract) for row in rows]
        if column is contract.id:
            found, expected = list(map(str, found)), [row[name].strip() for row in rows]
        assert found == expected


@settings(max_examples=examples(40), deadline=None)
@given(st.data())
def test_broken_cells_are_the_violations_and_nothing_else(data: st.DataObject) -> None:
    contract = data.draw(contracts())
    rows = data.draw(good_tables(contract))
    expected = []
    for index in sorted(data.draw(st.sets(st.integers(0, len(rows) - 1)))):
        names = [n for n, c in contract.columns.items() if c is not contract.id]
        for name in data.draw(st.lists(st.sampled_from(names), max_size=3, unique=True)):
            options = bad_cells(contract.columns[name], contract)
            if options.is_empty:
                continue
            cell, rule = data.draw(options)
            rows[index][name] = cell
            expected.append((index, name, rule, cell))
    assert reasons(rows, contract) == sorted(expected)


@settings(max_examples=examples(20), deadline=None)
@given(st.data())
def test_later_rows_of_an_id_are_duplicates(data: st.DataObject) -> None:
    contract = data.draw(contracts())
    rows = data.draw(good_tables(contract))
    copies = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=4))
    key = contract.id.name
    expected = [
        (len(rows) + place, key, "duplicate_id", rows[source][key])
        for place, source in enumerate(copies)
    ]
    assert reasons(rows + [dict(rows[source]) for source in copies], contract) == expected


@settings(max_examples=examples(30), deadline=None)
@given(st.data())
def test_arbitrary_texts_are_read_or_named(data: st.DataObject) -> None:
    contract = data.draw(contracts())
    likely = st.sampled_from(
        [
            "1",
            " 2 ",
            "٣",
            "²",
            "1_0",
            "1e5",
            "NaN",
            "1e400",
            "",
            "yes",
            "\0",
            "2026-01-31",
            "31/01/2026",
            "$1",
            "1.000",
        ]
    )
    cells = st.text(max_size=8) | likely
    rows = data.draw(
        st.lists(
            st.fixed_dictionaries(dict.fromkeys(contract.columns, cells)),
            min_size=1,
            max_size=5,
        )
    )
    table, violations = find_violations(frame(rows), contract)
    assert len(table) == len(rows)
    assert set(violations["row"]) <= set(range(len(rows)))
    assert not violations.duplicated(["row", "column", "rule"]).any()
    accepted = table[~table.index.isin(violations["row"])]
    typed = cast_columns(accepted, contract)
    for name, column in contract.columns.items():
        assert column.nullable or typed[name].notna().all()
        if column.type == "category":
            assert typed[name].dropna().isin(column.values).all()
        if column.is_numeric:
            low = -math.inf if column.minimum is None else column.minimum
            high = math.inf if column.maximum is None else column.maximum
            assert typed[name].dropna().between(low, high).all()


@settings(max_examples=examples(20), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_tables_are_checked_part_by_part_as_if_whole(
    monkeypatch: pytest.MonkeyPatch, data: st.DataObject
) -> None:
    contract = data.draw(contracts())
    rows = data.draw(good_tables(contract))
    for row in rows:
        for name in data.draw(st.lists(st.sampled_from(list(contract.columns)), max_size=2)):
            row[name] = data.draw(st.sampled_from(["", "x", "1,5", "y", rows[0][name]]))
    cells = frame(rows)
    whole, found = find_violations(cells, contract)
    with monkeypatch.context() as patched:
        patched.setattr(violations_module, "_ROWS_A_PART", data.draw(st.integers(1, 3)))
        parts, found_in_parts = find_violations(cells, contract)
    pd.testing.assert_frame_equal(found_in_parts, found)
    pd.testing.assert_frame_equal(parts, whole, check_categorical=False)


# The project's contract


def good_row(contract: Contract, customers_csv: str) -> dict[str, str]:
    header, first, *_ = customers_csv.splitlines()
    return dict(zip(header.split(","), first.split(","), strict=True))


def test_reason_is_a_sentence_with_the_expected_values(
    contract: Contract, customers_csv: str
) -> None:
    row = good_row(contract, customers_csv)
    cases = {
        "Contract": ("Weekly", "Contract: 'Weekly' is not one of Month-to-month, One year, "),
        "tenure": ("1.5", "tenure: '1.5' is not a whole number."),
        "MonthlyCharges": ("-1", "MonthlyCharges: '-1' is outside 0 to 250 USD per month."),
        "Churn": (" ", "Churn: ' ' is missing, but a value is required."),
    }
    for name, (cell, sentence) in cases.items():
        _, violations = find_violations(frame([row | {name: cell}]), contract)
        assert violations["column"].tolist() == [name]
        assert violations["reason"].item().startswith(sentence)


def test_row_rule_is_told_with_its_meaning_and_values(
    contract: Contract, customers_csv: str
) -> None:
    row = good_row(contract, customers_csv) | {"tenure": "10", "TotalCharges": " "}
    _, violations = find_violations(frame([row]), contract)
    assert violations["rule"].tolist() == ["total_blank_before_first_bill"]
    assert violations["column"].item() == "TotalCharges, tenure"
    assert violations["value"].item() == "TotalCharges=' ', tenure='10'"
    assert "blank exactly for customers of tenure 0" in violations["reason"].item()


def test_row_rules_are_not_held_against_rows_whose_cells_are_at_fault(
    contract: Contract, customers_csv: str
) -> None:
    row = good_row(contract, customers_csv)
    broken = row | {"tenure": "ten", "PhoneService": "?", "TotalCharges": "1e9"}
    assert {(name, rule) for _, name, rule, _ in reasons([broken], contract)} == {
        ("tenure", "not_an_integer"),
        ("PhoneService", "allowed_values"),
        ("TotalCharges", "range"),
    }


def test_every_missing_id_is_missing_and_no_duplicate(
    contract: Contract, customers_csv: str
) -> None:
    row = good_row(contract, customers_csv) | {"customerID": " "}
    assert [rule for _, _, rule, _ in reasons([row, row, row], contract)] == ["missing"] * 3


def test_other_columns_of_the_file_do_not_matter(contract: Contract, customers_csv: str) -> None:
    row = good_row(contract, customers_csv) | {"shoe size": "x", "": ""}
    assert reasons([row], contract) == []


def test_read_cells_keeps_row_labels(contract: Contract, customers_csv: str) -> None:
    row = good_row(contract, customers_csv)
    table, unreadable = read_cells(frame([row, row | {"tenure": "x"}]), contract)
    assert unreadable[["row", "column", "rule"]].to_numpy().tolist() == [
        [1, "tenure", "not_an_integer"]
    ]
    assert table["tenure"].isna().tolist() == [False, True]


def test_of_an_id_the_first_row_that_breaks_nothing_else_stays(contract: Contract) -> None:
    table = simulate_customers(3, seed=1).customers
    good = [
        {str(name): str(value) for name, value in zip(table.columns, row, strict=True)}
        for row in table.itertuples(index=False)
    ]
    rows = [dict(good[0], tenure="soon"), good[1], good[0], good[0], dict(good[0], gender="?")]
    found = [(row, column, rule) for row, column, rule, _ in reasons(rows, contract)]
    assert found == [
        (0, "tenure", "not_an_integer"),
        (3, "customerID", "duplicate_id"),
        (4, "customerID", "duplicate_id"),
        (4, "gender", "allowed_values"),
    ]
