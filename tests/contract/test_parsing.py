from __future__ import annotations

import copy
import re
from typing import Any

import pytest

from churn_pipeline.contract import Contract, parse_contract
from churn_pipeline.errors import ContractError

DOCUMENT: dict[str, Any] = {
    "name": "small",
    "missing_values": ["", "NA"],
    "columns": {
        "key": {"type": "text", "role": "id", "meaning": "m"},
        "left": {
            "type": "category",
            "role": "target",
            "values": ["n", "y"],
            "positive": "y",
            "meaning": "m",
        },
        "plan": {"type": "category", "values": ["a", "b"], "meaning": "m"},
        "age": {"type": "integer", "minimum": 0, "maximum": 9, "nullable": True, "meaning": "m"},
        "fee": {"type": "number", "role": ["feature", "sensitive"], "unit": "€", "meaning": "m"},
        "note": {"type": "text", "role": "ignored", "meaning": "m"},
    },
    "row_rules": {"cheap": {"check": "plan != 'a' or fee < 5", "meaning": "m"}},
    "derived_columns": {"ratio": {"expression": "fee / age", "unit": "€", "meaning": "m"}},
}
_DELETE = object()


def changed(path: str, value: Any) -> dict[str, Any]:
    document = copy.deepcopy(DOCUMENT)
    *parents, last = path.split("/")
    section = document
    for key in parents:
        section = section[key]
    if value is _DELETE:
        del section[last]
    else:
        section[last] = value
    return document


def test_document_becomes_typed_objects() -> None:
    contract = parse_contract(DOCUMENT)
    assert contract.name == "small"
    assert contract.missing_values == ("", "NA")
    assert list(contract.columns) == ["key", "left", "plan", "age", "fee", "note"]
    assert (contract.id.name, contract.target.name) == ("key", "left")
    assert contract.target.positive == "y"
    assert contract.columns["age"].minimum == 0
    assert contract.columns["age"].maximum == 9
    assert contract.columns["age"].nullable
    assert not contract.columns["fee"].nullable
    assert contract.columns["fee"].unit == "€"
    assert [column.name for column in contract.with_role("sensitive")] == ["fee"]
    assert contract.numeric_inputs == ("age", "fee", "ratio")
    assert contract.categorical_inputs == ("plan",)
    assert contract.model_inputs == ("age", "fee", "ratio", "plan")
    assert contract.row_rules[0].check.columns == ("plan", "fee")


def test_feature_is_the_default_role() -> None:
    assert parse_contract(DOCUMENT).columns["plan"].roles == ("feature",)


def test_rules_and_derived_columns_may_be_left_out() -> None:
    document = copy.deepcopy(DOCUMENT)
    del document["row_rules"], document["derived_columns"], document["missing_values"]
    contract = parse_contract(document)
    assert not contract.row_rules
    assert not contract.derived_columns
    assert contract.missing_values == ("",)


def test_project_contract_parses(contract: Contract) -> None:
    assert contract.columns
    assert contract.features


@pytest.mark.parametrize("document", [None, [], "text", 5])
def test_a_file_that_is_no_mapping_is_an_error(document: object) -> None:
    with pytest.raises(ContractError, match=r"^mine\.yml: the file must be a mapping of keys$"):
        parse_contract(document, source="mine.yml")


PLAN, AGE, LEFT = "columns/plan", "columns/age", "columns/left"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("surname", "x", "surname is not a key; valid keys: columns, derived_columns, desc"),
        ("name", _DELETE, "name is missing; a text is needed"),
        ("name", 5, "name must be a text in quotes, not 5"),
        ("missing_values", "NA", "missing_values must be a list of texts, not 'NA'"),
        ("missing_values", [-1], "missing_values holds -1, .* put it in quotes"),
        ("missing_values", ["a", "a"], "missing_values names a value twice"),
        ("missing_values", ["", " "], "missing_values holds ' '; cells .* blanks are removed"),
        ("columns", _DELETE, "columns is empty; describe at least an id, a target and a feat"),
        ("columns", ["key"], "columns must be a mapping of keys"),
        (PLAN, None, "columns.plan must be a mapping of keys"),
        (f"{PLAN}/kind", "x", "columns.plan.kind is not a key; valid keys: decimal, default"),
        (f"{PLAN}/type", "float", "type is 'float'; valid options: text, category, integer, num"),
        (f"{PLAN}/type", _DELETE, "columns.plan.type is None; valid options: text, category"),
        (f"{PLAN}/role", "input", "role is 'input'; valid options: id, target, feature, sens"),
        (f"{PLAN}/role", ["x"], "columns.plan.role is 'x'; valid options: id, target"),
        (f"{PLAN}/role", [], "columns.plan.role is empty; valid options: id, target"),
        (f"{PLAN}/role", ["feature", "ignored"], "columns.plan.role ignored cannot be combined"),
        (f"{PLAN}/meaning", _DELETE, "columns.plan.meaning is missing; a text is needed"),
        (f"{PLAN}/values", _DELETE, "columns.plan.values is missing; a category lists its"),
        (f"{PLAN}/values", [True, False], "values holds True, which YAML does not read as text"),
        (f"{PLAN}/values", ["a", "a"], "columns.plan.values names a value twice"),
        (
            f"{PLAN}/values",
            ["a ", "b"],
            "columns.plan.values holds 'a '; cells .* blanks are removed",
        ),
        (f"{PLAN}/values", ["a", "NA"], "columns.plan.values holds 'NA', a missing value"),
        (f"{PLAN}/minimum", 1, "minimum/maximum only fit types integer and number, not category"),
        (f"{PLAN}/positive", "a", "columns.plan.positive only fits the target"),
        (f"{PLAN}/nullable", "no", "columns.plan.nullable must be true or false, not 'no'"),
        (f"{PLAN}/unit", 5, "columns.plan.unit must be a text in quotes, not 5"),
        (f"{AGE}/values", ["1"], "columns.age.values only fits type category, not integer"),
        (f"{AGE}/minimum", "0", "columns.age.minimum must be a number, not '0'"),
        (f"{AGE}/minimum", True, "columns.age.minimum must be a number, not True"),
        (f"{AGE}/minimum", 10, r"columns.age.minimum \(10\) is above maximum \(9\)"),
        (f"{AGE}/maximum", float("nan"), "columns.age.maximum must be a finite number"),
        (f"{AGE}/maximum", 10**400, "columns.age.maximum must be a finite number"),
        ("columns/note/role", "feature", "role feature does not fit type text; use category, or"),
        ("columns/ fee", {"type": "number", "meaning": "m"}, "columns names ' fee'; blanks"),
        ("columns", {False: {}}, "columns has the key False, which YAML does not read as text"),
        ("derived_columns/ratio/expression", "count(note == 'x')", "reads 'note'; valid columns:"),
        ("columns/fee/role", "sensitive", "derived_columns.ratio.expression reads 'fee'; valid"),
        (f"{LEFT}/positive", "Y", "columns.left.positive is 'Y'; valid options: n, y"),
        (f"{LEFT}/positive", _DELETE, "columns.left.positive is None; valid options: n, y"),
        (f"{LEFT}/values", ["y"], "type of a target must be category with exactly two values"),
        (f"{LEFT}/nullable", True, "columns of role id and target cannot be nullable"),
        ("columns/key/nullable", True, "columns of role id and target cannot be nullable"),
        ("columns/key/role", "ignored", r"must give role id to exactly one column, not \[\]"),
        ("columns/note/role", "id", r"role id to exactly one column, not \['key', 'note'\]"),
        ("row_rules", ["x"], "row_rules must be a mapping of keys"),
        ("row_rules/cheap/if", "x", "row_rules.cheap.if is not a key; valid keys: check, meaning"),
        ("row_rules/cheap/check", 5, "row_rules.cheap.check must be a text in quotes, not 5"),
        ("row_rules/cheap/check", "fee <", "row_rules.cheap.check cannot be read: 'fee <' is not"),
        ("row_rules/cheap/check", "x < 1", "check reads 'x'; valid columns: key, left, plan, age"),
        ("row_rules/cheap/check", "fee == 'a'", "compares the number fee with the text 'a'"),
        ("row_rules/cheap/check", "plan == 'c'", "compares plan with 'c'; valid values: a, b"),
        ("row_rules/cheap/check", "plan in ('a', 'c')", "compares plan with 'c'; valid values: a"),
        ("row_rules/cheap/check", "plan == 1", "the category plan with 1; put it in quotes"),
        ("row_rules/cheap/check", "plan < 'b'", "cannot be computed: texts have no order"),
        ("row_rules/cheap/check", "plan + 1", "row_rules.cheap.check cannot be computed: "),
        ("row_rules/cheap/check", "plan", "cannot be computed: the result is a text"),
        (
            "row_rules/range",
            {"check": "fee > 1", "meaning": "m"},
            "row_rules.range must have another",
        ),
        ("derived_columns/ratio/expression", "left == 'y'", "reads 'left'; valid columns: plan"),
        ("derived_columns/ratio/expression", "is_missing(key)", "reads 'key'; valid columns: pl"),
        ("derived_columns/ratio/name", "x", "ratio.name is not a key; valid keys: expression"),
        ("derived_columns/fee", {"expression": "age", "meaning": "m"}, "fee has the name of a col"),
    ],
)
def test_each_mistake_is_one_sentence_that_names_the_key(
    path: str, value: Any, message: str
) -> None:
    with pytest.raises(ContractError) as caught:
        parse_contract(changed(path, value), source="mine.yml")
    text = str(caught.value)
    assert text.startswith("mine.yml: ")
    assert re.search(message, text), text
    assert "\n" not in text


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


def test_a_contract_without_features_is_an_error() -> None:
    document = copy.deepcopy(DOCUMENT)
    del document["row_rules"], document["derived_columns"]
    for name in ("plan", "age", "fee"):
        document["columns"][name]["role"] = "ignored"
    with pytest.raises(ContractError, match="must give role feature to at least one column"):
        parse_contract(document)
