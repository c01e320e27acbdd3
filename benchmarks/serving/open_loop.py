"""Requests that arrive at random times whether or not earlier ones have been answered.

Arrivals are a Poisson process, and each latency counts from the moment at which the request should
have been sent: a server that stalls is charged for everybody who waited meanwhile.
"""

import asyncio
import os
import random
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import cycle
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import uvloop

from benchmarks.serving.closed_loop import Load

_SEED = 11
_PATIENCE = 10.0  # seconds that the last answers may take


def post_requests(
    host: str, port: int, path: str, bodies: Path, api_key: str | None = None
) -> list[bytes]:
    """Return the lines of a file as complete HTTP requests."""
    head = f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
    if api_key is not None:
        head += f"Authorization: Bearer {api_key}\r\n"
    return [
        f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        for body in bodies.read_bytes().splitlines()
    ]


def open_loop(
    host: str,
    port: int,
    requests: Sequence[bytes],
    *,
    rate: float,
    seconds: float,
    connections: int = 100,
    cpus: Sequence[int] = (),
) -> Load:
    """Send requests at a rate for some seconds.

    Parameters
    ----------
    host, port
        The server.
    requests
        From :func:`post_requests`, taken in turn.
    rate
        Mean number of requests a second.
    seconds
        How long requests arrive; the last ones are waited for.
    connections
        Connections kept open. A request that finds all of them busy waits for one, and the wait
        counts.
    cpus
        The processors that this process may use meanwhile; empty: all.

    Returns
    -------
    Load
        A request without an answer is late, one with another status than 200 refused.
    """
    draws = random.Random(_SEED)
    arrivals, moment = [], draws.expovariate(rate)
    while moment < seconds:
        arrivals.append(moment)
        moment += draws.expovariate(rate)
    allowed = os.sched_getaffinity(0) if cpus else None
    try:
        if cpus:
            os.sched_setaffinity(0, cpus)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_run(host, port, arrivals, cycle(requests), connections))
    finally:
        if allowed is not None:
            os.sched_setaffinity(0, allowed)


async def _run(
    host: str, port: int, arrivals: Sequence[float], requests: Iterable[bytes], connections: int
) -> Load:
    loop = asyncio.get_running_loop()
    pool = _Pool()
    for _ in range(connections):
        await loop.create_connection(lambda: _Connection(pool), host, port)
    begin = perf_counter()
    for arrival, request in zip(arrivals, requests, strict=False):
        # the loop's timers tick in milliseconds: everything that is due by now goes out at once
        while (wait := begin + arrival - perf_counter()) > 0:
            await asyncio.sleep(wait)
        pool.submit(request, begin + arrival)
    deadline = perf_counter() + _PATIENCE
    while not pool.is_done() and perf_counter() < deadline:
        await asyncio.sleep(0.01)
    seconds = perf_counter() - begin
    latencies = 1e3 * np.array(pool.latencies or [np.nan])
    return Load(
        seconds=seconds,
        requests=len(pool.latencies),
        p50_ms=float(np.percentile(latencies, 50)),
        p99_ms=float(np.percentile(latencies, 99)),
        max_ms=float(latencies.max()),
        broken=pool.broken,
        late=pool.pending(),
        refused=pool.refused,
    )


class _Pool:
    """The connections, and the requests that wait for one."""

    def __init__(self) -> None:
        self.latencies: list[float] = []
        self.broken = self.refused = 0
        self._idle: deque[_Connection] = deque()
        self._waiting: deque[tuple[bytes, float]] = deque()
        self._under_way = self._open = 0

    def submit(self, request: bytes, due: float) -> None:
        """Send a request that was due at a moment, as soon as a connection is free."""
        if self._idle:
            self._under_way += 1
            # the one that has been idle for longest, or the server would close it
            self._idle.popleft().send(request, due)
        else:
            self._waiting.append((request, due))

    def pending(self) -> int:
        """Return how many requests have no answer yet."""
        return self._under_way + len(self._waiting)

    def connected(self, connection: "_Connection") -> None:
        """Take a new connection."""
        self._open += 1
        self._free(connection)

    def answered(self, connection: "_Connection", due: float, ok: bool) -> None:
        """Count an answer and use the connection again."""
        self._under_way -= 1
        if ok:
            self.latencies.append(perf_counter() - due)
        else:
            self.refused += 1
        self._free(connection)

    def lost(self, connection: "_Connection", busy: bool) -> None:
        """Count a connection that the server closed; it is not opened again."""
        self._under_way -= busy
        self._open -= 1
        self.broken += 1
        if connection in self._idle:
            self._idle.remove(connection)

    def is_done(self) -> bool:
        """Return whether no answer can come any more."""
        return not self._open or not self.pending()

    def _free(self, connection: "_Connection") -> None:
        self._idle.append(connection)
        if self._waiting:
            self.submit(*self._waiting.popleft())


class _Connection(asyncio.Protocol):
    """One HTTP/1.1 connection with at most one request under way."""

    _transport: asyncio.Transport

    def __init__(self, pool: _Pool) -> None:
        self._pool = pool
        self._due: float | None = None
        self._received = b""

    def connection_made(self, transport: Any) -> None:
        """Join the pool."""
        self._transport = transport
        self._pool.connected(self)

    def send(self, request: bytes, due: float) -> None:
        """Send a request."""
        self._due = due
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Read until the answer is whole."""
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator or len(body) < _content_length(head) or self._due is None:
            return
        due, self._due, self._received = self._due, None, b""
        self._pool.answered(self, due, ok=head.startswith(b"HTTP/1.1 200"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave the pool."""
        self._pool.lost(self, busy=self._due is not None)


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise ValueError("an answer without Content-Length")
