from __future__ import annotations

import copy
import json
import math
import struct
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from churn_pipeline.checking.cells import cast_columns
from churn_pipeline.checking.violations import find_violations
from churn_pipeline.contract import Column, Contract, Expression, parse_contract
from churn_pipeline.contract.model import DerivedColumn, RowRule
from churn_pipeline.errors import ParameterError
from churn_pipeline.scorer.records import Customer, RecordReader
from churn_pipeline.scorer.refusals import MAX_TEXT, FieldError, InvalidRecord, expectation
from churn_pipeline.scorer.rows import table_rows
from tests.sizes import examples
from tests.strategies import contracts, good_tables, meaning

SECRET = "Zyzzyva"
at_random = settings(deadline=None, suppress_health_check=list(HealthCheck))

SMALL: dict[str, Any] = {
    "name": "small",
    "missing_values": ["", "n/a"],
    "columns": {
        "key": {"type": "text", "role": "id", "meaning": "m"},
        "left": {"type": "category", "role": "target", "values": ["n", "y"], "positive": "y",
                 "meaning": "m"},
        "visits": {"type": "integer", "minimum": 0, "maximum": 90, "unit": "days", "meaning": "m"},
        "fee": {"type": "number", "nullable": True, "minimum": -5.5, "meaning": "m"},
        "plan": {"type": "category", "values": ["basic", "plus"], "meaning": "m"},
        "region": {"type": "category", "nullable": True, "values": ["north", "south"],
                   "meaning": "m"},
        "worth": {"type": "number", "role": "ignored", "nullable": True, "minimum": -100,
                  "meaning": "m"},
        "age": {"type": "integer", "role": "sensitive", "meaning": "m"},
    },
    "row_rules": {
        "plus_pays": {"check": "plan != 'plus' or fee > 0", "meaning": "Who has plus pays."},
        "stays": {"check": "left == 'n' or visits > 0", "meaning": "Who left had come."},
    },
    "derived_columns": {"visit_fee": {"expression": "fee / visits", "meaning": "m"}},
}  # fmt: skip
GOOD: dict[str, Any] = {"key": "K1", "visits": 3, "fee": 7.5, "plan": "plus", "region": "north"}


@pytest.fixture(scope="module")
def small() -> Contract:
    return parse_contract(SMALL)


@pytest.fixture(scope="module")
def reader(small: Contract) -> RecordReader:
    return RecordReader(small, 200.0)


def errors_of(reader: RecordReader, record: Any) -> tuple[FieldError, ...]:
    with pytest.raises(InvalidRecord) as caught:
        reader.read(record)
    return caught.value.errors


def outcome(reader: RecordReader, record: Any) -> Customer | InvalidRecord:
    try:
        return reader.read(record)
    except InvalidRecord as error:
        return error


def bits(row: Iterable[float]) -> list[bytes]:
    return [b"missing" if value != value else struct.pack("d", value) for value in row]


def with_expressions(contract: Contract) -> Contract:
    """Return the contract with derived columns and a rule of its features."""
    numbers = [c.name for c in contract.features if c.is_numeric]
    texts = [c for c in contract.features if c.type == "category"]
    dates = [c.name for c in contract.dates]
    expressions = [f"log1p(abs(col({name!r}))) / (col({name!r}) - 1)" for name in numbers]
    expressions += [f"is_missing(col({c.name!r})) + 2 * (col({c.name!r}) == {c.values[0]!r})"
                    for c in texts]  # fmt: skip
    expressions += [f"(date('2022-02-22') - col({name!r})) / 365.25" for name in dates]
    rules = [f"not (col({c.name!r}) in ({c.values[-1]!r},)) or 1 == 1" for c in texts]
    return replace(
        contract,
        derived_columns=tuple(
            DerivedColumn(f"derived {i}", Expression(text), "m")
            for i, text in enumerate(expressions)
        ),
        row_rules=tuple(RowRule(f"rule {i}", Expression(t), "m") for i, t in enumerate(rules)),
    )


def as_json(cell: str, column: Column, contract: Contract) -> Any:
    """Return what a client sends for a cell of a file."""
    found = meaning(cell, column, contract)
    if isinstance(found, float) and column.type == "integer":
        return int(found)
    return found.isoformat() if isinstance(found, date) else found


@at_random
@given(st.data(), contracts().map(with_expressions))
def test_a_good_record_gets_the_row_that_its_table_gets(
    data: st.DataObject, contract: Contract
) -> None:
    cells = pd.DataFrame(data.draw(good_tables(contract)), dtype="str")
    table, violations = find_violations(cells, contract)
    assert violations.empty
    expected = table_rows(cast_columns(table, contract), contract)
    reader = RecordReader(contract, 200.0)
    for (_, row), wanted in zip(cells.iterrows(), expected, strict=True):
        record = {c.name: as_json(row[c.name], c, contract) for c in reader.columns}
        if data.draw(st.booleans()):
            record = {name: value for name, value in record.items() if value is not None}
        customer = reader.read(json.loads(json.dumps(record)))
        assert bits(customer.row) == bits(wanted)
        assert customer.id == str(row[contract.id.name]).strip()
        assert customer.lifetime_value == 200.0


def bad_values(column: Column, contract: Contract) -> list[Any]:
    """Return values that a column does not take, each with something to recognise it by."""
    bad: list[Any] = [True, False, [], {}, [SECRET], {SECRET: SECRET}]
    if not column.nullable:
        bad.append(None)
    if column.is_numeric:
        bad += [SECRET, "1", "", math.inf, -math.inf, math.nan, 10**400, -(10**400)]
        bad += [] if column.minimum is None else [column.minimum - 1, column.minimum - 0.001]
        bad += [] if column.maximum is None else [column.maximum + 1, column.maximum + 0.001]
    elif column.is_date:
        bad += [SECRET, "", "2026-02-30", "31/01/2026", "2026-01-31T00:00", 20260131, 0.5]
    elif column.is_open:
        bad += [7, 7.5]
    else:
        bad += ["", " ", 7, 7.5, *contract.missing_values]
        bad += (
            ["s" * (MAX_TEXT + 1)] if column.type == "text" else [SECRET, " ".join(column.values)]
        )
    if column.type == "integer":
        bad += [0.5, 2**53, -(2**53), 1e29]
    return [value for value in bad if value not in column.values or value in (True, False)]


@at_random
@given(st.data(), contracts())
def test_every_bad_value_is_refused_and_its_field_named(
    data: st.DataObject, contract: Contract
) -> None:
    (row,) = data.draw(good_tables(contract, max_size=1))
    reader = RecordReader(contract, 200.0)
    record = {c.name: as_json(row[c.name], c, contract) for c in reader.columns}
    for column in reader.columns:
        for value in bad_values(column, contract):
            (error,) = errors_of(reader, {**record, column.name: value})
            assert error.field == column.name
            assert error.message.startswith(column.name)
            assert expectation(column) in error.message
            assert SECRET not in error.message
        if not column.nullable:
            rest = {name: value for name, value in record.items() if name != column.name}
            (error,) = errors_of(reader, rest)
            assert error.field == column.name
            assert "is missing" in error.message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda x: st.lists(x, max_size=2) | st.dictionaries(st.text(max_size=2), x, max_size=2),
    max_leaves=4,
)
CHANGES = st.dictionaries(
    st.sampled_from([*GOOD, "left", "worth", "age", "visit_fee", "Key", "planet", ""]),
    JSON | st.sampled_from(["n", "basic", "south", 0, 90, 3.0, -5.5, 1e9]),
    max_size=4,
)


@settings(at_random, max_examples=examples(500))
@given(CHANGES, st.sets(st.sampled_from(list(GOOD)), max_size=2), st.booleans())
def test_whoever_is_refused_is_told_why(
    reader: RecordReader, small: Contract, changes: dict[str, Any], gone: set[str], lenient: bool
) -> None:
    record = {name: value for name, value in {**GOOD, **changes}.items() if name not in gone}
    used = RecordReader(small, 200.0, unseen_as_missing=True) if lenient else reader
    found = outcome(used, record)
    if isinstance(found, InvalidRecord):
        assert found.errors
        assert str(found)
        assert all(one.message for one in found.errors)
    else:
        assert set(record) <= set(GOOD)
        assert len(found.row) == len(small.model_inputs)


@pytest.mark.parametrize("record", [None, True, 3, 2.5, "K1", [], [GOOD], (), math.nan])
def test_a_record_is_an_object(reader: RecordReader, record: Any) -> None:
    assert errors_of(reader, record) == (
        FieldError(None, "a customer is an object of named fields"),
    )


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("left", "left is what the model predicts; leave it out"),
        ("worth", "worth is not seen by the model; leave it out"),
        ("age", "age is not seen by the model; leave it out"),
        ("Plan", "Plan is not a field; did you mean plan"),
        ("visit", "visit is not a field; did you mean visits"),
        ("zz", "zz is not a field; valid are key, visits, fee, plan, region"),
        ("visit_fee", None),
        ("", " is not a field; valid are key, visits, fee, plan, region"),
    ],
)
def test_fields_that_no_request_has_are_refused(
    reader: RecordReader, name: str, sentence: str | None
) -> None:
    for value in (SECRET, None, 1, GOOD):
        (error,) = errors_of(reader, {**GOOD, name: value})
        assert error.field == name
        assert sentence is None or error.message == sentence
        assert SECRET not in error.message


def test_endless_unknown_fields_get_a_short_answer(reader: RecordReader) -> None:
    errors = errors_of(reader, {**GOOD, **{f"x{i}": i for i in range(100_000)}})
    assert len(errors) == 21
    assert errors[-1] == FieldError(None, "99980 more names are not fields; leave them out")
    (error,) = errors_of(reader, {**GOOD, "long" * 1000: 1})
    assert len(error.message) < 300


def test_all_mistakes_are_named_at_once(reader: RecordReader) -> None:
    errors = errors_of(reader, {"key": 5, "visits": -1, "plan": "x", "fee": "y", "more": 1})
    assert [error.field for error in errors] == ["more", "key", "visits", "fee", "plan"]


@pytest.mark.parametrize(("fee", "is_good"), [(1, True), (0, False), (None, False), (-5, False)])
def test_row_rules_hold_as_in_ingestion(reader: RecordReader, fee: Any, is_good: bool) -> None:
    record = {**GOOD, "fee": fee}
    if is_good:
        assert reader.read(record).row[1] == fee
    else:
        assert errors_of(reader, record) == (FieldError("plan, fee", "Who has plus pays."),)


def test_a_rule_is_not_held_against_a_faulty_field(reader: RecordReader) -> None:
    errors = errors_of(reader, {**GOOD, "fee": SECRET})
    assert [error.field for error in errors] == ["fee"]


def test_a_rule_of_the_target_asks_nothing_of_a_request(reader: RecordReader) -> None:
    assert reader.read({**GOOD, "visits": 0}).row[0] == 0


def test_numbers_may_be_written_in_any_way(reader: RecordReader) -> None:
    expected = bits(reader.read(GOOD).row)
    for text in ('{"visits": 3.0}', '{"visits": 30e-1}', '{"fee": 75e-1}', '{"fee": 7.500}'):
        assert bits(reader.read({**GOOD, **json.loads(text)}).row) == expected


@pytest.mark.parametrize("unseen", ["east", "NORTH", "n orth", "x" * 5000, ""])
def test_unseen_categories_are_refused_or_taken_as_missing(
    reader: RecordReader, small: Contract, unseen: str
) -> None:
    (error,) = errors_of(reader, {**GOOD, "region": unseen})
    assert error == FieldError("region", 'region must be one of "north", "south", or null')
    lenient = RecordReader(small, 200.0, unseen_as_missing=True)
    assert lenient.read({**GOOD, "region": unseen}).row == reader.read({**GOOD, "region": None}).row
    # one that is never missing in the data becomes so all the same
    assert lenient.read({**GOOD, "plan": unseen}).row[-2] == -1
    wrong: list[Any] = [1, True, [], {}]
    for value in wrong:
        assert errors_of(lenient, {**GOOD, "region": value})


def test_an_unseen_id_is_refused_even_where_categories_are_not(small: Contract) -> None:
    key = replace(small.id, type="category", values=("K1", "K2"))
    lenient = RecordReader(replace(small, columns={**small.columns, "key": key}), 1.0, True)
    assert lenient.read(GOOD).id == "K1"
    (error,) = errors_of(lenient, {**GOOD, "key": SECRET})
    assert error.field == "key"


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [("text", " K 1\t", "K 1"), ("integer", 7, "7"), ("integer", 7.0, "7"), ("integer", -0.0, "0"),
     ("integer", 2**53 - 1, "9007199254740991"), ("number", 0.1, "0.1"), ("number", 3, "3"),
     ("number", 1e29, "1e+29")],
)  # fmt: skip
def test_an_id_is_a_text_as_people_write_it(
    small: Contract, kind: Any, value: Any, text: str
) -> None:
    key = replace(small.id, type=kind)
    found = RecordReader(replace(small, columns={**small.columns, "key": key}), 1.0)
    assert found.read({**GOOD, "key": value}).id == text


def test_an_individual_lifetime_value_is_a_field_that_is_always_given(small: Contract) -> None:
    reader = RecordReader(small, "worth")
    assert "worth" in [column.name for column in reader.columns]
    assert reader.read({**GOOD, "worth": 12.5}).lifetime_value == 12.5
    assert bits(reader.read({**GOOD, "worth": 0}).row) == bits(
        RecordReader(small, 9.0).read(GOOD).row
    )
    for value in (None, -1, math.nan, SECRET):
        (error,) = errors_of(reader, {**GOOD, "worth": value})
        assert "a number of at least 0" in error.message
        assert "null" not in error.message.removeprefix("worth is null")
    assert errors_of(reader, GOOD)[0].message.startswith("worth is missing")


@pytest.mark.parametrize("name", ["plan", "key", "nobody", "visit_fee"])
def test_a_lifetime_value_that_is_no_number_is_refused(small: Contract, name: str) -> None:
    with pytest.raises(ParameterError, match="not a numeric column"):
        RecordReader(small, name)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("key", f"a text of 1 to {MAX_TEXT} characters"),
        ("visits", "a whole number from 0 to 90 (days)"),
        ("fee", "a number of at least -5.5"),
        ("plan", 'one of "basic", "plus"'),
        ("age", "a whole number"),
    ],
)
def test_what_a_field_may_hold_is_said(small: Contract, name: str, sentence: str) -> None:
    assert expectation(small.columns[name]) == sentence


DATED: dict[str, Any] = {
    **SMALL,
    "columns": {
        **SMALL["columns"],
        "day": {"type": "date", "role": "snapshot", "meaning": "m"},
        "joined": {"type": "date", "nullable": True, "formats": ["%d/%m/%Y"], "meaning": "m"},
        "town": {"type": "category", "values": ["a", "b"], "open": True, "meaning": "m"},
    },
    "derived_columns": {"days": {"expression": "day - joined", "meaning": "m"}},
}
GOOD_DATED = {**GOOD, "day": "2026-01-31", "joined": "2025-01-31", "town": "a"}


def test_a_request_gives_the_snapshot_where_it_is_read() -> None:
    reader = RecordReader(parse_contract(DATED), 200.0)
    assert reader.read(GOOD_DATED).row[:3] == (3.0, 7.5, 365.0)
    assert errors_of(reader, {**GOOD_DATED, "day": None})[0].message == (
        'day is null; it must be a date such as "2026-01-31"'
    )
    assert math.isnan(reader.read({**GOOD_DATED, "joined": None}).row[2])
    unread = parse_contract({**DATED, "derived_columns": {}})
    assert "day" not in [column.name for column in RecordReader(unread, 200.0).columns]


def test_a_date_after_the_snapshot_is_refused() -> None:
    reader = RecordReader(parse_contract(DATED), 200.0)
    assert reader.read({**GOOD_DATED, "joined": "2026-01-31"}).row[2] == 0.0
    errors = errors_of(reader, {**GOOD_DATED, "joined": "2026-02-01", "visits": -1})
    assert errors == (
        FieldError("visits", "visits must be a whole number from 0 to 90 (days)"),
        FieldError("joined", "joined is later than day; leave out what came after"),
    )


def test_any_text_of_an_open_category_is_taken() -> None:
    reader = RecordReader(parse_contract(DATED), 200.0)
    assert reader.read(GOOD_DATED).row[-1] == 0.0
    for value in ("elsewhere", "", None):
        assert reader.read({**GOOD_DATED, "town": value}).row[-1] == -1.0
    (error,) = errors_of(reader, {**GOOD_DATED, "town": 3})
    assert error.message == 'town must be a text, such as "a", "b", or null'


def test_spellings_of_an_open_category_are_read_as_in_files() -> None:
    document = copy.deepcopy(DATED)
    document["columns"]["town"]["spellings"] = {"b": ["B", "bee"]}
    reader = RecordReader(parse_contract(document), 200.0)
    for value in ("b", "B", " bee "):
        assert reader.read({**GOOD_DATED, "town": value}).row[-1] == 1.0


def test_of_very_many_values_a_few_are_said() -> None:
    column = Column("x", "category", ("feature",), "m", values=tuple(f"v{i}" for i in range(5000)))
    assert expectation(column).endswith('"v19", … (5,000 values)')


@at_random
@given(st.text(max_size=4), st.sampled_from([str.upper, str.strip, str.casefold]))
def test_texts_are_taken_as_ingestion_takes_them(
    reader: RecordReader, text: str, change: Callable[[str], str]
) -> None:
    key = change(text)
    found = outcome(reader, {**GOOD, "key": key})
    if isinstance(found, InvalidRecord):
        assert key.strip() in ("", "n/a")
    else:
        assert found.id == key.strip()


@pytest.mark.parametrize("fee", [1e39, -1.7976931348623157e308, 10**400, math.inf])
def test_a_number_beyond_computing_is_refused_with_its_field(
    reader: RecordReader, fee: float
) -> None:
    (error,) = errors_of(reader, GOOD | {"fee": fee})
    assert error.field == "fee"
    assert "within ±1e+30" in error.message


@pytest.mark.parametrize("key", ["100000.0", "1.00E+05", " 100000 "])
def test_an_id_is_the_same_however_a_program_spells_it(small: Contract, key: str) -> None:
    assert RecordReader(small, 200.0).read(GOOD | {"key": key}).id == "100000"
    table = (
        pd.DataFrame([{**GOOD, "left": "n", "key": key}]).astype("str").assign(worth="", age="1")
    )
    assert find_violations(table, small)[0]["key"].tolist() == ["100000"]


def test_codes_of_an_open_category_are_read_as_in_files() -> None:
    document = copy.deepcopy(SMALL)
    document["columns"]["region"] |= {"values": ["1", "2"], "open": True}
    reader = RecordReader(parse_contract(document), 200.0)
    assert reader.read(GOOD | {"region": "2.0"}).row[-1] == 1.0
    assert reader.read(GOOD | {"region": "3.0"}).row[-1] == -1.0
