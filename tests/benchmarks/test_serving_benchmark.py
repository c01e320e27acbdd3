from __future__ import annotations

import json
import math
import shutil
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest

from benchmarks.serving.__main__ import main
from benchmarks.serving.bodies import draw_customers, records, write_batches, write_bodies
from benchmarks.serving.closed_loop import closed_loop
from benchmarks.serving.open_loop import open_loop, post_requests
from benchmarks.serving.report import Check, check_table
from benchmarks.serving.servers import HOST, Running, Server, running
from churn_pipeline.contract import Contract

FLOOR = (sys.executable, "-m", "uvicorn", "benchmarks.serving.apps.floor:app", "--port", "{port}")
Serve = Callable[[type[BaseHTTPRequestHandler]], int]
needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind((HOST, 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="module")
def bodies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bodies("record", draw_customers(20), tmp_path_factory.mktemp("bodies"))


@pytest.fixture
def floor(tmp_path: Path, port: int) -> Iterator[Running]:
    with running(Server("floor", FLOOR, "/score"), port, tmp_path) as server_up:
        yield server_up


def test_bodies_are_customers_as_the_contract_has_them(contract: Contract) -> None:
    for record in records(draw_customers(50)):
        assert record.keys() == {contract.id.name, *(column.name for column in contract.features)}
        for column in contract.features:
            value = record[column.name]
            if column.values:
                assert value in column.values
            else:
                assert isinstance(value, int | float)
                assert not isinstance(value, bool)


def test_every_shape_holds_the_same_customers(tmp_path: Path) -> None:
    customers = draw_customers(6)
    expected = records(customers)

    def lines(file: Path) -> list[dict[str, Any]]:
        return [json.loads(line) for line in file.read_text("utf-8").splitlines()]

    assert lines(write_bodies("record", customers, tmp_path)) == expected
    parameters = lines(write_bodies("parameter", customers, tmp_path))
    assert [body["customer"] for body in parameters] == expected
    frames = lines(write_bodies("frame", customers, tmp_path))
    assert [body["dataframe_records"] for body in frames] == [
        [{name: value for name, value in record.items() if name != "customerID"}]
        for record in expected
    ]
    batches = lines(write_batches(customers, 3, tmp_path))
    assert [body["customers"] for body in batches] == [expected[:3], expected[3:]]


def test_a_server_runs_only_within_its_block(tmp_path: Path, port: int, bodies: Path) -> None:
    with running(Server("floor", FLOOR, "/score"), port, tmp_path) as server_up:
        answer = json.loads(server_up.ask("/score", bodies.read_bytes().splitlines()[0]))
        assert answer["tier"] == "high"
        assert server_up.workers() == [server_up.process]
        assert 10 < server_up.memory().worker_rss < 500
        assert server_up.seconds_to_ready > 0
        with pytest.raises(RuntimeError, match="floor answers 404"):
            server_up.ask("/absent", b"{}")
    assert not psutil.pid_exists(server_up.process.pid)


def test_a_server_that_fails_is_quoted(tmp_path: Path, port: int) -> None:
    failing = Server("failing", (sys.executable, "-c", "raise SystemExit('no model')"), "/")
    with (
        pytest.raises(RuntimeError, match="failing stopped at its start: no model"),
        running(failing, port, tmp_path),
    ):
        pass


def test_the_open_loop_gets_an_answer_to_every_arrival(floor: Running, bodies: Path) -> None:
    requests = post_requests(HOST, floor.port, "/score", bodies)
    load = open_loop(HOST, floor.port, requests, rate=300, seconds=1, connections=8)
    assert load.errors == 0
    assert 240 < load.requests < 360  # 300 ± 3.5 standard deviations
    assert 0 < load.p50_ms <= load.p99_ms <= load.max_ms


def test_the_open_loop_counts_refusals_as_errors(floor: Running, bodies: Path) -> None:
    requests = post_requests(HOST, floor.port, "/absent", bodies)
    load = open_loop(HOST, floor.port, requests, rate=100, seconds=0.5, connections=4)
    assert load.requests == 0
    assert load.errors > 20
    assert math.isnan(load.p99_ms)


class _Stalling(BaseHTTPRequestHandler):
    """Answers one request at a time; the 20th takes half a second."""

    protocol_version = "HTTP/1.1"
    one_at_a_time = threading.Lock()
    number = 0

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        with self.one_at_a_time:
            type(self).number += 1
            if self.number == 20:
                time.sleep(0.5)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


class _Closing(_Stalling):
    """Hangs up instead of answering."""

    def do_POST(self) -> None:
        self.close_connection = True


@pytest.fixture
def serve(port: int) -> Iterator[Serve]:
    servers = []

    def start(handler: type[BaseHTTPRequestHandler]) -> int:
        server = ThreadingHTTPServer((HOST, port), handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return port

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_stall_counts_for_everybody_who_came_meanwhile(serve: Serve, bodies: Path) -> None:
    port = serve(_Stalling)
    requests = post_requests(HOST, port, "/", bodies)
    load = open_loop(HOST, port, requests, rate=100, seconds=1, connections=2)
    assert load.errors == 0
    # half of all arrive during the stall and wait for a quarter of a second in the mean; those who
    # measure from the sending see two slow ones, one for each connection
    assert load.p99_ms > 350
    assert load.p50_ms > 5


def test_connections_that_are_closed_count_as_errors_and_nothing_waits(
    serve: Serve, bodies: Path
) -> None:
    port = serve(_Closing)
    requests = post_requests(HOST, port, "/", bodies)
    begin = time.perf_counter()
    load = open_loop(HOST, port, requests, rate=100, seconds=0.5, connections=3)
    assert time.perf_counter() - begin < 5
    assert load.requests == 0
    assert load.errors > 20


@needs_wrk
def test_the_closed_loop_sends_bodies_and_counts_refusals(floor: Running, bodies: Path) -> None:
    load = closed_loop(floor.url, bodies, connections=4, seconds=1)
    assert load.errors == 0
    assert load.requests_per_second > 50
    assert 0 < load.p50_ms <= load.p99_ms <= load.max_ms
    refused = closed_loop(f"http://{HOST}:{floor.port}/absent", bodies, connections=4, seconds=1)
    assert refused.errors == refused.requests > 0


@needs_wrk
def test_the_closed_loop_sends_what_it_is_told(serve: Serve, tmp_path: Path) -> None:
    seen: set[tuple[str | None, str | None, bytes]] = set()

    class Recording(_Stalling):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.add((self.headers["Content-Type"], self.headers["Authorization"], body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

    bodies = tmp_path / "bodies.jsonl"
    bodies.write_text('{"a": 1}\n{"a": 2}\n', encoding="utf-8")
    closed_loop(f"http://{HOST}:{serve(Recording)}/", bodies, connections=2, seconds=1, api_key="k")
    assert seen == {
        ("application/json", "Bearer k", b'{"a": 1}'),
        ("application/json", "Bearer k", b'{"a": 2}'),
    }


@pytest.mark.parametrize(
    ("value", "limit", "at_least", "met"),
    [(2, 3, False, True), (3, 2, False, False), (2, 2, True, True), (1, 2, True, False)],
)
def test_a_check_is_met_on_its_side_of_the_limit(
    value: float, limit: float, at_least: bool, met: bool
) -> None:
    check = Check("a ratio", value, limit, at_least)
    assert check.is_met is met
    assert check_table([check]).endswith("| yes |" if met else "| no |")


@pytest.mark.parametrize("at_least", [True, False])
def test_what_could_not_be_measured_is_not_met(at_least: bool) -> None:
    assert not Check("p99", math.nan, 10, at_least).is_met


@needs_wrk
@pytest.mark.slow
def test_the_whole_compares_servers(
    tmp_path: Path, port: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = tmp_path / "figures.json"
    options = ["--quick", "--parts", "servers", "--only", "starlette", "fastapi"]
    options += ["--bundles", str(tmp_path), "--port", str(port), "--json", str(figures)]
    monkeypatch.setattr(sys, "argv", ["benchmarks.serving", *options])
    assert main() == 0
    printed = capsys.readouterr().out
    assert "| starlette constant |" in printed
    assert "| fastapi pickled |" in printed
    found = json.loads(figures.read_text("utf-8"))["servers"]
    floor, pickled = (
        found[name][0]["load"]["requests"] for name in ("starlette constant", "fastapi pickled")
    )
    assert floor > pickled > 0


@needs_wrk
def test_a_missing_bundle_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = ["--bundles", str(tmp_path / "absent")]
    monkeypatch.setattr(sys, "argv", ["benchmarks.serving", *options])
    with pytest.raises(SystemExit, match="absent is no bundle; make it with `make repro`"):
        main()
