"""Clients that do harm, each for some seconds: bounded in connections, on the loopback only."""

import asyncio
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from benchmarks.serving.servers import HOST

_UNFINISHED = 1_900_000  # bytes of a body whose end never comes
_TRICKLE_SECONDS = 1.0


@dataclass(frozen=True)
class Target:
    """What is attacked, and with what.

    Attributes
    ----------
    port
        Where it listens.
    keys
        By the word that the attacks use: ``good``, ``narrow`` (may not score), ``poor`` (a request
        a second).
    record, batch
        Bodies of one customer and of the most that a request may hold.
    """

    port: int
    keys: Mapping[str, str]
    record: bytes
    batch: bytes
    is_tls: bool = False

    def post(self, path: str, body: bytes | None, key: str = "good") -> bytes:
        """Return a request; with the body None, the head of one whose body comes in chunks."""
        lines = [f"POST {path} HTTP/1.1", f"Host: {HOST}", "Content-Type: application/json"]
        if key:
            lines.append(f"Authorization: Bearer {self.keys[key]}")
        if body is None:
            lines.append("Transfer-Encoding: chunked")
        else:
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


Seen = Counter[int]
"""Answers by their status; 0: a connection that ended without one."""
Client = Callable[[Target, Seen], Awaitable[None]]


@dataclass(frozen=True)
class Attack:
    """Some clients of a kind, each starting anew as soon as its connection has ended."""

    client: Client
    connections: int
    needs_tls: bool = False


async def _connected(target: Target) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    context = ssl._create_unverified_context() if target.is_tls else None
    return await asyncio.open_connection(HOST, target.port, ssl=context, limit=4_000_000)


async def _answer(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            await reader.readexactly(int(line.partition(b":")[2]))
    return int(head.split(b" ", 2)[1])


def _asking(request: Callable[[Target], bytes]) -> Client:
    """Return a client that asks the same again and again, as fast as it is answered."""

    async def client(target: Target, seen: Seen) -> None:
        reader, writer = await _connected(target)
        try:
            content = request(target)
            while True:
                writer.write(content)
                seen[await _answer(reader)] += 1
        finally:
            writer.close()

    return client


def _trickling(start: Callable[[Target], bytes], piece: bytes) -> Client:
    """Return a client that begins a request and then sends little, for as long as it may."""

    async def client(target: Target, seen: Seen) -> None:
        reader, writer = await _connected(target)
        try:
            writer.write(start(target))
            answer = asyncio.create_task(reader.read())
            while not answer.done():
                await asyncio.wait([answer], timeout=_TRICKLE_SECONDS)
                writer.write(piece)
            text = answer.result()
            seen[int(text.split(b" ", 2)[1]) if text else 0] += 1
        finally:
            writer.close()

    return client


async def _unfinished(target: Target, seen: Seen) -> None:
    reader, writer = await _connected(target)
    try:
        head = target.post("/v1/score/batch", b"").replace(
            b"Content-Length: 0", b"Content-Length: %d" % (_UNFINISHED + 1)
        )
        writer.write(head + b"[" * _UNFINISHED)
        seen[await _answer(reader)] += 1
    finally:
        writer.close()


async def _unread(target: Target, seen: Seen) -> None:
    _, writer = await _connected(target)
    try:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        for _ in range(8):
            writer.write(target.post("/v1/score/batch", target.batch))
            await asyncio.sleep(1)
        await asyncio.sleep(30)
    finally:
        writer.transport.abort()


async def _malformed(target: Target, seen: Seen) -> None:
    reader, writer = await _connected(target)
    try:
        writer.write(b"nonsense\r\n\r\n")
        seen[await _answer(reader)] += 1
    finally:
        writer.close()


async def _no_handshake(target: Target, seen: Seen) -> None:
    reader, writer = await asyncio.open_connection(HOST, target.port)
    try:
        for byte in b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500):
            writer.write(bytes([byte]))
            await asyncio.sleep(_TRICKLE_SECONDS)
            if reader.at_eof():
                break
        seen[0] += 1
    finally:
        writer.close()


ATTACKS: Final[Mapping[str, Attack]] = {
    "none": Attack(_asking(lambda target: b""), 0),
    "unfinished bodies": Attack(_unfinished, 200),
    "slow chunks": Attack(
        _trickling(lambda target: target.post("/v1/score/batch", None), b"1\r\n[\r\n"), 200
    ),
    "wrong scope": Attack(_asking(lambda t: t.post("/v1/score", t.record, "narrow")), 8),
    "rate exceeded": Attack(_asking(lambda t: t.post("/v1/score", t.record, "poor")), 8),
    "full batches": Attack(_asking(lambda t: t.post("/v1/score/batch", t.batch)), 8),
    "unread batches": Attack(_unread, 60),
    "slow headers": Attack(_trickling(lambda target: b"GET / HTTP/1.1\r\nHost: ", b"x"), 500),
    "slow bodies, no key": Attack(
        _trickling(lambda target: target.post("/v1/score", None, ""), b"1\r\n[\r\n"), 500
    ),
    "metrics": Attack(_asking(lambda t: b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"), 8),
    "malformed": Attack(_malformed, 8),
    "TLS trickle": Attack(_no_handshake, 500, needs_tls=True),
}


def attack(name: str, target: Target, seconds: float) -> Seen:
    """Attack for some seconds; return what was answered. To be run in a process of its own."""
    return asyncio.run(_attack(ATTACKS[name], target, seconds))


async def _attack(kind: Attack, target: Target, seconds: float) -> Seen:
    seen: Seen = Counter()

    async def again() -> None:
        while True:
            try:
                await kind.client(target, seen)
            except (OSError, asyncio.IncompleteReadError):
                seen[0] += 1
                await asyncio.sleep(0.05)

    tasks = [asyncio.create_task(again()) for _ in range(kind.connections)]
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return seen
