"""One connection: what it may send before its request reaches the application, and for how long."""

import asyncio
import json
from collections.abc import Iterable, Sequence
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from churn_pipeline.serving.http.bounds import Bounds
from churn_pipeline.serving.http.headers import Header

MAX_HEAD_BYTES = 32 * 1024
"""Of a request's line and headers, and of what comes between and behind the pieces of a body."""
MAX_HEADERS = 100
"""A header of five bytes takes 140 in memory, so their number needs a bound of its own."""
MAX_PIPELINED = 8
"""Requests of a connection that wait for the one before."""
MAX_UNSENT_BYTES = 16 * 1024
"""What of an answer may wait in memory for its reader before it is counted."""
LINGER_SECONDS = 5.0
"""A client that has its answer may take so long to send the rest of its request."""

WHOLE_ANSWER = "churn.whole_answer"
"""ASGI extension: a function that sends an answer 200, its headers and body, in one write, for a
third of what two messages cost. It looks at no header, as all are the service's own. If it returns
False, nothing was sent: send the two messages."""
PROBES = frozenset({b"/livez", b"/healthz", b"/readyz", b"/metrics"})
_SINGLE = (b"host", b"authorization", b"content-type", b"content-length", b"content-encoding")


class _Stop(Exception):  # noqa: N818 - ends the parsing of what a connection sent
    """Nothing more of the connection is read."""


class BoundedProtocol(HttpToolsProtocol):
    """Uvicorn's protocol with bounds: its own keeps all it gets, however much and slow.

    Parameters
    ----------
    bounds : Bounds
        Those of the worker.

    Attributes
    ----------
    since : float
        When the worker began to wait for the present request, or the one before; loop time.
    is_surplus : bool
        Whether there is room for a probe only.
    """

    def __init__(self, *arguments: Any, bounds: Bounds, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._bounds = bounds
        self.since = self.loop.time()
        self.is_surplus = False
        self._is_receiving = True
        self._is_in_head = False
        self._is_deaf = False
        self._unused = 0  # bytes of a head, or since a piece of the body came
        self._previous: Any = None
        self._answered: Any = None
        self._stuck_since: float | None = None

    # Of the transport

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=MAX_UNSENT_BYTES)
        self._bounds.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._bounds.closed(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take a packet, and refuse a request that is malformed or too long."""
        if self._is_deaf:
            return
        self._unset_keepalive_if_required()
        self._unused += len(data)
        if not self._is_receiving:
            self._is_receiving = True
            self.since = self.loop.time()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # answered as if it had not been asked for
        except httptools.HttpParserError:
            if not self._is_deaf:
                self._refuse(400, "malformed", "The request is not valid HTTP.")
            return
        if self._is_in_head and self._unused < len(data):
            self._unused = len(data)  # the head began in this packet
        if self._unused > MAX_HEAD_BYTES or (self.headers and len(self.headers) > MAX_HEADERS):
            if not self._is_deaf:
                self._refuse_head()

    def pause_writing(self) -> None:
        """Count what the client has not read."""
        super().pause_writing()
        self._bounds.unsent(self, self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """Count it no more."""
        self._stuck_since = None
        self._bounds.unsent(self, 0)
        super().resume_writing()

    # Of the parser

    def on_message_begin(self) -> None:
        """Begin to count."""
        if len(self.pipeline) >= MAX_PIPELINED:
            self._bounds.refused("pipelined")
            self._end_after(self.cycle)
            raise _Stop
        if not self._is_receiving:
            self._is_receiving = True
            self.since = self.loop.time()
        self._is_in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Refuse a request whose head is ambiguous or too large, or for which there is no room."""
        headers = dict(self.headers)
        if len(headers) < len(self.headers) or b"host" not in headers:
            self._check_head(headers)
        if self._unused > MAX_HEAD_BYTES or len(self.headers) > MAX_HEADERS:
            size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
            if size > MAX_HEAD_BYTES or len(self.headers) > MAX_HEADERS:
                self._refuse_head()
                raise _Stop
        if self.is_surplus and httptools.parse_url(self.url).path not in PROBES:
            sentence = "All connections are in use; try again later."
            self._refuse(503, "connections", sentence, [(b"retry-after", b"1")])
            raise _Stop
        self._previous = self.cycle
        self._unused = 0
        self._is_in_head = False
        super().on_headers_complete()
        self.headers = []  # trailers are no headers (RFC 9110, 6.5.1)
        if self._bounds.is_draining or self.is_surplus:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body; little of it if the request has to wait for another."""
        self._unused = 0
        super().on_body(body)
        if self.pipeline and len(self.cycle.body) > MAX_HEAD_BYTES:
            self._bounds.refused("pipelined")
            self._forget_pipelined()
            raise _Stop

    def on_message_complete(self) -> None:
        """Wait no more."""
        self._unused = 0
        self._is_receiving = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Give a client that was answered early a little time to send the rest."""
        if self._is_receiving and self.cycle.response_complete:
            self.since = self.loop.time() - self._bounds.request_seconds + LINGER_SECONDS
        super().on_response_complete()

    # Of the application

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        """Offer the application :data:`WHOLE_ANSWER`."""
        self._answered = cycle
        cycle.scope["extensions"] = {WHOLE_ANSWER: self._answer}
        super()._start_asgi_task(cycle, app)

    def _answer(self, headers: Iterable[Header], body: bytes) -> bool:
        cycle = self._answered
        if self.flow.write_paused or cycle.disconnected or not cycle.keep_alive:
            return False
        cycle.response_started = cycle.response_complete = True
        lines = [b"%b: %b\r\n" % line for line in (*cycle.default_headers, *headers)]
        self.transport.write(b"".join((STATUS_LINE[200], *lines, b"\r\n", body)))
        cycle.message_event.set()
        self.on_response_complete()
        return True

    # Of the server

    def shutdown(self) -> None:
        """Close the connection once it has its answer."""
        for cycle, _ in self.pipeline:
            cycle.keep_alive = False
        super().shutdown()

    # Of the bounds

    @property
    def is_waiting(self) -> bool:
        """Whether the client, not the worker, has to act next."""
        return self._is_receiving or self.cycle is None or self.cycle.response_complete

    def check(self, now: float) -> bool:
        """Close the connection if its client has been too slow to send, to read, or to close.

        Returns
        -------
        bool
            Whether it was closed.
        """
        seconds = self._bounds.request_seconds
        if self.transport.is_closing() or self.transport.get_write_buffer_size():
            if self._stuck_since is None:
                self._stuck_since = now
            elif now - self._stuck_since > seconds:
                self._bounds.refused("unread")
                self.drop()
                return True
            return False
        self._stuck_since = None
        if not self._is_receiving:
            return False
        if self.cycle is not None and not self.cycle.response_complete:
            seconds *= 1.1  # the application refuses it by then, with an answer
        if now - self.since > seconds:
            if self.cycle is not None or self._unused:  # else it never asked for anything
                self._bounds.refused("timeout")
            self.drop()
            return True
        return False

    def drop(self) -> None:
        """Close the connection at once."""
        self.transport.abort()

    def _check_head(self, headers: dict[bytes, bytes]) -> None:
        names = [name for name, _ in self.headers]
        if b"host" not in headers and self.parser.get_http_version() == "1.1":
            self._refuse(400, "malformed", "The header Host is missing.")
            raise _Stop
        for name in _SINGLE:
            if names.count(name) > 1:
                self._refuse(400, "malformed", f"The header {name.decode().title()} is repeated.")
                raise _Stop

    def _refuse_head(self) -> None:
        sentence = f"The head is larger than {MAX_HEAD_BYTES} bytes or {MAX_HEADERS} headers."
        self._refuse(400, "head_too_large", sentence)

    def _refuse(
        self, status: int, reason: str, sentence: str, headers: Sequence[Header] = ()
    ) -> None:
        """Answer in place of the application, and read no more; answers due before go first."""
        self._bounds.refused(reason)
        self._is_deaf = True
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            if not cycle.more_body:
                self._end_after(cycle)
                return
            if self.pipeline:
                self._forget_pipelined()
                return
            if cycle.response_started:
                self.transport.close()
                return
            cycle.disconnected = True
            cycle.message_event.set()
        body = json.dumps({"error": sentence}).encode()
        lines = [
            *self.server_state.default_headers,
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            *headers,
            (b"connection", b"close"),
        ]
        head = b"".join(b"%s: %s\r\n" % line for line in lines)
        self.transport.write(STATUS_LINE[status] + head + b"\r\n" + body)
        self.transport.close()

    def _forget_pipelined(self) -> None:
        """Drop the last request of the pipeline, whose body is not complete."""
        self.pipeline.popleft()
        self.cycle = self._previous
        self._end_after(self.cycle)

    def _end_after(self, cycle: Any) -> None:
        """Read no more, and close the connection behind one answer."""
        self._is_deaf = True
        self._is_receiving = False
        cycle.keep_alive = False
        if cycle.response_complete:
            self.transport.close()
