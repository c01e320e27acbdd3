"""The service as users run it: a ``bentoml serve`` process with two workers."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import Any

import httpx

from churn_pipeline.scorer import Scorer
from churn_pipeline.serving.identity.key_changes import create_key, revoke_key
from tests.e2e.services import ID, Load, score
from tests.serving.support import Server, poll

SECRET = "Xq7-secret-value"


def answered_by(server: Server, example: dict[str, Any]) -> set[str]:
    """Versions that answer over some new connections, so that every worker is asked."""
    return {score(server, example)["model_version"] for _ in range(12)}


def test_the_probes_and_the_documents_are_answered(server: Server) -> None:
    paths = ("/livez", "/readyz", "/metrics", "/openapi.json", "/docs", "/")
    assert {path: server.status(path) for path in paths} == dict.fromkeys(paths, 200)


def test_http_gives_the_bits_of_the_scorer(
    server: Server, scorers: dict[str, Scorer], example: dict[str, Any]
) -> None:
    scorer = scorers["bundle"]
    (expected,) = scorer.score([scorer.read(example)])
    with server.client() as client:
        alone = client.post("/v1/score", json=example).json()
        batch = client.post("/v1/score/batch", json={"customers": [example] * 3}).json()
        explained = client.post("/v1/explain", json=example).json()
    for answer in (alone, explained, *batch["results"]):
        assert answer["churn_probability"] == expected.churn_probability
        assert answer["expected_profit"] == expected.expected_profit


def test_metrics_add_up_over_workers(server: Server, example: dict[str, Any]) -> None:
    # Answers that no other test here asks for, since workers count up to half a second late
    name = 'churn_requests_total{route="/v1/explain/batch",status="415",variant=""}'
    for _ in range(20):
        with server.client() as client:
            assert client.post("/v1/explain/batch", content=b"{}").status_code == 415
    score(server, example)
    poll(lambda: server.metrics().get(name) == 20, 10)
    poll(lambda: any(n.startswith("churn_probability_bucket") for n in server.metrics()), 10)
    metrics = server.metrics()
    assert any(n.startswith("churn_model_info") and v == 1 for n, v in metrics.items())


def test_no_value_of_a_customer_is_logged(server: Server, example: dict[str, Any]) -> None:
    record = dict.fromkeys(example, SECRET)
    with server.client() as client:
        for path in ("/v1/score", "/v1/explain", "/v1/feedback", f"/{SECRET}"):
            assert 400 <= client.post(path, json=record).status_code < 500
        client.post("/v1/score/batch", json={"customers": [record, {SECRET: 1}]})
        client.post("/v1/score", content=b'{"%s": ' % SECRET.encode())
        client.get(f"/v1/model?customer={SECRET}")
        client.post("/v1/score", json={**example, ID: SECRET})
    server.metrics()
    time.sleep(1)  # the logs are written twice a second
    assert SECRET not in server.log
    assert SECRET not in httpx.get(f"{server.url}/metrics").text
    for file in (server.folder / "data/09_serving").rglob("*"):
        if file.is_file():
            assert SECRET.encode() not in file.read_bytes(), file


def test_a_reload_and_a_rollback_drop_no_request(
    server: Server, scorers: dict[str, Scorer], example: dict[str, Any]
) -> None:
    first, second = scorers["bundle"].version, scorers["second"].version
    loads = Load.of(server, example, 3)
    with server.client() as client:
        for _ in range(2):
            answer = client.post("/v1/admin/reload", json={"champion": "second"})
            assert answer.json()["champion"]["version"] == second
            assert client.post("/v1/score", json=example).json()["model_version"] == second
            poll(lambda: answered_by(server, example) == {second}, 10)
            assert client.post("/v1/admin/rollback").json()["champion"]["version"] == first
            poll(lambda: answered_by(server, example) == {first}, 10)
    for load in loads:
        load.finish()
        assert not load.problems
        assert set(load.answers) <= {(200, first), (200, second)}
    assert sum((load.answers for load in loads), Counter())[200, second] > 0


def test_a_tampered_bundle_is_refused_and_the_old_one_goes_on(
    server: Server, scorers: dict[str, Scorer], example: dict[str, Any]
) -> None:
    bundle = server.folder / "data/06_models/bundle"
    model = bundle / "model.onnx"
    whole = model.read_bytes()
    model.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    try:
        with server.client() as client:
            answer = client.post("/v1/admin/reload")
    finally:
        model.write_bytes(whole)
    assert answer.status_code == 409
    assert "model.onnx was changed" in answer.json()["error"]
    assert answered_by(server, example) == {scorers["bundle"].version}


def test_shadow_scores_are_logged_and_counted(
    server: Server, scorers: dict[str, Scorer], example: dict[str, Any]
) -> None:
    with server.client() as client:
        change = {"challenger": "second", "mode": "shadow"}
        client.post("/v1/admin/reload", json=change).raise_for_status()
        poll(lambda: client.get("/v1/model").json()["mode"] == "shadow", 10)
        answer = client.post("/v1/score", json=example).json()
        assert answer["model_version"] == scorers["bundle"].version

        def logged() -> list[dict[str, Any]]:
            files = (server.folder / "data/09_serving/shadow").glob("*.jsonl")
            lines = [json.loads(line) for f in files for line in f.read_text().splitlines()]
            return [line for line in lines if line["request_id"] == answer["request_id"]]

        (line,) = poll(logged, 10)
        assert line["challenger"]["version"] == scorers["second"].version
        assert line["champion"]["churn_probability"] == answer["churn_probability"]
        poll(lambda: server.metrics().get('churn_probability_count{variant="challenger"}'), 10)
        client.post("/v1/admin/rollback").raise_for_status()


def test_a_split_gives_each_customer_one_model_in_all_workers(
    server: Server, scorers: dict[str, Scorer], example: dict[str, Any]
) -> None:
    records = [{**example, ID: f"C{i}"} for i in range(12)]
    with server.client() as client:
        change = {"challenger": "second", "mode": "split", "challenger_share": 0.5}
        client.post("/v1/admin/reload", json=change).raise_for_status()

        def versions() -> list[set[str]]:
            return [{score(server, r)["model_version"] for _ in range(4)} for r in records]

        both = {scorer.version for scorer in scorers.values()}
        found = poll(lambda: v if set().union(*(v := versions())) == both else None, 10)
        poll(lambda: all(len(v) == 1 for v in versions()), 10)
        assert found
        client.post("/v1/admin/rollback").raise_for_status()
    poll(lambda: answered_by(server, example) == {scorers["bundle"].version}, 10)


def test_a_revoked_key_is_refused_within_a_second(server: Server, example: dict[str, Any]) -> None:
    keys = server.folder / "conf/local/api_keys.json"
    token, key = create_key(keys, "short", ["score"])

    def statuses() -> set[int]:
        found = set()
        for _ in range(8):
            with server.client(token) as client:
                found.add(client.post("/v1/score", json=example).status_code)
        return found

    poll(lambda: statuses() == {200}, 5)
    revoke_key(keys, key.key_id)
    begin = time.monotonic()
    poll(lambda: statuses() == {401}, 5)
    assert time.monotonic() - begin < 5  # a second where the machine is free
