"""How a service begins and ends to listen; in real ``bentoml serve`` processes but for TLS."""

from __future__ import annotations

import asyncio
import datetime
import http.client
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from churn_pipeline.serving.http import listening
from churn_pipeline.serving.http.bounds import Bounds
from churn_pipeline.serving.http.listening import BoundedLoop
from churn_pipeline.serving.identity.key_changes import create_key
from churn_pipeline.serving.settings import ServingSettings
from tests.serving.support import Server, poll, serving, write_settings

DAY = datetime.timedelta(days=1)


class Clients:
    """Clients that ask for the model again and again, each request over a connection of its own."""

    def __init__(self, server: Server, count: int) -> None:
        self.answers: list[int] = []
        self.broken = 0
        self._server = server
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(count)]

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        headers = {"Authorization": f"Bearer {self._server.token}"}
        while not self._end.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=20)
            try:
                connection.request("GET", "/v1/model", headers=headers)
                self.answers.append(connection.getresponse().status)
            except (OSError, http.client.HTTPException):
                self.broken += 1
            finally:
                connection.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, bundles: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("service")
    write_settings(folder, champion=str(bundles / "champion"), workers=2)
    with serving(folder) as started:
        poll(lambda: len(started.workers) == 2)
        yield started


def test_a_killed_worker_costs_no_answer_but_its_own(server: Server) -> None:
    killed = server.workers[0]
    with Clients(server, 4) as clients:
        poll(lambda: len(clients.answers) > 50)
        killed.kill()
        before = len(clients.answers)
        poll(lambda: len(server.workers) == 2 and killed.pid not in {w.pid for w in server.workers})
        log = server.log
        poll(lambda: server.log.count("Loaded champion") > log.count("Loaded champion"))
        after = len(clients.answers)
        poll(lambda: len(clients.answers) > after + 100)
    assert after > before
    assert set(clients.answers) == {200}
    assert clients.broken <= 4


def test_a_kept_connection_gets_its_answers_until_the_service_ends(server: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    headers = {"Authorization": f"Bearer {server.token}"}

    def ask() -> http.client.HTTPResponse:
        connection.request("GET", "/v1/model", headers=headers)
        answer = connection.getresponse()
        answer.read()
        return answer

    assert ask().getheader("connection") is None
    for process in server.workers:
        process.terminate()
    end = time.monotonic() + 20
    while True:
        answer = ask()
        assert answer.status == 200
        if answer.getheader("connection") == "close":
            break
        assert time.monotonic() < end


def test_a_key_made_during_the_start_is_good_as_soon_as_the_service_is_ready(
    tmp_path: Path, bundles: Path
) -> None:
    write_settings(tmp_path, champion=str(bundles / "champion"))
    server = Server(tmp_path)
    try:
        poll(lambda: "Running startup hook" in server.log)
        token, _ = create_key(tmp_path / "conf/local/api_keys.json", "late", ["score"])
        server.wait_until_ready()
        with server.client(token) as client:
            assert client.get("/v1/model").status_code == 200
    finally:
        server.stop()


@pytest.mark.full  # tests/e2e/test_serving_workers.py asks such a service for more at each size
def test_a_service_without_a_usable_bundle_answers_its_probes(tmp_path: Path) -> None:
    write_settings(tmp_path, champion="absent")
    server = Server(tmp_path)
    try:
        poll(lambda: server.status("/livez") == 200)
        assert server.status("/readyz") == 503
    finally:
        server.stop()


def test_a_worker_keeps_fewer_connections_where_the_system_allows_fewer_files() -> None:
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (500, 700));"
        "from churn_pipeline.serving.http.bounds import Bounds;"
        "from churn_pipeline.serving.settings import ServingSettings;"
        "bounds = Bounds(ServingSettings(), print); bounds.fit_open_files();"
        "print(bounds.max_connections, *resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["300", "700", "700"]


@pytest.fixture
def certificate(tmp_path: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (x509.CertificateBuilder(name, name, key.public_key(), 1, now - DAY, now + DAY)).sign(
        key, hashes.SHA256()
    )
    encoding = serialization.Encoding.PEM
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (tmp_path / "cert.pem").write_bytes(signed.public_bytes(encoding))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    return context


class Echo(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)


def over_tls(context: ssl.SSLContext, talk: Callable[[int], Any]) -> Any:
    """Run a TLS server on the bounded loop, and a client of its port in a thread."""

    async def run() -> Any:
        listener = socket.create_server(("127.0.0.1", 0))
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Echo, sock=listener, ssl=context)
        try:
            return await asyncio.to_thread(talk, listener.getsockname()[1])
        finally:
            server.close()
            listener.close()

    bounds = Bounds(ServingSettings(), lambda reason: None)
    with asyncio.Runner(loop_factory=partial(BoundedLoop, bounds)) as runner:
        return runner.run(run())


def echoed(port: int) -> bytes:
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    plain = socket.create_connection(("127.0.0.1", port), 10)
    with client.wrap_socket(plain) as wrapped:
        wrapped.sendall(b"hello")
        return wrapped.recv(5)


def test_tls_handshakes_that_never_end_are_ended(
    certificate: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "HANDSHAKE_SECONDS", 0.2)

    def talk(port: int) -> bytes:
        with socket.create_connection(("127.0.0.1", port), 10) as silent:
            silent.sendall(b"\x16")
            assert silent.recv(1) == b""
        return echoed(port)

    assert over_tls(certificate, talk) == b"hello"


def test_of_too_many_tls_handshakes_the_oldest_end(
    certificate: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "MAX_HANDSHAKES", 3)

    def talk(port: int) -> bytes:
        silent = [socket.create_connection(("127.0.0.1", port), 10) for _ in range(5)]
        for one in silent[:2]:
            assert one.recv(1) == b""
        answer = echoed(port)
        for one in silent:
            one.close()
        return answer

    assert over_tls(certificate, talk) == b"hello"
