"""Connections, each to a small application on uvicorn: what ends them and what they are told."""

from __future__ import annotations

import asyncio
import json
from asyncio import StreamReader as Reader
from asyncio import StreamWriter as Writer
from collections import Counter
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import pytest
import uvicorn

from churn_pipeline.serving.http import connections
from churn_pipeline.serving.http.bounds import Bounds
from churn_pipeline.serving.http.connections import MAX_HEAD_BYTES, WHOLE_ANSWER, BoundedProtocol
from churn_pipeline.serving.settings import ServingSettings

Exchange = Callable[[Reader, Writer], Coroutine[Any, Any, bytes]]
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
CLOSE = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\n"


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answer the length of the body; at ``/refused`` unread, at ``/long`` by many bytes.

    In one write where that is offered, but for ``/usual``.
    """
    length, more = 0, scope["path"] != "/refused"
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
    content = b"a" * 8_000_000 if scope["path"] == "/long" else b"%d" % length
    headers = [(b"content-length", b"%d" % len(content))]
    if scope["path"] == "/slow":
        await asyncio.sleep(1)
    if scope["path"] == "/headers":
        content = b",".join(name for name, _ in scope["headers"])
        headers = [(b"content-length", b"%d" % len(content))]
    send_whole = scope["extensions"][WHOLE_ANSWER]
    if scope["path"] == "/usual" or not send_whole(headers, content):
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})


class Service:
    """A server on the loopback, for the length of an ``async with`` block."""

    def __init__(self, **settings: Any) -> None:
        self.refused: Counter[str] = Counter()
        count = self.refused.update
        self.bounds = Bounds(ServingSettings(**settings), lambda reason: count([reason]))

    async def __aenter__(self) -> Service:
        protocol: Any = partial(BoundedProtocol, bounds=self.bounds)
        config = uvicorn.Config(
            application, http=protocol, lifespan="off", log_config=None, timeout_keep_alive=1
        )
        config.load()
        self.state = uvicorn.Server(config).server_state
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(
            lambda: protocol(config=config, server_state=self.state, app_state={}), "127.0.0.1", 0
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()
        for connection in list(self.state.connections):
            connection.transport.abort()

    async def connect(self, content: bytes = b"") -> tuple[Reader, Writer]:
        reader, writer = await asyncio.open_connection(*self.server.sockets[0].getsockname())
        writer.write(content)
        await writer.drain()
        return reader, writer


def talk(exchange: Exchange, **settings: Any) -> bytes:
    """Talk to a server over one connection."""

    async def talked() -> bytes:
        async with Service(**settings) as service, asyncio.timeout(10):
            reader, writer = await service.connect()
            try:
                return await exchange(reader, writer)
            finally:
                writer.close()

    return asyncio.run(talked())


def ask(content: bytes, **settings: Any) -> bytes:
    """Send all at once, then nothing; return all that is answered until the connection ends."""

    async def exchange(reader: Reader, writer: Writer) -> bytes:
        writer.write(content)
        return await reader.read()

    return talk(exchange, **settings)


def flood(start: bytes, piece: bytes) -> Exchange:
    async def exchange(reader: Reader, writer: Writer) -> bytes:
        writer.write(start)
        try:
            for _ in range(40 * MAX_HEAD_BYTES // len(piece)):
                writer.write(piece)
                await writer.drain()
        except ConnectionError:
            return b"refused"
        return await reader.read(12)

    return exchange


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"GET /", b"a" * 1000),
        (b"GET / HTTP/1.1\r\n", b"x-name: " + b"a" * 1000 + b"\r\n"),
        (b"GET / HTTP/1.1\r\nx-name: ", b"a" * 1000),
        (
            POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n",
            b"x-name: " + b"a" * 1000 + b"\r\n",
        ),
    ],
    ids=["line", "headers", "header", "trailers"],
)
def test_what_never_ends_is_refused(start: bytes, piece: bytes) -> None:
    assert talk(flood(start, piece)) in (b"refused", b"HTTP/1.1 400")


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost",
        POST + b"Content-Length: 9\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
        POST.replace(b"/ ", b"/refused ") + b"Transfer-Encoding: chunked\r\n\r\n",
        GET,
        GET + b"GET",
    ],
    ids=["nothing", "headers", "no body", "half a body", "refused", "idle", "answered"],
)
@pytest.mark.parametrize("trickle", [b"", b"\r\n", b"1\r\na\r\n"])
def test_what_comes_too_slowly_ends_the_connection(
    monkeypatch: pytest.MonkeyPatch, start: bytes, trickle: bytes
) -> None:
    monkeypatch.setattr(connections, "LINGER_SECONDS", 0.1)

    async def exchange(reader: Reader, writer: Writer) -> bytes:
        writer.write(start)
        answered = asyncio.create_task(reader.read())
        while not answered.done():
            await asyncio.wait([answered], timeout=0.05)
            if trickle and not answered.done():
                writer.write(trickle)
        return b""

    talk(exchange, request_seconds=0.2)


def test_long_bodies_and_many_requests_pass() -> None:
    body = b"a" * (4 * MAX_HEAD_BYTES)
    chunks = b"".join(b"4\r\naaaa\r\n" for _ in range(len(body) // 4))
    whole = POST + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    chunked = POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"

    async def exchange(reader: Reader, writer: Writer) -> bytes:
        answers = []
        for request in (whole, chunked, whole):
            middle = len(request) // 2
            writer.write(request[:middle])
            await writer.drain()
            await asyncio.sleep(0.3)  # longer than what was sent before took
            writer.write(request[middle:])
            await reader.readuntil(b"\r\n\r\n")
            answers.append(await reader.readexactly(len(b"%d" % len(body))))
        return b",".join(answers)

    assert talk(exchange, request_seconds=0.8) == b",".join([b"%d" % len(body)] * 3)


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: a\r\nauthorization: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Type: a\r\nContent-Type: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * 200 + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\na: " + b"b" * MAX_HEAD_BYTES + b"\r\n\r\n",
        b"GET /" + b"b" * MAX_HEAD_BYTES + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"nonsense\r\n\r\n",
    ],
    ids=["no host", "hosts", "authorizations", "types", "many", "header", "line", "nonsense"],
)
def test_an_ambiguous_or_excessive_head_is_refused_in_json(head: bytes) -> None:
    start, _, body = ask(head).partition(b"\r\n\r\n")
    assert start.startswith(b"HTTP/1.1 400 ")
    assert b"connection: close" in start
    assert json.loads(body)["error"]


def test_http_1_0_needs_no_host() -> None:
    assert ask(b"GET / HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200 ")


def test_a_refusal_does_not_overtake_the_answer_to_the_request_before() -> None:
    answers = ask(GET + b"nonsense\r\n\r\n")
    assert answers.startswith(b"HTTP/1.1 200 ")
    assert answers.count(b"HTTP/1.1") == 1


def test_an_answer_in_one_write_has_the_same_bytes() -> None:
    async def answers(reader: Reader, writer: Writer) -> bytes:
        writer.write(2 * (GET + GET.replace(b"/", b"/usual", 1)) + GET.replace(b"/", b"/usual", 1))
        end = b"\r\n\r\n0"
        found = [await reader.readuntil(end) for _ in range(5)]
        assert found[0] == b"HTTP/1.1 200 OK\r\ncontent-length: 1" + end
        assert len(set(found)) == 1
        return found[0]

    assert talk(answers)


def test_an_answer_in_one_write_ends_a_connection_that_is_to_be_closed() -> None:
    (answer,) = {ask(CLOSE.replace(b"/", path, 1)) for path in (b"/", b"/usual")}
    assert b"connection: close" in answer


def test_trailers_are_no_headers() -> None:
    head = POST.replace(b"/ ", b"/headers ") + b"Connection: close\r\nTransfer-Encoding: chunked"
    answer = ask(head + b"\r\n\r\n1\r\na\r\n0\r\nAuthorization: b\r\n\r\n")
    assert answer.endswith(b"host,connection,transfer-encoding")


def test_only_some_requests_wait_for_those_before() -> None:
    answers = ask(GET * 5000, request_seconds=2)
    assert 2 <= answers.count(b"HTTP/1.1 200") < 50
    assert answers.count(b"connection: close") == 1


def test_when_all_connections_are_in_use_the_one_that_waits_longest_gives_way() -> None:
    async def talked() -> None:
        async with Service(max_connections=3) as service, asyncio.timeout(10):
            slow = [await service.connect(b"GET /") for _ in range(3)]
            while len(service.state.connections) < 3:
                await asyncio.sleep(0.01)
            reader, _ = await service.connect(GET)
            assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await slow[0][0].readexactly(1)
            assert service.refused == {"connections": 1}
            assert not slow[1][0].at_eof()

    asyncio.run(talked())


def test_when_all_connections_wait_for_the_worker_only_probes_are_answered() -> None:
    async def talked() -> None:
        async with Service(max_connections=3) as service, asyncio.timeout(10):
            busy = [await service.connect(GET.replace(b"/ ", b"/slow ")) for _ in range(3)]
            while len(service.state.tasks) < 3:
                await asyncio.sleep(0.01)
            for path, status in (
                (b"/livez", b"200"),
                (b"/metrics", b"200"),
                (b"/v1/score", b"503"),
            ):
                reader, writer = await service.connect(GET.replace(b"/ ", path + b" "))
                answer = await reader.read()
                assert answer.startswith(b"HTTP/1.1 " + status)
                assert b"connection: close" in answer
                assert (b"retry-after: 1" in answer) == (status == b"503")
                writer.close()
            for reader, _ in busy:
                assert (await reader.readline()).startswith(b"HTTP/1.1 200")

    asyncio.run(talked())


def test_an_answer_that_nobody_reads_ends_the_connection() -> None:
    async def talked() -> None:
        async with Service(request_seconds=0.3) as service, asyncio.timeout(10):
            _, writer = await service.connect(GET.replace(b"/ ", b"/long "))
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            while not service.refused["unread"]:
                await asyncio.sleep(0.05)
            while service.state.connections:
                await asyncio.sleep(0.01)

    asyncio.run(talked())


def test_what_nobody_reads_is_bounded_together() -> None:
    async def talked() -> None:
        async with Service(max_unsent_bytes=5_000_000) as service, asyncio.timeout(10):
            for _ in range(8):
                _, writer = await service.connect(GET.replace(b"/ ", b"/long "))
                writer.transport.pause_reading()  # type: ignore[attr-defined]
            while len(service.state.connections) > 3:
                await asyncio.sleep(0.05)
            assert service.refused["unread"] >= 5

    asyncio.run(talked())


def test_malformed_requests_give_few_log_lines(caplog: pytest.LogCaptureFixture) -> None:
    async def talked() -> int:
        async with Service(request_seconds=0.2) as service, asyncio.timeout(20):
            for _ in range(200):
                reader, writer = await service.connect(b"nonsense\r\n\r\n")
                await reader.read()
                writer.close()
            return service.refused["malformed"]

    assert asyncio.run(talked()) == 200
    assert len(caplog.records) <= 2
