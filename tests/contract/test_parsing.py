from __future__ import annotations

import copy
import re
from typing import Any

import pytest

from churn_pipeline.contract import Contract, parse_contract
from churn_pipeline.errors import ContractError
from tests.contract.documents import DELETE, DOCUMENT, changed


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
        ("name", DELETE, "name is missing; a text is needed"),
        ("name", 5, "name must be a text in quotes, not 5"),
        ("missing_values", "NA", "missing_values must be a list of texts, not 'NA'"),
        ("missing_values", [-1], "missing_values holds -1, .* put it in quotes"),
        ("missing_values", ["a", "a"], "missing_values names a value twice"),
        ("missing_values", ["", " "], "missing_values holds ' '; cells .* blanks are removed"),
        ("columns", DELETE, "columns is empty; describe at least an id, a target and a feat"),
        ("columns", ["key"], "columns must be a mapping of keys"),
        (PLAN, None, "columns.plan must be a mapping of keys"),
        (f"{PLAN}/kind", "x", "columns.plan.kind is not a key; valid keys: decimal, default"),
        (f"{PLAN}/type", "float", "type is 'float'; valid options: text, category, integer, num"),
        (f"{PLAN}/type", DELETE, "columns.plan.type is None; valid options: text, category"),
        (f"{PLAN}/role", "input", "role is 'input'; valid options: id, target, feature, sens"),
        (f"{PLAN}/role", ["x"], "columns.plan.role is 'x'; valid options: id, target"),
        (f"{PLAN}/role", [], "columns.plan.role is empty; valid options: id, target"),
        (f"{PLAN}/role", ["feature", "ignored"], "columns.plan.role ignored cannot be combined"),
        (f"{PLAN}/meaning", DELETE, "columns.plan.meaning is missing; a text is needed"),
        (f"{PLAN}/values", DELETE, "columns.plan.values is missing; a category lists its"),
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
        (f"{LEFT}/positive", DELETE, "columns.left.positive is None; valid options: n, y"),
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


def test_a_contract_without_features_is_an_error() -> None:
    document = copy.deepcopy(DOCUMENT)
    del document["row_rules"], document["derived_columns"]
    for name in ("plan", "age", "fee"):
        document["columns"][name]["role"] = "ignored"
    with pytest.raises(ContractError, match="must give role feature to at least one column"):
        parse_contract(document)
