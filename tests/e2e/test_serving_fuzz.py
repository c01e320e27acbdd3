"""The service under hostile requests: what its OpenAPI document allows, forbids, and worse."""

from __future__ import annotations

import json
import math
import random
import re
import shutil
import string
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.config._checks import NegativeDataRejectionConfig
from schemathesis.engine import events, from_schema

from churn_pipeline.contract import Contract
from churn_pipeline.scorer import load_scorer
from churn_pipeline.scorer.bundle import write_bundle
from tests.bundles import packaged
from tests.e2e.connection import SECONDS, Answer, Connection
from tests.e2e.fuzzed_bodies import (
    BODIES_AN_EXAMPLE,
    CANARY,
    CANARY_NUMBER,
    MOST_BYTES,
    Body,
    Pairs,
    bodies,
    good_pairs,
)
from tests.serving.support import Server, poll, serving, write_settings
from tests.sizes import size

pytestmark = pytest.mark.slow

EXAMPLES = size(200, 2000)
BODIES = size(2000, 20_000)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, bundle_folder: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("fuzzed")
    shutil.copytree(bundle_folder, folder / "data/06_models/bundle")
    write_settings(folder, max_body_bytes=MOST_BYTES)
    with serving(folder) as server:
        yield server


# --- what the OpenAPI document says ------------------------------------------------------------


@pytest.fixture(scope="module")
def plain_server(
    tmp_path_factory: pytest.TempPathFactory, customers: pd.DataFrame, contract: Contract
) -> Iterator[Server]:
    """A service of a contract without conditions across fields, which no JSON Schema can say."""
    folder = tmp_path_factory.mktemp("plain")
    bundle = packaged("logistic_regression", customers, replace(contract, row_rules=()))
    write_bundle(bundle, folder / "data/06_models/bundle")
    write_settings(folder)
    with serving(folder) as server:
        yield server


def test_the_service_keeps_its_openapi_document(plain_server: Server) -> None:
    rejections = NegativeDataRejectionConfig().expected_statuses
    config = schemathesis.Config.from_dict(
        {
            "seed": 1,
            "base-url": plain_server.url,
            "headers": {"Authorization": f"Bearer {plain_server.token}"},
            "continue-on-failure": True,
            "request-timeout": SECONDS,
            "generation": {
                "deterministic": True,
                "max-examples": size(22, 220),
                "database": "none",
            },
            # more customers than a batch may hold are refused by 413
            "checks": {"negative_data_rejection": {"expected-statuses": [*rejections, "413"]}},
        }
    )
    schema = schemathesis.openapi.from_url(f"{plain_server.url}/openapi.json", config=config)
    asked: Counter[str] = Counter()
    statuses: Counter[int] = Counter()
    problems: set[str] = set()
    for event in from_schema(schema).execute():
        if isinstance(event, events.NonFatalError | events.FatalError):
            problems.add(repr(event))
        if not isinstance(event, events.ScenarioFinished):
            continue
        for case_id, interaction in event.recorder.interactions.items():
            asked[event.recorder.label] += 1
            if interaction.response is None:
                problems.add(f"{event.recorder.label}: no answer to {interaction.request.body!r}")
                continue
            statuses[interaction.response.status_code] += 1
            for check in event.recorder.checks.get(case_id, []):
                if check.failure_info is not None and not _is_excused(
                    check.name, interaction.response.status_code, event.recorder.cases[case_id]
                ):
                    failure = check.failure_info.failure
                    problems.add(
                        f"{event.recorder.label}: {failure.title}: {failure.message}\n"
                        f"{interaction.request.body!r:.300}\n{interaction.response.text:.300}"
                    )
    assert not problems, "\n\n".join(sorted(problems)[:5])
    assert sum(asked.values()) >= EXAMPLES
    paths = plain_server.client().get("/openapi.json").json()["paths"]
    routes = {f"{method.upper()} {path}" for path, item in paths.items() for method in item}
    assert set(asked) >= routes
    assert statuses[200] > size(30, 300)  # not everything was refused
    assert statuses[422] > size(30, 300)
    assert {400, 401, 405, 415, 422} <= set(statuses)


def _is_excused(check: str, status: int, case: Any) -> bool:
    """Whether a document cannot say what the check misses."""
    if status == 429:  # by then the wrong keys of the checks before have used up their allowance
        return check in ("ignored_auth", "missing_required_header")
    body = case.value.body
    if check == "positive_data_acceptance" and status == 422 and isinstance(body, dict):
        return body.get("date", "") > datetime.now(UTC).date().isoformat()
    return False


# --- bodies ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def records(customers: pd.DataFrame, server: Server) -> list[Pairs]:
    """Good customers, in JSON."""
    scorer = load_scorer(server.folder / "data/06_models/bundle")
    return [good_pairs(row, scorer) for row in customers[:200].to_dict("records")]


def test_no_body_breaks_the_service(
    server: Server, records: list[Pairs], contract: Contract
) -> None:
    connections = [Connection(server) for _ in range(6)]
    statuses: Counter[tuple[str, int]] = Counter()

    @settings(
        max_examples=math.ceil(BODIES / BODIES_AN_EXAMPLE) + 5,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(bodies(records, contract.id.name))
    def send(sent: list[Body]) -> None:
        try:
            for start in range(0, len(sent), len(connections)):
                pairs = list(zip(connections, sent[start : start + len(connections)], strict=False))
                for connection, body in pairs:
                    connection.send(body.request(server.token))
                for connection, body in pairs:
                    answer = connection.receive()
                    statuses[body.path, answer.status] += 1
                    check(body, answer)
        except BaseException:
            for connection in connections:
                connection.close()
            raise

    send()
    assert sum(statuses.values()) >= BODIES
    for path in {route for route, _ in statuses}:
        seen = {status for (route, status) in statuses if route == path}
        assert seen >= {202 if path == "/v1/feedback" else 200, 400, 413, 415, 422}, path
    assert sum(n for (_, status), n in statuses.items() if status in (200, 202)) > BODIES / 10
    assert_nothing_leaked(server)
    assert "Traceback" not in server.log
    errors = {k: n for k, n in server.metrics().items() if k.startswith("churn_errors_total")}
    assert errors
    assert not any(errors.values())


def check(body: Body, answer: Answer) -> None:
    """Assert what holds for every answer."""
    content = json.loads(answer.body)
    assert answer.headers["content-type"] == "application/json"
    assert content["request_id"]
    if body.is_good:
        assert answer.status == (202 if body.path == "/v1/feedback" else 200), content
    if answer.status == 200:
        for result in content["results"] if body.path.endswith("/batch") else [content]:
            if "errors" in result:
                assert_names_fields(result["errors"])
            else:
                assert 0 < result["churn_probability"] < 1
                assert math.isfinite(result["expected_profit"])
                assert math.isfinite(sum(result.get("contributions", {"": 0}).values()))
        return
    if answer.status == 202:
        return
    assert answer.status in (400, 413, 415, 422), content
    assert re.fullmatch(r".+[.\w)\"]", content["error"])
    assert "Traceback" not in content["error"]
    if answer.status == 422:
        assert_names_fields(content["errors"])
        assert CANARY not in json.dumps(content)
        assert CANARY_NUMBER not in json.dumps(content)
    else:
        assert set(content) == {"error", "request_id"}


def assert_names_fields(errors: list[dict[str, Any]]) -> None:
    """Assert that each complaint names a field, or is of the body or the record as a whole."""
    assert errors
    for error in errors:
        assert set(error) == {"field", "message"}
        if error["field"] is None:
            assert re.match(r"(The body|a customer is|Only|\d+ more names)", error["message"])
        else:
            # of several fields, the message is the meaning of a row rule
            assert error["field"] in error["message"] or ", " in error["field"]


def assert_nothing_leaked(server: Server) -> None:
    """Assert that no value of a customer is in what the service writes, but for the feedback."""
    answered = sum(v for n, v in server.metrics().items() if n.startswith("churn_requests_total"))
    assert answered > 0
    audit = server.folder / "data/09_serving/audit"

    def lines() -> int:
        return sum(file.read_bytes().count(b"\n") for file in audit.glob("audit-*.jsonl"))

    poll(lambda: lines() >= BODIES / 10, 10)  # they are written twice a second
    poll(lambda: list(audit.glob("refusals-*.jsonl")), 10)
    texts = {"log": server.log, "metrics": httpx.get(f"{server.url}/metrics").text}
    for file in (server.folder / "data/09_serving").rglob("*"):
        if file.is_file() and "feedback" not in file.parts:
            texts[str(file)] = file.read_text("latin-1")
    assert len(texts) > 3
    for name, text in texts.items():
        assert CANARY not in text, name
        assert CANARY_NUMBER not in text, name


def test_depths_of_nesting_are_scored_or_refused(server: Server) -> None:
    connection = Connection(server)
    shapes = {"[": "]", '{"a":': "}", '[{"a":': "}]"}
    refused: set[str] = set()
    for opening, closing in shapes.items():
        for depth in (*range(480, 520), *range(960, 1020), 5000):
            content = (opening * depth + "1" + closing * depth).encode()
            connection.send(Body("/v1/score", content, False).request(server.token))
            answer = connection.receive()
            assert answer.status in (400, 422), depth
            refused.add(json.loads(answer.body)["error"])
    assert "The body is not valid JSON: it is nested too deeply." in refused
    connection.close()


def test_a_record_of_countless_unknown_fields_does_not_hold_up_others(server: Server) -> None:
    generator = random.Random(3)
    names = {"".join(generator.choices(string.ascii_letters, k=4)) for _ in range(5000)}
    content = json.dumps(dict.fromkeys(sorted(names), 1)).encode()
    assert len(content) < MOST_BYTES
    connection = Connection(server)
    times = []
    for _ in range(5):
        begin = datetime.now(UTC)
        connection.send(Body("/v1/score", content, False).request(server.token))
        answer = connection.receive()
        times.append((datetime.now(UTC) - begin).total_seconds())
        assert answer.status == 422
        assert len(answer.body) < 20_000
    assert np.median(times) < 0.1
    connection.close()
