"""BentoML's own clients get what the fast routes answer, under the same rules."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import bentoml
import pandas as pd
import pytest
from bentoml.exceptions import BentoMLException

from churn_pipeline.contract import Contract
from churn_pipeline.scorer import load_scorer
from churn_pipeline.serving.identity.key_changes import create_key
from tests.serving.support import Server, make_bundles, poll, serving, write_settings

SECRET = "Xq7-secret-value"


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, customers: pd.DataFrame, contract: Contract
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    make_bundles(folder / "data/06_models", customers, contract, bundle="xgboost")
    write_settings(folder, max_batch_customers=50, max_body_bytes=100_000)
    with serving(folder) as server:
        yield server


@pytest.fixture(scope="module")
def example(server: Server) -> dict[str, Any]:
    return dict(load_scorer(server.folder / "data/06_models/bundle").example)


def without_id(answer: dict[str, Any]) -> dict[str, Any]:
    assert answer.pop("request_id")
    return answer


def fast(server: Server, path: str, content: Any) -> dict[str, Any]:
    with server.client() as client:
        return without_id(client.post(path, json=content).raise_for_status().json())


def test_a_client_gets_the_bits_of_the_fast_routes(server: Server, example: dict[str, Any]) -> None:
    many = [example, {**example, "customerID": "other"}, {}]
    with bentoml.SyncHTTPClient(server.url, token=server.token) as client:
        found = [
            client.score(customer=example),
            client.explain(customer=example),
            client.score_batch(customers=many),
            client.explain_batch(customers=many),
        ]
    expected = [
        fast(server, "/v1/score", example),
        fast(server, "/v1/explain", example),
        fast(server, "/v1/score/batch", {"customers": many}),
        fast(server, "/v1/explain/batch", {"customers": many}),
    ]
    assert [without_id(answer) for answer in found] == expected


def test_an_asynchronous_client_too(server: Server, example: dict[str, Any]) -> None:
    async def ask() -> list[dict[str, Any]]:
        async with bentoml.AsyncHTTPClient(server.url, token=server.token) as client:
            return await asyncio.gather(*(client.score(customer=example) for _ in range(3)))

    expected = fast(server, "/v1/score", example)
    assert [without_id(answer) for answer in asyncio.run(ask())] == [expected] * 3


def test_the_rules_are_those_of_the_fast_routes(server: Server, example: dict[str, Any]) -> None:
    keys = server.folder / "conf/local/api_keys.json"
    limited, _ = create_key(keys, "limited", ["score"], requests_per_second=0.01, burst=2)
    scoring, _ = create_key(keys, "scoring", ["score"])

    def refusal(token: str | None, name: str, **arguments: Any) -> str:
        with bentoml.SyncHTTPClient(server.url, token=token) as client:
            with pytest.raises(BentoMLException) as caught:
                getattr(client, name)(**arguments)
            return f"{caught.value.error_code.value} {caught.value}"

    def is_known() -> bool:
        return "401" not in refusal(scoring, "explain", customer=example)

    assert refusal(None, "score", customer=example).startswith("401")
    poll(is_known, 10)
    assert "scope explain" in refusal(scoring, "explain", customer=example)
    with bentoml.SyncHTTPClient(server.url, token=limited) as client:
        assert client.score(customer=example)["churn_probability"] > 0
        assert client.score(customer=example)["churn_probability"] > 0
    assert refusal(limited, "score", customer=example).startswith("429")
    token = server.token
    assert "is missing" in refusal(token, "score", customer={"customerID": "C"})
    assert refusal(token, "score", customer={**example, "tenure": SECRET}).startswith("422")
    assert "too many" in refusal(token, "score_batch", customers=[example] * 51)
    assert refusal(token, "score", customer={"note": SECRET * 10_000}).startswith("413")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"customer": "%s"}' % SECRET.encode(), 422),
        (b'{"customer": {}, "more": 1}', 422),
        (b'{"customer": {"a": "\\ud800%s"}}' % SECRET.encode(), 400),
        (b'{"customer": {"a": %s"%s"%s}}' % (b"[" * 400, SECRET.encode(), b"]" * 400), 422),
        (b'{"customer": ', 400),
        (b"", 400),
    ],
)
def test_what_cannot_be_read_is_refused_and_not_logged(
    server: Server, body: bytes, status: int
) -> None:
    headers = {"Content-Type": "application/json"}
    with server.client() as client:
        answer = client.post("/score", content=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]
    assert SECRET not in answer.text
    assert SECRET not in server.log


def test_its_requests_are_counted_and_audited(server: Server, example: dict[str, Any]) -> None:
    with bentoml.SyncHTTPClient(server.url, token=server.token) as client:
        answer = client.explain_batch(customers=[example, example])
    name = 'churn_requests_total{route="/explain_batch",status="200",variant="champion"}'
    assert poll(lambda: server.metrics().get(name), 10) >= 1

    def audited() -> list[dict[str, Any]]:
        files = (server.folder / "data/09_serving/audit").glob("*.jsonl")
        lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
        return [line for line in lines if line.get("route") == "/explain_batch"]

    line = poll(audited, 10)[-1]
    assert line["model"] == answer["model_version"]
    assert len(line["customers"]) == 2
