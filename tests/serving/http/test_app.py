"""The routes, asked in this process: what they answer and what they refuse."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from churn_pipeline.serving.docs.documents import Documents
from churn_pipeline.serving.http.app import ServingApp
from churn_pipeline.serving.http.management import Management
from churn_pipeline.serving.http.monitoring import Monitoring
from churn_pipeline.serving.http.networks import parse_network
from churn_pipeline.serving.http.scoring import Scoring
from churn_pipeline.serving.identity.caller import SCOPES
from churn_pipeline.serving.identity.key_changes import create_key, revoke_key, update_key
from churn_pipeline.serving.identity.verification import subject_id
from churn_pipeline.serving.metrics import Metrics
from churn_pipeline.serving.models import shadow
from churn_pipeline.serving.models.loaded import Models
from churn_pipeline.serving.models.variants import configured_plan
from churn_pipeline.serving.settings import parse_settings
from churn_pipeline.serving.worker import Process, Worker
from tests.serving.identity.provider import AUDIENCE, ISSUER, public_jwk, signed
from tests.serving.support import ROOT


class App:
    """The application with a worker behind it, asked by plain calls."""

    def __init__(self, folder: Path, bundles: Path, **settings: Any) -> None:
        self.folder = folder
        self.keys = folder / "keys.json"
        section = {
            "champion": str(bundles / "champion"),
            "challenger": str(bundles / "challenger"),
            "api_keys": str(self.keys),
            "requests_per_second": 10_000,
            "burst": 10_000,
            "max_batch_customers": 300,
            "max_body_bytes": 300_000,
            **settings,
        }
        self.settings = parse_settings(section, folder, {})
        self.token, _ = create_key(self.keys, "all", SCOPES)  # type: ignore[arg-type]
        self.registry = CollectorRegistry()
        self.loop = asyncio.new_event_loop()
        self.passed: list[str] = []
        self.closed = False
        self.loop.run_until_complete(self._start())
        self.example = dict(self.worker.deployment.champion.scorer.example)
        self.id_name = self.worker.deployment.champion.id_name

    async def _start(self) -> None:
        self.worker = Worker(lambda: self.settings, Process("test", 1), Metrics(self.registry))
        self.worker.start()
        while self.worker.models.current is None:
            await asyncio.sleep(0.01)
        worker = self.worker
        parts = (Scoring(worker), Management(worker), Documents(worker, {}), Monitoring(worker))
        routes = [route for part in parts for route in part.routes]
        self.application = ServingApp(self._bentoml, worker, routes)

    async def _bentoml(self, scope: Any, receive: Any, send: Any) -> None:
        self.passed.append(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"BentoML"})

    def ask(self, method: str, path: str, token: str | None = "", **request: Any) -> httpx.Response:
        headers = dict(request.pop("headers", {}))
        if token is not None:
            headers.setdefault("Authorization", f"Bearer {token or self.token}")

        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self.application)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.request(method, path, headers=headers, **request)

        return self.loop.run_until_complete(asked())

    def post(self, path: str, content: Any, **request: Any) -> httpx.Response:
        return self.ask("POST", path, json=content, **request)

    def audit(self) -> list[dict[str, Any]]:
        self.worker.audit.flush()
        folder = self.settings.audit_log
        files = [*sorted(folder.glob("refusals-*.jsonl")), *sorted(folder.glob("audit-*.jsonl"))]
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]

    def count(self, name: str, **labels: str) -> float:
        self.worker.metrics.flush()
        return self.registry.get_sample_value(name, labels) or 0.0

    def close(self) -> None:
        self.loop.run_until_complete(self.worker.stop())
        self.loop.close()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, bundles: Path) -> Iterator[App]:
    app = App(tmp_path_factory.mktemp("app"), bundles)
    yield app
    app.close()


@pytest.fixture
def make(tmp_path: Path, bundles: Path) -> Iterator[Any]:
    made: list[App] = []

    def make(**settings: Any) -> App:
        made.append(App(tmp_path / str(len(made)), bundles, **settings))
        return made[-1]

    yield make
    for app in made:
        if not app.closed:
            app.close()


def bits(answer: dict[str, Any], app: App) -> Any:
    return tuple(answer[name] for name in (app.id_name, "churn_probability", "expected_profit"))


def test_a_score_is_that_of_the_scorer(app: App) -> None:
    answer = app.post("/v1/score", app.example)
    assert answer.status_code == 200
    content = answer.json()
    scorer = app.worker.deployment.champion.scorer
    (score,) = scorer.score([scorer.read(app.example)])
    expected = {name: getattr(score, name) for name in score.__slots__}
    assert content == {
        app.id_name: app.example[app.id_name],
        **expected,
        "model_version": scorer.version,
        "request_id": content["request_id"],
    }
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/json"


def test_request_ids_differ(app: App) -> None:
    ids = {app.post("/v1/score", app.example).json()["request_id"] for _ in range(5)}
    assert len(ids) == 5


def test_an_explanation_adds_up(app: App) -> None:
    content = app.post("/v1/explain", app.example).json()
    total = content["base_log_odds"] + sum(content["contributions"].values())
    assert total == pytest.approx(content["log_odds"], abs=1e-9)
    assert bits(content, app) == bits(app.post("/v1/score", app.example).json(), app)
    assert all(reason.keys() == {"input", "text", "contribution"} for reason in content["reasons"])


@pytest.mark.parametrize("route", ["/v1/score", "/v1/explain"])
def test_a_batch_names_the_records_that_failed_and_answers_the_rest(app: App, route: str) -> None:
    records: list[Any] = [{**app.example, app.id_name: f"C{i}"} for i in range(250)]
    records[7], records[120], records[249] = {}, None, {**app.example, app.id_name: 5}
    content = app.post(f"{route}/batch", {"customers": records}).json()
    assert (content["scored"], content["failed"]) == (247, 3)
    results = content["results"]
    assert [result["index"] for result in results] == list(range(250))
    assert {r["index"] for r in results if "errors" in r} == {7, 120, 249}
    single = app.post(route, records[100]).json()
    for name in ("model_version", "request_id"):
        single.pop(name)
    assert {**single, "index": 100} == results[100]


def test_an_empty_batch_is_answered(app: App) -> None:
    content = app.post("/v1/score/batch", {"customers": []}).json()
    assert (content["results"], content["scored"], content["failed"]) == ([], 0, 0)


def test_short_requests_are_answered_within_a_long_batch(app: App) -> None:
    batch = {"customers": [app.example] * 300}
    order: list[str] = []

    async def ask(name: str, path: str, content: Any) -> None:
        transport = httpx.ASGITransport(app.application)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            headers = {"Authorization": f"Bearer {app.token}"}
            answer = await client.post(path, json=content, headers=headers)
        assert answer.status_code == 200
        order.append(name)

    async def both() -> None:
        await asyncio.gather(
            ask("long", "/v1/explain/batch", batch), ask("short", "/v1/score", app.example)
        )

    app.loop.run_until_complete(both())
    assert order == ["short", "long"]


@pytest.mark.parametrize(
    ("content", "status"),
    [
        ([], 422),
        ({}, 422),
        ({"customers": {}}, 422),
        ({"customers": [], "more": 1}, 422),
        ({"customers": [None] * 301}, 413),
    ],
)
def test_a_batch_of_another_form_is_refused(app: App, content: Any, status: int) -> None:
    assert app.post("/v1/score/batch", content).status_code == status


SECRET = "Xq7-secret-value"


@pytest.mark.parametrize("route", ["/v1/score", "/v1/explain"])
@pytest.mark.parametrize(
    "record", [None, [], 5, "text", True, {}, {SECRET: SECRET}, [{}], {"customers": []}]
)
def test_a_record_of_another_form_is_refused(app: App, route: str, record: Any) -> None:
    headers = {"Content-Type": "application/json"}
    answer = app.ask("POST", route, content=json.dumps(record), headers=headers)
    assert answer.status_code == 422
    assert answer.json()["errors"]


def test_each_faulty_field_is_named_without_its_value(app: App) -> None:
    scorer = app.worker.deployment.champion.scorer
    for column in scorer.request_columns:
        answer = app.post("/v1/score", {**app.example, column.name: [SECRET]})
        content = answer.json()
        assert answer.status_code == 422, column.name
        assert [error["field"] for error in content["errors"]] == [column.name]
        assert column.name in content["error"]
        assert SECRET not in answer.text


def test_several_faults_are_all_named(app: App) -> None:
    names = [column.name for column in app.worker.deployment.champion.scorer.request_columns][:3]
    content = app.post("/v1/score", {**app.example, **{name: [] for name in names}}).json()
    assert [error["field"] for error in content["errors"]] == names
    assert all(name in content["error"] for name in names)


@pytest.mark.parametrize(
    ("headers", "content", "status"),
    [
        ({"Content-Type": "text/csv"}, b"{}", 415),
        ({}, b"{}", 415),
        ({"Content-Type": "application/json"}, b"", 400),
        ({"Content-Type": "application/json"}, b"{", 400),
        ({"Content-Type": "application/json"}, b'{"a": "\xff"}', 400),
        ({"Content-Type": "application/json"}, b"[" * 200_000, 400),
        ({"Content-Type": "application/json"}, b" " * 300_001, 413),
    ],
)
@pytest.mark.parametrize(
    "path", ["/v1/score", "/v1/score/batch", "/v1/explain", "/v1/explain/batch", "/v1/feedback"]
)
def test_bad_bodies_are_refused_everywhere(
    app: App, path: str, headers: dict[str, str], content: bytes, status: int
) -> None:
    answer = app.ask("POST", path, headers=headers, content=content)
    assert answer.status_code == status
    assert answer.json().keys() == {"error", "request_id"}


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/v1/score", 405, "POST"),
        ("HEAD", "/v1/score", 405, "POST"),
        ("OPTIONS", "/v1/score", 405, "POST"),
        ("BREW", "/v1/score", 405, "POST"),
        ("DELETE", "/v1/model", 405, "GET"),
        ("POST", "/livez", 405, "GET, HEAD"),
        ("GET", "/v1/nothing", 404, None),
        ("POST", "/v1/score/", 404, None),
        ("POST", "/v1/%73core", 404, None),
        ("POST", "/v1%2Fscore", 404, None),
        ("GET", "/%00", 404, None),
        ("GET", "/static_content/..%2f..%2fsecret", 404, None),
    ],
)
def test_other_methods_and_paths_are_refused(
    app: App, method: str, path: str, status: int, allow: str | None
) -> None:
    answer = app.ask(method, path, token=None)
    assert answer.status_code == status
    assert answer.headers.get("allow") == allow
    if method != "HEAD":
        assert answer.json()["request_id"]


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/static_content/index.css"])
def test_what_belongs_to_bentoml_is_passed_on(app: App, path: str) -> None:
    app.passed.clear()
    assert app.ask("GET", path, token=None).text == "BentoML"
    assert app.passed == [path]


@pytest.mark.parametrize(
    ("scope", "path"),
    [("score", "/v1/explain"), ("explain", "/v1/feedback"), ("feedback", "/v1/admin/reload")],
)
def test_a_key_does_only_what_its_scopes_allow(app: App, scope: Any, path: str) -> None:
    token, _ = create_key(app.keys, scope, [scope])
    app.worker.keys.refresh()
    answer = app.post(path, app.example, token=token)
    assert answer.status_code == 403
    assert "scope" in answer.json()["error"]
    assert app.ask("GET", "/v1/model", token=token).status_code == 200


def test_without_a_good_key_nothing_is_answered(make: Any) -> None:
    app = make()
    token, key = create_key(app.keys, "other", ["score"])
    app.worker.keys.refresh()
    assert app.post("/v1/score", app.example, token=token).status_code == 200
    revoke_key(app.keys, key.key_id)
    app.worker.keys.refresh()
    for bad in (None, token, "churn_00000000_" + "x" * 43, "nonsense"):
        answer = app.post("/v1/score", app.example, token=bad)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
    statuses = {app.ask("GET", "/v1/model", token=None).status_code for _ in range(60)}
    assert statuses == {401, 429}  # an address that fails on and on is told to wait


def test_a_key_is_refused_from_other_networks_and_after_its_end(make: Any) -> None:
    app = make()
    token, key = create_key(app.keys, "far", ["score"], networks=[parse_network("10.0.0.0/8")])
    answer = app.post("/v1/score", app.example, token=token)
    assert answer.status_code == 403
    assert "address" in answer.json()["error"]
    assert app.count("churn_rejected_total", reason="key_network") == 1
    update_key(app.keys, key.key_id, networks=(), expires="2020-01-01T00:00:00Z")
    app.worker.keys.refresh()
    answer = app.post("/v1/score", app.example, token=token)
    assert answer.status_code == 401
    assert "expired at 2020-01-01T00:00:00Z" in answer.json()["error"]
    assert app.count("churn_unauthorized_total", cause="key_expired") == 1
    # such refusals are limited as those of strangers: the key's own limit is its owner's
    update_key(app.keys, key.key_id, networks=[parse_network("10.0.0.0/8")], expires=None)
    app.worker.keys.refresh()
    statuses = [app.post("/v1/score", {}, token=token).status_code for _ in range(30)]
    assert set(statuses) == {403, 429}


def test_a_wrong_scope_counts_as_a_request(make: Any) -> None:
    app = make()
    token, _ = create_key(app.keys, "few", ["explain"], 0.001, 3)
    statuses = [app.post("/v1/score", {}, token=token).status_code for _ in range(5)]
    assert statuses == [403, 403, 403, 429, 429]


def test_tokens_are_taken_beside_keys(make: Any, tmp_path: Path) -> None:
    jwks = tmp_path / "jwks.json"
    jwks.write_text(json.dumps({"keys": [public_jwk("RS256")]}))
    section = {"issuer": ISSUER, "audience": AUDIENCE, "scopes": {"churn:score": "score"}}
    app = make(tokens={**section, "jwks": str(jwks)}, requests_per_second=0.001, burst=4)
    token = signed()
    answer = app.post("/v1/score", app.example, token=token)
    assert answer.status_code == 200
    assert app.post("/v1/score", app.example).status_code == 200
    scored = [line for line in app.audit() if line.get("route") == "/v1/score"]
    assert scored[0]["key"] == subject_id(ISSUER, "service-17")
    answer = app.post("/v1/explain", app.example, token=token)
    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
    answer = app.ask("GET", "/v1/model", token=signed(scope="openid"))
    assert answer.status_code == 403
    assert "no scope of this service" in answer.json()["error"]
    # the limit is that of the subject, whatever tokens it has
    answers = [app.post("/v1/score", app.example, token=signed(jti=str(i))) for i in range(3)]
    assert [answer.status_code for answer in answers] == [200, 429, 429]
    other = app.post("/v1/score", app.example, token=signed(sub="service-18"))
    assert other.status_code == 200
    for bad, cause in ((signed("RS256", 1), "unknown_key"), (signed(aud="other"), "audience")):
        answer = app.post("/v1/score", app.example, token=bad)
        assert answer.status_code == 401
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]
        assert app.count("churn_unauthorized_total", cause=f"token_{cause}") == 1
    document = app.ask("GET", "/openapi.json", token=None).json()
    assert ISSUER in document["components"]["securitySchemes"]["token"]["description"]


def test_without_tokens_configured_a_token_is_no_key(app: App) -> None:
    answer = app.post("/v1/score", app.example, token=signed())
    assert answer.status_code == 401
    assert "churn_<key id>_<secret>" in answer.json()["error"]


def full_disk(*_: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


APPEND = "churn_pipeline.serving.audit.files.append_whole"


def test_a_revoked_key_is_refused_while_the_audit_log_cannot_be_written(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make(audit_failure="continue")
    monkeypatch.setattr(APPEND, full_disk)
    assert app.post("/v1/score", app.example).status_code == 200
    revoke_key(app.keys, app.token.split("_")[1])
    end = time.monotonic() + 10
    while app.post("/v1/score", app.example).status_code == 200:
        assert time.monotonic() < end, "the key still works"
        app.loop.run_until_complete(asyncio.sleep(0.02))


def test_what_cannot_be_audited_is_not_answered(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    app = make()
    body = {"customers": [app.example] * 300}
    feedback = {app.id_name: "C-1", "outcome": "stayed", "date": "2020-01-01"}
    with monkeypatch.context() as patched:
        patched.setattr(APPEND, full_disk)
        app.worker.audit.happened("something")
        app.worker.audit.flush()
        answers = [
            app.post("/v1/score", app.example),
            app.post("/v1/score/batch", body),
            app.post("/v1/explain", app.example),
            app.post("/v1/feedback", feedback),
            app.ask("GET", "/v1/model"),
            app.post("/v1/admin/reload", {"champion": "challenger"}),
        ]
        assert [answer.status_code for answer in answers] == [503] * 6
        assert {answer.headers["retry-after"] for answer in answers} == {"5"}
        assert "audit log" in answers[0].json()["error"]
        assert app.count("churn_rejected_total", reason="audit") == 6
    app.worker.audit.flush()
    assert app.post("/v1/score", app.example).status_code == 200
    assert app.worker.deployment.plan.champion.endswith("champion")  # the reload was not begun
    gap = [line for line in app.audit() if line.get("event") == "audit_gap"]
    assert gap[0]["refused"] >= 6


def test_what_is_answered_without_a_line_is_counted(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make(audit_failure="continue")
    with monkeypatch.context() as patched:
        patched.setattr(APPEND, full_disk)
        app.worker.audit.happened("something")
        app.worker.audit.flush()
        for _ in range(3):
            assert app.post("/v1/score", app.example).status_code == 200
    app.loop.run_until_complete(app.worker._flush())
    assert app.count("churn_audit_lost_total") == 3


def test_a_key_that_asks_too_often_is_told_when_to_come_again(make: Any) -> None:
    app = make(requests_per_second=1, burst=3)
    answers = [app.post("/v1/score", app.example) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert app.count("churn_rejected_total", reason="rate_limit") == 2


def test_other_networks_are_refused(make: Any) -> None:
    app = make(allowed_networks=["10.0.0.0/8"])
    assert app.post("/v1/score", app.example).status_code == 403


@pytest.mark.parametrize("networks", [[], ["10.0.0.0/8"]])
def test_strangers_cannot_fill_the_audit_log(make: Any, networks: list[str]) -> None:
    app = make(allowed_networks=networks)
    answers = [app.post("/v1/score", app.example, token=None) for _ in range(100)]
    assert answers[-1].status_code == 429
    app.worker.audit.flush(is_over=True)
    refused = [line for line in app.audit() if line["log"] == "refusals-1"][1:]
    assert sum(line.get("count", 1) for line in refused) == 100
    assert len(refused) < 20
    assert app.count("churn_rejected_total", reason="rate_limit") > 70


def test_without_authentication_scores_are_given_but_nothing_is_administered(make: Any) -> None:
    app = make(authentication=False)
    assert app.post("/v1/score", app.example, token=None).status_code == 200
    assert app.ask("POST", "/v1/admin/rollback", token=None).status_code == 403


def test_pages_of_allowed_origins_may_ask(make: Any) -> None:
    app = make(cors_origins=["https://example.org"])
    headers = {"Origin": "https://example.org", "Access-Control-Request-Method": "POST"}
    preflight = app.ask("OPTIONS", "/v1/score", token=None, headers=headers)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == "https://example.org"
    answer = app.post("/v1/score", app.example, headers=headers)
    assert answer.headers["access-control-allow-origin"] == "https://example.org"
    strange = {**headers, "Origin": "https://evil.example"}
    assert app.ask("OPTIONS", "/v1/score", token=None, headers=strange).status_code == 403
    answer = app.post("/v1/score", app.example, headers=strange)
    assert "access-control-allow-origin" not in answer.headers


def test_the_audit_log_names_who_was_scored_but_no_values(app: App) -> None:
    record = {**app.example, app.id_name: SECRET}
    assert app.post("/v1/score", record).status_code == 200
    line = [line for line in app.audit() if "customer" in line][-1]
    assert line["log"] == "audit-1"
    assert line["address"]
    assert line["key"] == app.token.split("_")[1]
    assert line["route"] == "/v1/score"
    assert line["status"] == 200
    assert line["model"] == app.worker.deployment.champion.version
    assert line["customer"]
    assert SECRET not in json.dumps(app.audit())
    app.post("/v1/score/batch", {"customers": [record, None, record]})
    line = app.audit()[-1]
    assert (line["status"], line["failed"], len(line["customers"])) == (200, 1, 2)


def test_reloads_and_rollbacks_say_who_from_and_to(
    make: Any, caplog: pytest.LogCaptureFixture
) -> None:
    app = make()
    folder = app.settings.champion.parent
    first = app.worker.deployment.champion.version
    with caplog.at_level(logging.INFO, logger="bentoml.churn"):
        logging.getLogger("bentoml.churn").propagate = True
        for path, body, status in (
            ("reload", {"champion": str(folder / "challenger")}, 200),
            ("rollback", None, 200),
            ("reload", {"champion": str(folder / "none")}, 409),
        ):
            headers = {"X-Request-ID": f"my-{path}"}
            answer = app.ask("POST", f"/v1/admin/{path}", json=body, headers=headers)
            assert answer.status_code == status, answer.text
    second = next(line["to"]["champion"] for line in app.audit() if line.get("event") == "reload")
    assert first != second
    found = [line for line in app.audit() if line.get("event") in ("reload", "rollback")]
    key = app.token.split("_")[1]
    assert {(line["key"], bool(line["address"])) for line in found} == {(key, True)}
    assert [
        (
            line["request_id"],
            line["status"],
            line["from"]["champion"],
            (line["to"] or {}).get("champion"),
        )
        for line in found
    ] == [
        ("my-reload", 200, first, second),
        ("my-rollback", 200, second, first),
        ("my-reload", 409, first, None),
    ]
    in_use = [
        line["to"]["champion"] for line in app.audit() if line.get("event") == "models_in_use"
    ]
    assert in_use == [first, second, first]
    texts = [record.getMessage() for record in caplog.records]
    assert any(text.startswith(f"reload by key {key} from") and second in text for text in texts)
    assert any(text.startswith("rollback by key") for text in texts)


def test_a_reload_by_another_worker_is_written_down(make: Any) -> None:
    app = make()
    first = app.worker.deployment.champion.version
    other = Models(
        app.worker.models._file,
        lambda: configured_plan(app.settings),
        "test",
        lambda before, now: None,
    )
    app.loop.run_until_complete(other.reload({"champion": str(app.settings.challenger)}))
    end = time.monotonic() + 10
    while app.worker.deployment.champion.version == first:
        assert time.monotonic() < end
        app.loop.run_until_complete(asyncio.sleep(0.02))
    line = app.audit()[-1]
    assert (line["event"], line["from"]["champion"]) == ("models_in_use", first)
    assert line["to"]["champion"] == app.worker.deployment.champion.version


def test_changes_of_keys_are_written_down(make: Any) -> None:
    app = make()
    _, key = create_key(app.keys, "new", ["score"])
    revoke_key(app.keys, key.key_id)

    def changes() -> list[Any]:
        return [line for line in app.audit() if line.get("event") == "key_in_use"]

    end = time.monotonic() + 10
    while not changes():
        assert time.monotonic() < end
        app.loop.run_until_complete(asyncio.sleep(0.02))
    line = changes()[-1]
    assert (line["key"], line["to"]["scopes"]) == (key.key_id, ["score"])
    assert line["to"]["revoked"]


def test_the_start_and_the_end_are_written_down(make: Any) -> None:
    app = make()
    app.close()
    app.closed = True
    events = [json.loads(x)["event"] for x in audit_texts(app) if '"event"' in x]
    assert [events[1], events[-1]] == ["worker_started", "worker_stopped"]


def audit_texts(app: App) -> list[str]:
    files = sorted(app.settings.audit_log.glob("audit-*.jsonl"))
    return [line for file in files for line in file.read_text().splitlines()]


TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_the_ids_of_a_request_are_in_answer_error_and_audit(app: App) -> None:
    headers = {"X-Request-ID": "order-17/a", "traceparent": TRACE}
    answer = app.post("/v1/score", app.example, headers=headers)
    assert answer.json()["request_id"] == answer.headers["x-request-id"] == "order-17/a"
    assert answer.headers["traceparent"] == TRACE
    line = app.audit()[-1]
    assert (line["request_id"], line["trace_id"]) == ("order-17/a", TRACE[3:35])
    refused = app.post("/v1/score", {}, headers=headers)
    assert refused.json()["request_id"] == refused.headers["x-request-id"] == "order-17/a"
    for path in ("/livez", "/openapi.json", "/docs", "/nothing"):
        answer = app.ask("GET", path, token=None, headers=headers)
        assert answer.headers["x-request-id"] == "order-17/a"
        assert answer.headers["traceparent"] == TRACE
        assert len(app.ask("GET", path, token=None).headers["x-request-id"]) == 24


def test_a_fault_of_the_service_is_answered_and_logged_without_values(
    app: App, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(customers: Any) -> Any:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(app.worker.deployment.champion.scorer, "score", fail)
    monkeypatch.setattr(logging.getLogger("bentoml"), "propagate", True)
    before = app.count("churn_errors_total", kind="internal")
    answer = app.post("/v1/score", app.example)
    assert answer.status_code == 500
    assert SECRET not in answer.text
    assert "RuntimeError at" in caplog.text
    assert SECRET not in caplog.text
    assert app.count("churn_errors_total", kind="internal") == before + 1


def test_the_model_is_described(app: App) -> None:
    content = app.ask("GET", "/v1/model").json()
    assert content["mode"] == "champion"
    assert content["challenger_version"] == app.worker.deployment.variants[1].version


def test_the_document_is_that_of_the_model(app: App) -> None:
    document = app.ask("GET", "/openapi.json", token=None).json()
    assert "/v1/score" in document["paths"]
    assert app.ask("GET", "/docs", token=None).headers["content-type"].startswith("text/html")


def test_feedback_is_stored(app: App) -> None:
    entry = {app.id_name: "C-9", "outcome": "stayed", "date": "2026-01-05"}
    answer = app.post("/v1/feedback", entry)
    assert answer.status_code == 202
    (file,) = app.settings.feedback.glob("*.jsonl")
    line = json.loads(file.read_text().splitlines()[-1])
    assert line["customer_id"] == "C-9"
    assert line["request_id"] == answer.json()["request_id"]
    answer = app.post("/v1/feedback", {**entry, "outcome": SECRET})
    assert answer.status_code == 422
    assert SECRET not in answer.text


def test_feedback_that_cannot_be_stored_is_not_accepted(make: Any) -> None:
    app = make()
    app.settings.feedback.parent.mkdir(parents=True, exist_ok=True)
    app.settings.feedback.write_text("a file where the folder should be")
    entry = {app.id_name: "C-9", "outcome": "stayed", "date": "2026-01-05"}
    assert app.post("/v1/feedback", entry).status_code == 503


def test_the_silent_challenger_is_logged_after_the_answer(make: Any) -> None:
    app = make(mode="shadow")
    record = {**app.example, app.id_name: SECRET}
    content = app.post("/v1/score", record).json()
    app.post("/v1/score/batch", {"customers": [record] * 20})
    champion, challenger = app.worker.deployment.variants
    assert content["model_version"] == champion.version
    app.worker.shadow.finish()
    app.worker.shadow.flush()
    (file,) = app.settings.shadow_log.glob("*.jsonl")
    assert file.stat().st_mode & 0o777 == 0o600
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(lines) == 21
    assert lines[0]["champion"]["churn_probability"] == content["churn_probability"]
    (score,) = challenger.scorer.score([challenger.scorer.read(record)])
    assert lines[0]["challenger"]["churn_probability"] == score.churn_probability
    assert lines[0]["challenger"]["version"] == challenger.version
    assert SECRET not in file.read_text()
    assert app.count("churn_probability_count", variant="challenger") == 21
    assert app.count("churn_probability_count", variant="champion") == 21


def test_silent_scores_that_are_left_out_are_counted(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make(mode="shadow", max_shadow_bytes=20_000)
    app.worker.shadow._max_waiting = 5 * shadow._size(app.example)
    app.post("/v1/score/batch", {"customers": [app.example] * 20})
    app.worker.shadow.finish()
    monkeypatch.setattr(shadow, "append_whole", full_disk)
    app.worker.shadow.flush()
    app.loop.run_until_complete(app.worker._flush())
    outcomes = {
        outcome: app.count("churn_shadow_total", outcome=outcome)
        for outcome in ("scored", "dropped", "unwritten")
    }
    assert outcomes == {"scored": 5, "dropped": 15, "unwritten": 5}


def test_silent_scores_wait_within_a_bound_of_memory(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make(mode="shadow", max_shadow_bytes=100_000)
    silent = app.worker.shadow
    # an open category takes texts of any length
    record = {**app.example, app.id_name: "x" * 200, "more": "é" * 11_000}
    for _ in range(5):
        silent.add(app.worker.deployment, "order-1", "C1", record, 0.5, "high")
    assert len(silent._waiting) == 2
    silent._waiting.clear()
    silent._waiting_bytes = 0
    # a disk that is slower than the scores
    monkeypatch.setattr(shadow, "MAX_LINES", 3)
    flush = silent.flush
    monkeypatch.setattr(shadow.Shadow, "flush", lambda _: None)
    for _ in range(2):
        app.post("/v1/score/batch", {"customers": [app.example] * 4})
        silent.finish()
    assert silent._waiting_bytes == 0
    assert app.count("churn_shadow_total", outcome="dropped") == 3
    assert app.count("churn_shadow_total", outcome="unwritten") == 5
    flush()
    (file,) = app.settings.shadow_log.glob("*.jsonl")
    assert len(file.read_text().splitlines()) == 3


def test_split_customers_get_the_same_variant_alone_and_in_a_batch(make: Any) -> None:
    app = make(mode="split", challenger_share=0.5)
    champion, challenger = app.worker.deployment.variants
    records = [{**app.example, app.id_name: f"C{i}"} for i in range(40)]
    alone = [app.post("/v1/score", record).json() for record in records]
    versions = [answer["model_version"] for answer in alone]
    assert set(versions) == {champion.version, challenger.version}
    batch = app.post("/v1/score/batch", {"customers": records}).json()
    for answer, result in zip(alone, batch["results"], strict=True):
        assert bits(answer, app) == bits(result, app)
        assert result.get("model_version", batch["model_version"]) == answer["model_version"]
    n = versions.count(challenger.version)
    labels = {"route": "/v1/score", "status": "200"}
    assert app.count("churn_requests_total", variant="challenger", **labels) == n


def test_models_are_changed_and_rolled_back(make: Any, bundles: Path) -> None:
    app = make()
    champion, challenger = (v.version for v in app.worker.deployment.variants)
    content = app.post("/v1/admin/reload", {"champion": "challenger", "challenger": None}).json()
    assert content["champion"]["version"] == challenger
    assert content["previous"]["champion"] == champion
    assert app.post("/v1/score", app.example).json()["model_version"] == challenger
    assert app.ask("POST", "/v1/admin/rollback").json()["champion"]["version"] == champion
    assert app.ask("POST", "/v1/admin/reload").json()["champion"]["version"] == champion
    assert app.ask("GET", "/v1/admin/models").json()["champion"]["version"] == champion


def test_an_unusable_change_is_told_what_would_be_usable(app: App) -> None:
    errors = app.post("/v1/admin/reload", {"mode": "both"}).json()["errors"]
    assert errors == [{"field": "mode", "message": "mode must be one of champion, shadow, split."}]


def test_the_documented_reload_is_done(make: Any) -> None:
    document = (ROOT / "docs/serving.md").read_text(encoding="utf-8")
    (change,) = re.findall(r"-d '(\{.*\})'", document)
    content = make().post("/v1/admin/reload", json.loads(change)).json()
    assert content["mode"] == "shadow"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"champion": "nothing here"}, 409),
        ({"champion": "../../etc"}, 422),
        ({"champion": "/"}, 422),
        ({"champion": "a\0b"}, 422),
        ({"champion": "x" * 5000}, 422),
        ({"champion": None}, 422),
        ({"mode": "both"}, 422),
        ({"mode": "shadow", "challenger": None}, 409),
        ({"challenger_share": 2}, 422),
        ({"challenger_share": True}, 422),
        ({"more": 1}, 422),
        ([], 422),
    ],
)
def test_an_unusable_change_is_refused(app: App, change: Any, status: int) -> None:
    before = app.worker.deployment
    answer = app.post("/v1/admin/reload", change)
    assert answer.status_code == status
    assert app.worker.deployment is before


DOCUMENTS = ("/", "/docs", "/docs/page.js", "/docs/page.css", "/openapi.json")


def test_metrics_and_documents_are_public_unless_the_settings_say_otherwise(app: App) -> None:
    for path in ("/metrics", "/static_content/swagger-ui.css", *DOCUMENTS):
        assert app.ask("GET", path, token=None).status_code == 200, path
    answer = app.ask("GET", "/metrics", token=None)
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert "# TYPE churn_requests_total counter" in answer.text
    assert app.ask("HEAD", "/metrics", token=None).status_code == 200
    assert app.ask("POST", "/metrics", token=None).headers["allow"] == "GET, HEAD"


def test_what_is_not_public_needs_a_key(make: Any) -> None:
    app = make(public_routes=[])
    watcher, _ = create_key(app.keys, "prometheus", ["metrics"])
    scorer, _ = create_key(app.keys, "crm", ["score"])
    app.loop.run_until_complete(app.worker._refresh_keys())
    for path in ("/livez", "/readyz"):
        assert app.ask("GET", path, token=None).status_code == 200
    for path in ("/metrics", *DOCUMENTS):
        answer = app.ask("GET", path, token=None)
        assert answer.status_code == 401, path
        assert "churn_requests" not in answer.text
    assert app.ask("HEAD", "/metrics", token=None).status_code == 401
    assert app.ask("GET", "/static_content/swagger-ui.css", token=None).status_code == 404
    for path in DOCUMENTS:
        assert app.ask("GET", path, token=scorer).status_code == 200
    assert app.ask("GET", "/metrics", token=scorer).status_code == 403
    assert app.ask("GET", "/metrics", token=watcher).status_code == 200
    assert app.ask("POST", "/v1/score", token=watcher, json=app.example).status_code == 403


def test_each_route_is_public_by_itself(make: Any) -> None:
    app = make(public_routes=["/openapi.json"])
    assert app.ask("GET", "/openapi.json", token=None).status_code == 200
    assert app.ask("GET", "/docs", token=None).status_code == 401
    assert app.ask("GET", "/metrics", token=None).status_code == 401
    document = app.ask("GET", "/openapi.json", token=None).json()
    assert document["paths"]["/metrics"]["get"]["security"] == [{"key": ["metrics"]}]
    assert {"401", "403", "429"} <= set(document["paths"]["/metrics"]["get"]["responses"])


@pytest.mark.parametrize(("network", "status"), [("127.0.0.0/8", 200), ("10.0.0.0/8", 401)])
def test_a_network_reads_metrics_without_a_key_and_nothing_else(
    make: Any, network: str, status: int
) -> None:
    app = make(public_routes=[], metrics_networks=[network], allowed_networks=["127.0.0.1/32"])
    assert app.ask("GET", "/metrics", token=None).status_code == status
    assert app.ask("GET", "/openapi.json", token=None).status_code == 401
    assert app.post("/v1/score", app.example, token=None).status_code == 401


def test_bad_keys_are_counted_also_where_the_address_gets_429(make: Any) -> None:
    app = make()
    statuses = [app.post("/v1/score", {}, token="churn_0").status_code for _ in range(30)]
    assert set(statuses) == {401, 429}
    app.worker.metrics.flush()
    (family,) = [f for f in app.registry.collect() if f.name == "churn_unauthorized"]
    assert sum(s.value for s in family.samples if s.name.endswith("_total")) == 30


def test_a_broken_file_of_keys_is_a_metric_until_it_is_whole(make: Any) -> None:
    app = make()
    whole = app.keys.read_bytes()

    def broken(content: bytes) -> float:
        app.keys.write_bytes(content)
        app.loop.run_until_complete(app.worker._refresh_keys())
        return app.count("churn_key_file_broken")

    assert broken(b"{") == 1
    assert app.post("/v1/score", app.example).status_code == 200, "the keys before stay in use"
    assert broken(whole) == 0


def test_one_key_cannot_hold_the_memory_of_all_bodies(make: Any) -> None:
    app = make(max_bodies_bytes=800_000)
    greedy, _ = create_key(app.keys, "greedy", ["score"])
    content = {"customers": [app.example], "padding": "x" * 250_000}
    begun = asyncio.Event()
    messages = iter([{"type": "http.request", "body": b" " * 250_000, "more_body": True}])

    async def receive() -> Any:
        message = next(messages, None)
        if message is None:
            begun.set()
            await asyncio.Event().wait()
        return message

    async def send(message: Any) -> None:
        raise AssertionError(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/score/batch",
        "raw_path": b"/v1/score/batch",
        "client": ("127.0.0.1", 1),
        "headers": [
            (b"authorization", b"Bearer " + greedy.encode()),
            (b"content-type", b"application/json"),
        ],
    }

    async def begin() -> asyncio.Task[None]:
        task = asyncio.create_task(app.application(scope, receive, send))
        await asyncio.wait_for(begun.wait(), 30)
        return task

    task = app.loop.run_until_complete(begin())
    refused = app.post("/v1/score/batch", content, token=greedy)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert "your large requests" in refused.json()["error"]
    assert app.count("churn_rejected_total", reason="caller_bodies") == 1
    assert "caller_bodies" in [line.get("reason") for line in app.audit()]
    # of another key it is read to its end
    assert app.post("/v1/score/batch", content).status_code == 422
    assert app.post("/v1/score", app.example, token=greedy).status_code == 200
    task.cancel()
    app.loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    assert app.post("/v1/score/batch", content, token=greedy).status_code == 422
