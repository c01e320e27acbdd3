"""The service as users run it: a ``bentoml serve`` process with two workers."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from churn_pipeline.contract import Contract
from churn_pipeline.scorer import Scorer, load_scorer
from churn_pipeline.serving.identity.key_changes import create_key, revoke_key
from tests.serving.support import Server, make_bundles, poll, serving, write_settings

SECRET = "Xq7-secret-value"
ID = "customerID"


@pytest.fixture(scope="module")
def bundles(
    tmp_path_factory: pytest.TempPathFactory, customers: pd.DataFrame, contract: Contract
) -> Path:
    names = {"bundle": "logistic_regression", "second": "xgboost"}
    return make_bundles(tmp_path_factory.mktemp("bundles"), customers, contract, **names)


def project(folder: Path, bundles: Path, **settings: Any) -> Path:
    """Make a project folder with both bundles and the settings of a service."""
    shutil.copytree(bundles, folder / "data/06_models")
    write_settings(folder, **settings)
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, bundles: Path) -> Iterator[Server]:
    folder = project(tmp_path_factory.mktemp("server"), bundles, workers=2)
    with serving(folder) as server:
        poll(lambda: server.log.count("Loaded champion") == 2)
        yield server


@pytest.fixture(scope="module")
def scorers(bundles: Path) -> dict[str, Scorer]:
    return {name: load_scorer(bundles / name) for name in ("bundle", "second")}


@pytest.fixture(scope="module")
def example(scorers: dict[str, Scorer]) -> dict[str, Any]:
    return dict(scorers["bundle"].example)


class Load(threading.Thread):
    """A client that scores one customer after the other over one connection."""

    def __init__(self, server: Server, example: dict[str, Any]) -> None:
        super().__init__(daemon=True)
        self.server, self.example = server, example
        self.answers: Counter[tuple[int, str]] = Counter()
        self.problems: list[str] = []
        self.ended = threading.Event()

    def run(self) -> None:
        with self.server.client() as client:
            while not self.ended.is_set():
                try:
                    answer = client.post("/v1/score", json=self.example)
                except httpx.TransportError as error:
                    self.problems.append(type(error).__name__)
                    continue
                version = answer.json().get("model_version", "")
                self.answers[answer.status_code, version] += 1

    @classmethod
    def of(cls, server: Server, example: dict[str, Any], n: int) -> list[Load]:
        loads = [cls(server, example) for _ in range(n)]
        for load in loads:
            load.start()
        return loads

    def finish(self) -> None:
        self.ended.set()
        self.join(30)


def score(server: Server, example: dict[str, Any]) -> dict[str, Any]:
    with server.client() as client:
        return client.post("/v1/score", json=example).raise_for_status().json()


def answered_by(server: Server, example: dict[str, Any]) -> set[str]:
    """Versions that answer over some new connections, so that every worker is asked."""
    return {score(server, example)["model_version"] for _ in range(12)}


def test_the_probes_and_the_documents_are_answered(server: Server) -> None:
    paths = ("/livez", "/readyz", "/metrics", "/openapi.json", "/docs", "/")
    assert {path: server.status(path) for path in paths} == dict.fromkeys(paths, 200)


def test_clients_who_come_all_at_once_are_all_answered(server: Server) -> None:
    request = b"GET /livez HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
    with contextlib.ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=60))
            for _ in range(500)
        ]
        for client in clients:
            client.sendall(request)
        answers = {client.recv(12) for client in clients}
    assert answers == {b"HTTP/1.1 200"}


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


def exchange(server: Server, request: bytes, *, shut: bool = False) -> bytes:
    """Send bytes over a new connection and return all that comes back."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(request)
        if shut:
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while part := connection.recv(65536):
                answer += part
        except ConnectionResetError:
            pass
    return answer


def head(server: Server, *more: str, path: str = "/v1/score", version: str = "1.1") -> bytes:
    lines = [
        f"POST {path} HTTP/{version}",
        "Host: test",
        f"Authorization: Bearer {server.token}",
        "Content-Type: application/json",
        "Connection: close",
        *more,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def body(example: dict[str, Any]) -> bytes:
    return json.dumps(example).encode()


def test_a_chunked_body_is_read(server: Server, example: dict[str, Any]) -> None:
    content = body(example)
    chunks = b"".join(
        b"%x\r\n%s\r\n" % (len(piece), piece)
        for piece in (content[i : i + 40] for i in range(0, len(content), 40))
    )
    answer = exchange(server, head(server, "Transfer-Encoding: chunked") + chunks + b"0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")


def test_a_client_may_ask_whether_to_go_on(server: Server, example: dict[str, Any]) -> None:
    content = body(example)
    length = f"Content-Length: {len(content)}"
    answer = exchange(server, head(server, length, "Expect: 100-continue") + content)
    assert b"100 Continue" in answer
    assert b"HTTP/1.1 200" in answer


def test_an_old_client_is_answered(server: Server, example: dict[str, Any]) -> None:
    content = body(example)
    request = head(server, f"Content-Length: {len(content)}", version="1.0") + content
    assert b" 200 " in exchange(server, request).splitlines()[0]


@pytest.mark.parametrize(
    ("lines", "content", "status"),
    [
        (["Content-Length: 3000001"], b"", 413),
        (["Content-Length: 99999999999999999999999"], b"", 400),
        (["Content-Length: -5"], b"", 400),
        (["Content-Length: five"], b"", 400),
        (["Content-Length: 2", "Content-Length: 3"], b"{}", 400),
        (["Content-Length: 2", "Transfer-Encoding: chunked"], b"{}", 400),
        (["Transfer-Encoding: chunked"], b"zz\r\n", 400),
        (["Content-Length: 1"], b'{"a": 1}', 400),
        (["Content-Length: 0"], b"", 400),
        ([], b"", 400),
    ],
)
def test_headers_that_lie_get_an_answer(
    server: Server, lines: list[str], content: bytes, status: int
) -> None:
    answer = exchange(server, head(server, *lines) + content)
    assert answer.startswith(b"HTTP/1.1 %d" % status), answer


@pytest.mark.parametrize(
    "garbage", [b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"\r\n" * 50 + b"x y z\r\n\r\n"]
)
def test_garbage_is_refused(server: Server, garbage: bytes) -> None:
    answer = exchange(server, garbage, shut=True)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400")


def test_endless_headers_are_refused(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        headers = (b"x-name: " + b"a" * 4000 + b"\r\n") * 4000
        with pytest.raises(ConnectionError):
            client.sendall(b"GET /livez HTTP/1.1\r\nHost: test\r\n" + headers)


def test_clients_that_go_away_disturb_nobody(server: Server, example: dict[str, Any]) -> None:
    name = 'churn_errors_total{kind="client_gone"}'
    before = server.metrics().get(name, 0)
    for _ in range(10):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(head(server, "Content-Length: 500") + b'{"half": ')
    # At least: a torn body of an earlier test may be counted only now
    poll(lambda: server.metrics().get(name, 0) >= before + 10, 10)
    assert score(server, example)["churn_probability"] > 0


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


def test_a_killed_worker_is_replaced_while_the_other_answers(
    server: Server, example: dict[str, Any]
) -> None:
    loads = Load.of(server, example, 4)
    before = {worker.pid for worker in server.workers}
    assert len(before) == 2
    victim = server.workers[0]
    poll(lambda: all(sum(load.answers.values()) > 20 for load in loads))
    victim.kill()
    answered = sum(sum(load.answers.values()) for load in loads)
    poll(lambda: sum(sum(load.answers.values()) for load in loads) > answered + 200)
    poll(lambda: len({worker.pid for worker in server.workers} - {victim.pid}) == 2)
    for load in loads:
        load.finish()
        assert {status for status, _ in load.answers} == {200}
        assert len(load.problems) <= 1  # the request that the killed worker was at
    assert victim.pid not in {worker.pid for worker in server.workers}
    poll(lambda: server.log.count("Loaded champion") >= 3)
    poll(lambda: server.metrics()["churn_worker_restarts_total"] == 1)
    poll(lambda: server.metrics()["churn_model_loaded"] == 1)


def test_a_starting_worker_holds_no_other_up(server: Server, example: dict[str, Any]) -> None:
    """Clients of one request each: whoever takes them must not wait for the next one."""
    seconds: list[float] = []
    is_over = threading.Event()

    def ask() -> None:
        while not is_over.is_set():
            begin = time.monotonic()
            with contextlib.suppress(httpx.TransportError), server.client() as client:
                client.post("/v1/score", json=example).raise_for_status()
            seconds.append(time.monotonic() - begin)

    clients = [threading.Thread(target=ask) for _ in range(3)]
    for client in clients:
        client.start()
    loaded = server.log.count("Loaded champion")
    server.workers[0].kill()
    poll(lambda: server.log.count("Loaded champion") > loaded)
    answered = len(seconds)
    poll(lambda: len(seconds) > answered + 100)
    is_over.set()
    for client in clients:
        client.join()
    assert max(seconds) < 5


def test_at_the_end_requests_are_answered_and_everything_is_written(
    tmp_path: Path, bundles: Path, example: dict[str, Any]
) -> None:
    with serving(project(tmp_path, bundles)) as server:
        many = {"customers": [{**example, ID: f"C{i}"} for i in range(1000)]}
        statuses: list[int | str] = []
        sent = threading.Semaphore(0)

        def ask() -> None:
            with server.client() as client:
                content = json.dumps(many).encode()
                headers = {"Content-Type": "application/json"}

                def pieces() -> Iterator[bytes]:
                    yield content
                    sent.release()

                headers["Content-Length"] = str(len(content))
                answer = client.post("/v1/explain/batch", content=pieces(), headers=headers)
                statuses.append(answer.status_code if answer.json()["scored"] == 1000 else "half")

        threads = [threading.Thread(target=ask) for _ in range(6)]
        loads = Load.of(server, example, 2)
        for thread in threads:
            thread.start()
        for _ in threads:
            sent.acquire(timeout=20)
        time.sleep(0.05)
        assert not statuses, "the test's requests are too short to be interrupted"
        server.process.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join(30)
        assert server.process.wait(30) == 0
        for load in loads:
            load.finish()
    assert statuses == [200] * 6
    audited = [
        json.loads(line)
        for file in (tmp_path / "data/09_serving/audit").glob("audit-*.jsonl")
        for line in file.read_text().splitlines()
        if "route" in line
    ]
    batches = [line for line in audited if line["route"] == "/v1/explain/batch"]
    assert sum(len(line["customers"]) for line in batches) == 6000
    routes = Counter(line["route"] for line in audited)
    assert routes["/v1/score"] == sum(sum(load.answers.values()) for load in loads)
    assert "Traceback" not in server.log


def test_a_service_without_a_model_is_alive_but_not_ready(tmp_path: Path, bundles: Path) -> None:
    folder = project(tmp_path, bundles)
    away = tmp_path / "away"
    shutil.move(folder / "data/06_models/bundle", away)
    server = Server(folder)
    try:
        poll(lambda: server.status("/livez") == 200)
        assert server.status("/readyz") == 503
        with server.client() as client:
            answer = client.post("/v1/score", json={})
            assert answer.status_code == 503
            assert answer.json()["error"]
        assert "dvc repro" in server.log
        shutil.move(away, folder / "data/06_models/bundle")
        poll(lambda: server.status("/readyz") == 200, 10)
    finally:
        server.stop()


def test_faulty_settings_end_the_start_with_a_sentence(tmp_path: Path) -> None:
    write_settings(tmp_path, mode="both")
    server = Server(tmp_path)
    assert server.process.wait(60) != 0
    assert "serving.mode is 'both'" in server.log
