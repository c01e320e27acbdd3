from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, get_args

import jsonschema_rs
import pandas as pd
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from churn_pipeline.contract import Contract, Expression
from churn_pipeline.contract.model import RowRule
from churn_pipeline.scorer import Bundle, InvalidRecord, Scorer
from churn_pipeline.serving.docs.openapi import build_openapi
from churn_pipeline.serving.docs.record_schema import record_schema
from churn_pipeline.serving.http.networks import parse_network
from churn_pipeline.serving.models.variants import Plan, deploy
from churn_pipeline.serving.settings import ServingSettings, UnseenCategory
from tests.serving.scorers import (
    ODD_CONTRACT,
    bundle,
    dated_contract,
    dated_customers,
    odd_customers,
)

ID = "Kunden-Nr. (€)"
Schema = dict[str, Any]


@pytest.fixture(scope="module")
def bundles(contract: Contract, customers: pd.DataFrame) -> dict[str, Bundle]:
    return {
        "ordinary": bundle(contract, customers),
        "odd": bundle(ODD_CONTRACT, odd_customers()),
        "valued": bundle(ODD_CONTRACT, odd_customers(), customer_lifetime_value="value"),
        "dated": bundle(dated_contract("date('2026-01-31') - joined"), dated_customers()),
    }


@pytest.fixture(scope="module")
def scorers(bundles: dict[str, Bundle]) -> dict[str, Scorer]:
    return {name: Scorer(content) for name, content in bundles.items()}


@pytest.fixture(scope="module")
def documents(scorers: dict[str, Scorer]) -> dict[str, Schema]:
    return {name: build_openapi(scorer, ServingSettings()) for name, scorer in scorers.items()}


@pytest.fixture(scope="module")
def without_rules(
    bundles: dict[str, Bundle],
) -> dict[tuple[str, str], tuple[Scorer, jsonschema_rs.Draft202012Validator]]:
    """Scorers without row rules, which no schema can say, and the schema of their customers."""
    found = {}
    for name, content in bundles.items():
        files = dict(content.files)
        parsed = {**json.loads(files["contract.json"]), "row_rules": {}}
        files["contract.json"] = json.dumps(parsed).encode()
        for unseen in get_args(UnseenCategory):
            scorer = Scorer(Bundle(files), unseen)
            document = build_openapi(scorer, ServingSettings(unseen_category=unseen))
            found[name, unseen] = (scorer, validator(document, "Customer"))
    return found


every_contract = pytest.mark.parametrize("name", ["ordinary", "odd", "valued", "dated"])


@every_contract
def test_a_blank_is_a_blank_to_the_schema_as_to_the_service(
    name: str, without_rules: dict[tuple[str, str], Any]
) -> None:
    scorer, customer = without_rules[name, "refuse"]
    identifier = scorer.contract.id.name
    for code in (*range(0x3100), 0xFEFF, 0x1F600):
        for text in (chr(code), f"{chr(code)}n/a"):
            is_missing = text.strip() in ("", *scorer.contract.missing_values)
            if customer.is_valid({**scorer.example, identifier: text}) == is_missing:
                raise AssertionError(hex(code))


def test_any_contract_is_described(contract: Contract, customers: pd.DataFrame) -> None:
    lenient = {
        name: replace(column, nullable="feature" in column.roles)
        for name, column in contract.columns.items()
    }
    # which no trying meets
    rule = RowRule("rule", Expression("tenure * 7.5 == MonthlyCharges * 1.01 + 0.07"), "Odd.")
    for other in (
        replace(contract, columns=lenient, row_rules=()),
        replace(contract, row_rules=(*contract.row_rules, rule)),
    ):
        scorer = Scorer(bundle(other, customers[:300]))
        document = build_openapi(scorer, ServingSettings())
        answers = document["paths"]["/v1/score"]["post"]["responses"]
        mistakes = answers["422"]["content"]["application/json"]["example"]
        assert "is missing" in mistakes["error"]
        assert 0 < answers["200"]["content"]["application/json"]["example"]["churn_probability"] < 1
        plan = Plan("champion", None, "champion", 0.0, "refuse")
        assert deploy(plan, scorer, None).champion.scorer is scorer


def operations(document: Schema) -> Iterator[tuple[str, str, Schema]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield method, path, operation


def validator(document: Schema, name: str) -> jsonschema_rs.Draft202012Validator:
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    return jsonschema_rs.Draft202012Validator(schema)


@every_contract
def test_the_document_is_openapi(name: str, documents: dict[str, Schema]) -> None:
    document = json.loads(json.dumps(documents[name]))
    loaded = schemathesis.openapi.from_dict(document)
    loaded.validate()
    assert loaded.statistic.operations.total == len(list(operations(document))) == 12


@every_contract
def test_examples_keep_their_schemas(name: str, documents: dict[str, Schema]) -> None:
    document = documents[name]
    checked = 0
    for _, _, operation in operations(document):
        bodies = [operation["requestBody"]] if "requestBody" in operation else []
        for body in [*bodies, *operation["responses"].values()]:
            content = body["content"].get("application/json", {})
            if "example" in content:
                schema = content["schema"]["$ref"].rpartition("/")[2]
                validator(document, schema).validate(content["example"])
                checked += 1
    assert checked > 40
    for schema in document["components"]["schemas"].values():
        for example in schema.get("examples", []):
            jsonschema_rs.Draft202012Validator(schema).validate(example)


def test_a_contract_may_let_every_feature_be_missing() -> None:
    columns = {
        name: replace(column, nullable=True) if "feature" in column.roles else column
        for name, column in ODD_CONTRACT.columns.items()
    }
    scorer = Scorer(bundle(replace(ODD_CONTRACT, columns=columns), odd_customers()))
    route = build_openapi(scorer, ServingSettings())["paths"]["/v1/score"]["post"]
    mistake = route["responses"]["422"]["content"]["application/json"]["example"]
    assert [error["field"] for error in mistake["errors"]] == [ID]


def test_examples_are_real_answers(
    documents: dict[str, Schema], scorers: dict[str, Scorer]
) -> None:
    scorer = scorers["odd"]
    (score,) = scorer.score([scorer.read(scorer.example)])
    route = documents["odd"]["paths"]["/v1/score"]["post"]
    example = route["responses"]["200"]["content"]["application/json"]["example"]
    assert example["churn_probability"] == score.churn_probability
    assert example["tier"] == score.tier
    assert example["model_version"] == scorer.version
    refused = route["responses"]["422"]["content"]["application/json"]["example"]
    assert refused["errors"][0]["field"] == 'plan "gold"/{x}'
    assert "is missing" in refused["error"]


def test_a_field_says_all_that_the_contract_knows(documents: dict[str, Schema]) -> None:
    customer = documents["odd"]["components"]["schemas"]["Customer"]
    fields = customer["properties"]
    assert list(fields) == [ID, 'plan "gold"/{x}', "$ref", "age", "visits"]
    assert fields['plan "gold"/{x}'] == {
        "description": "Plan.", "type": "string", "enum": ["a b", "ä", "<script>"]
    }  # fmt: skip
    assert fields["$ref"]["type"] == ["string", "null"]
    assert fields["$ref"]["enum"] == ["u", "v", None]
    assert fields["age"] == {
        "description": "Age. Unit: years.", "type": "integer", "minimum": -2, "maximum": 2**53 - 1
    }  # fmt: skip
    assert fields["visits"]["maximum"] == 9.5
    assert customer["required"] == [ID, 'plan "gold"/{x}', "age"]
    assert "- Of age." in customer["description"]
    valued = documents["valued"]["components"]["schemas"]["Customer"]
    assert valued["properties"]["value"]["type"] == "number"
    assert valued["properties"]["value"]["minimum"] == 0
    assert "value" in valued["required"]


def test_dates_and_open_categories_are_described(documents: dict[str, Schema]) -> None:
    customer = documents["dated"]["components"]["schemas"]["Customer"]
    fields = customer["properties"]
    assert list(fields) == ["key", "joined", "paid", "town", "fee"]
    assert (fields["joined"]["type"], fields["joined"]["format"]) == ("string", "date")
    assert fields["paid"]["type"] == ["string", "null"]
    assert fields["town"]["examples"] == ["a", "b"]
    assert "enum" not in fields["town"]
    assert "counts as missing" in fields["town"]["description"]
    assert customer["required"] == ["key", "joined", "fee"]
    assert customer["examples"][0]["joined"] == "2025-01-31"


def test_a_snapshot_that_is_read_is_a_field_and_bounds_the_dates() -> None:
    scorer = Scorer(bundle(dated_contract("day - joined"), dated_customers()))
    customer = build_openapi(scorer, ServingSettings())["components"]["schemas"]["Customer"]
    assert list(customer["properties"])[:4] == ["key", "day", "joined", "paid"]
    assert "- joined is not later than day." in customer["description"]
    assert "- paid is not later than day." in customer["description"]
    assert scorer.read(scorer.example).row[1] == 365.0
    for change, field in (
        ({"joined": "2026-02-01"}, "joined"),
        ({"paid": "2026-02-01"}, "paid"),
        ({"day": None}, "day"),
    ):
        with pytest.raises(InvalidRecord) as caught:
            scorer.read({**scorer.example, **change})
        assert [error.field for error in caught.value.errors] == [field]


@pytest.mark.parametrize("year", ["0000", "0004", "1900", "2000", "2024", "2026", "9999"])
def test_the_schema_knows_the_calendar(
    year: str, without_rules: dict[tuple[str, str], Any]
) -> None:
    scorer, customer = without_rules["dated", "refuse"]
    for month in range(14):
        for day in range(33):
            record = {**scorer.example, "joined": f"{year}-{month:02d}-{day:02d}"}
            try:
                scorer.read(record)
                is_accepted = True
            except InvalidRecord:
                is_accepted = False
            assert is_accepted == customer.is_valid(record), record


def values(schema: Schema) -> st.SearchStrategy[Any]:
    """Values at and around the edges of a field's schema, and quite other ones."""
    edges = [schema[key] + step for key in ("minimum", "maximum") if key in schema
             for step in (-1, -0.5, 0, 0.5, 1)]  # fmt: skip
    texts = [value for value in schema.get("enum", []) if value is not None]
    texts += [f"{value} " for value in texts] + [value.upper() for value in texts]
    return st.one_of(
        st.sampled_from([*edges, *texts, None, True, "", " ", "n/a", " (none) ", "C-1", "x" * 256,
                         "2026-01-31", "2026-02-29", "31/01/2026",
                         "x" * 257, 0, -0.0, 3.0, 4, 1e308, 10**20, 2**53, [], {}, "3"]),
        st.text(max_size=5),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
    )  # fmt: skip


@every_contract
@pytest.mark.parametrize("unseen", ["refuse", "missing"])
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_record_is_accepted_as_its_schema_says(
    name: str, unseen: str, without_rules: dict[tuple[str, str], Any], data: st.DataObject
) -> None:
    scorer, customer = without_rules[name, unseen]
    fields = record_schema(
        scorer.request_columns, scorer.contract.id.name, scorer.contract.missing_values, "refuse"
    )["properties"]
    record = dict(scorer.example)
    for field in data.draw(st.lists(st.sampled_from(list(fields)), max_size=2)):
        record[field] = data.draw(values(fields[field]))
    for field in data.draw(st.lists(st.sampled_from([*fields, "more"]), max_size=1)):
        if field in record:
            del record[field]
        elif data.draw(st.booleans()):
            record[field] = 1
    record = json.loads(json.dumps(record))
    try:
        scorer.read(record)
        is_accepted = True
    except InvalidRecord:
        is_accepted = False
    assert is_accepted == customer.is_valid(record), record


@every_contract
def test_every_route_tells_its_refusals(name: str, documents: dict[str, Schema]) -> None:
    codes = {
        f"{method} {path}": set(map(int, operation["responses"]))
        for method, path, operation in operations(documents[name])
    }
    body = {400, 401, 403, 408, 413, 415, 422, 429, 503}
    for path in ("score", "score/batch", "explain", "explain/batch"):
        assert codes[f"post /v1/{path}"] == {200, *body}
    assert codes["post /v1/feedback"] == {202, *body}
    assert codes["get /v1/model"] == {200, 401, 429, 503}
    assert codes["get /v1/admin/models"] == {200, 401, 403, 429, 503}
    assert codes["post /v1/admin/reload"] == {200, 409, *body}
    assert codes["get /readyz"] == {200, 503}


def test_strangers_are_told_to_wait_without_keys_too(scorers: dict[str, Scorer]) -> None:
    networks = (parse_network("10.0.0.0/8"),)
    off = ServingSettings(authentication=False, allowed_networks=networks)
    document = build_openapi(scorers["ordinary"], off)
    assert {"403", "429"} <= document["paths"]["/v1/model"]["get"]["responses"].keys()


def test_keys_are_asked_for_unless_they_are_off(
    documents: dict[str, Schema], scorers: dict[str, Scorer]
) -> None:
    scopes = {
        path: operation["security"] for _, path, operation in operations(documents["odd"])
        if path.startswith("/v1/")
    }  # fmt: skip
    assert scopes["/v1/score/batch"] == [{"key": ["score"]}]
    assert scopes["/v1/model"] == [{"key": []}]
    assert scopes["/v1/admin/reload"] == [{"key": ["admin"]}]
    open_to_all = build_openapi(scorers["odd"], ServingSettings(authentication=False))
    schemathesis.openapi.from_dict(open_to_all).validate()
    assert "securitySchemes" not in open_to_all["components"]
    for _, _, operation in operations(open_to_all):
        assert "security" not in operation
        assert "401" not in operation["responses"]


def test_limits_are_those_of_the_settings(scorers: dict[str, Scorer]) -> None:
    limits = ServingSettings(max_batch_customers=17, max_body_bytes=12_345, burst=9)
    document = build_openapi(scorers["odd"], limits)
    batch = validator(document, "Batch")
    assert batch.is_valid({"customers": [{}] * 17})
    assert not batch.is_valid({"customers": [{}] * 18})
    assert batch.is_valid({"customers": []})
    about = document["info"]["description"]
    for part in ("17 customers", "12,345 bytes", "9 at once"):
        assert part in about


def test_feedback_and_plans_are_closed(documents: dict[str, Schema]) -> None:
    feedback = validator(documents["odd"], "Feedback")
    good = {ID: "K1", "outcome": "churned", "date": "2026-01-31"}
    assert feedback.is_valid(good)
    for change in ({"outcome": "gone"}, {ID: " "}, {ID: 3}, {"more": 1}, {"date": 3}):
        assert not feedback.is_valid({**good, **change})
    plan = validator(documents["odd"], "Plan")
    assert plan.is_valid({})
    assert plan.is_valid({"challenger": None, "mode": "split", "challenger_share": 0.5})
    assert not plan.is_valid({"mode": "canary"})
    assert not plan.is_valid({"champion": None})
