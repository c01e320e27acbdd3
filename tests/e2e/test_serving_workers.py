"""The life of a ``bentoml serve`` process: its workers, its start, and its end."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.services import ID, Load, service_folder
from tests.serving.support import Server, poll, serving, write_settings


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


@pytest.mark.full  # tests/serving/http/test_listening.py has such clients while a worker starts
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
    with serving(service_folder(tmp_path, bundles)) as server:
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
    folder = service_folder(tmp_path, bundles)
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
