from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvicorn

from churn_pipeline.serving import connections
from churn_pipeline.serving.connections import MAX_HEAD_BYTES, BoundedProtocol

Exchange = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, bytes]]


async def application(scope: Any, receive: Any, send: Any) -> None:
    length, more = 0, True
    while more:
        message = await receive()
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
    headers = [(b"content-length", b"%d" % len(b"%d" % length))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"%d" % length})


def talk(exchange: Exchange) -> bytes:
    """Talk to a server over one connection."""

    async def talked() -> bytes:
        config = uvicorn.Config(application, http=BoundedProtocol, lifespan="off", log_config=None)
        config.load()
        state = uvicorn.Server(config).server_state
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: BoundedProtocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
        )
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            try:
                async with asyncio.timeout(10):
                    return await exchange(reader, writer)
            finally:
                writer.close()

    return asyncio.run(talked())


def flood(start: bytes, piece: bytes) -> Exchange:
    async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
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
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n",
            b"x-name: " + b"a" * 1000 + b"\r\n",
        ),
    ],
    ids=["line", "headers", "header", "trailers"],
)
def test_what_never_ends_is_refused(start: bytes, piece: bytes) -> None:
    assert talk(flood(start, piece)) in (b"refused", b"HTTP/1.1 400")


@pytest.mark.parametrize(
    "start",
    [b"", b"GET / HTTP/1.1\r\nHost", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n"],
    ids=["nothing", "headers", "no body"],
)
def test_requests_that_come_too_slowly_end_the_connection(
    monkeypatch: pytest.MonkeyPatch, start: bytes
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.1)

    async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(start)
        return await reader.read()

    assert talk(exchange) == b""


def test_long_bodies_and_many_requests_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.1)
    body = b"a" * (4 * MAX_HEAD_BYTES)
    chunks = b"".join(b"4\r\naaaa\r\n" for _ in range(len(body) // 4))
    whole = b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    chunked = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"

    async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        answers = []
        for request in (whole, chunked, whole):
            middle = len(request) // 2
            writer.write(request[:middle])
            await writer.drain()
            await asyncio.sleep(0.15)  # longer than headers may take
            writer.write(request[middle:])
            await reader.readuntil(b"\r\n\r\n")
            answers.append(await reader.readexactly(len(b"%d" % len(body))))
        return b",".join(answers)

    assert talk(exchange) == b",".join([b"%d" % len(body)] * 3)
