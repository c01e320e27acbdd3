"""A ``bentoml serve`` process as raw connections find it: odd requests, lies, and garbage."""

from __future__ import annotations

import contextlib
import json
import socket
from typing import Any

import pytest

from tests.e2e.services import score
from tests.serving.support import Server, poll


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
