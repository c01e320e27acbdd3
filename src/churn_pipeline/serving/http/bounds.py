"""What the requests of one worker may hold together: connections, memory, time, log lines.

Each bound is a setting with its reason in section ``serving``; whoever meets one is counted in
``churn_rejected_total`` by reason. The connections ask here, see
:mod:`churn_pipeline.serving.http.connections`, and so do the routes that read a body.
"""

import asyncio
import logging
import resource
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from churn_pipeline.serving.http.refusals import Refusal
from churn_pipeline.serving.settings import ServingSettings

FREE_BYTES = 16 * 1024
"""A body of at most so many bytes is not counted: a full service still answers single customers."""
OTHER_FILES = 400
"""File descriptors that a worker needs besides its connections: some 100 for itself, TLS
handshakes, and connections that are closed but not yet let go in a turn of the loop."""
LOG_SECONDS = 10.0
"""Refusals that never reach a route give at most one log line in so many seconds."""
CLOSED_AT_ONCE = 10
"""Most connections of slow clients that are closed in one go."""
CLOSING_PAUSE = 0.02
"""Seconds in which other clients are served before more connections are closed."""
SAMPLE = 64
"""Connections looked at to find the one that has kept the worker waiting longest."""

logger = logging.getLogger("bentoml.churn")


class Connection(Protocol):
    """What is asked of a connection."""

    since: float
    is_surplus: bool

    @property
    def is_waiting(self) -> bool:
        """Whether its client, not the worker, has to act next."""

    def check(self, now: float) -> bool:
        """Close it if it has taken too long; return whether it did."""

    def drop(self) -> None:
        """Close it at once."""


class Bounds:
    """The bounds of one worker and what is in use of them.

    Parameters
    ----------
    settings : ServingSettings
    rejected : callable
        Counts a refusal by its reason.

    Attributes
    ----------
    max_connections : int
        The setting, or fewer where the system allows fewer open files.
    request_seconds : float
        In which a client must have sent a request, and taken its answer.
    is_draining : bool
        Whether the worker is about to end: each answer is the last one of its connection.
    """

    def __init__(self, settings: ServingSettings, rejected: Callable[[str], None]) -> None:
        self.max_connections = settings.max_connections
        self.request_seconds = settings.request_seconds
        self.is_draining = False
        self._max_bodies = settings.max_bodies_bytes
        self._max_unsent = settings.max_unsent_bytes
        self._rejected = rejected
        self._max_bodies_of_caller = max(
            int(settings.caller_bodies_share * settings.max_bodies_bytes), settings.max_body_bytes
        )
        self._bodies = 0
        self._bodies_of: Counter[str | None] = Counter()
        self._unsent: dict[Connection, int] = {}
        self._connections: dict[Connection, None] = {}
        self._dropped: set[Connection] = set()
        self._refused: Counter[str] = Counter()
        self._logged = float("-inf")
        self._sweeper: asyncio.TimerHandle | None = None
        self._turn = asyncio.Lock()

    def fit_open_files(self) -> None:
        """Raise the limit of open files as far as needed, or lower that of connections."""
        needed = self.max_connections + OTHER_FILES
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != resource.RLIM_INFINITY and soft < needed:
            soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            if soft < needed:
                self.max_connections = min(
                    self.max_connections, soft - min(OTHER_FILES, 3 * soft // 4)
                )
                logger.warning(
                    "The system allows %d open files: a worker keeps %d connections at most",
                    soft,
                    self.max_connections,
                )

    # Connections

    def opened(self, connection: Connection) -> None:
        """Take a new connection; if there are too many, that which waited longest gives way."""
        self._connections[connection] = None
        if len(self._connections) > self.max_connections:
            connection.is_surplus = not self._drop_longest_waiting(connection)
        if self._sweeper is None:
            self._sweep_later()

    def closed(self, connection: Connection) -> None:
        """Forget a connection."""
        self._connections.pop(connection, None)
        self._dropped.discard(connection)
        self._unsent.pop(connection, None)

    @property
    def n_open(self) -> int:
        """Connections that are open, also those that have had to give way a moment ago."""
        return len(self._connections) + len(self._dropped)

    def make_room(self) -> None:
        """Let a connection give way, unless one is about to."""
        if not self._dropped:
            self._drop_longest_waiting(None)

    def _drop_longest_waiting(self, new: Connection | None) -> bool:
        """Drop the one that waits longest of a few: a flood must not cost a scan each time."""
        longest = None
        for _ in range(min(SAMPLE, len(self._connections))):
            connection = next(iter(self._connections))
            del self._connections[connection]
            self._connections[connection] = None  # now the last one
            if connection is not new and connection.is_waiting:
                if longest is None or connection.since < longest.since:
                    longest = connection
        if longest is None:
            return False
        self.refused("connections")
        del self._connections[longest]
        self._dropped.add(longest)
        longest.drop()
        return True

    def _sweep_later(self, pause: float | None = None) -> None:
        if pause is None:
            pause = min(1.0, self.request_seconds / 4)
        self._sweeper = asyncio.get_running_loop().call_later(pause, self._sweep)

    def _sweep(self) -> None:
        """Look at every connection; a timer for each request would cost each of them more.

        Clients that were closed together come back together: after a few, others are served first.
        """
        now = asyncio.get_running_loop().time()
        closed = 0
        for connection in list(self._connections):
            closed += connection.check(now)
            if closed == CLOSED_AT_ONCE:
                break
        self._log(now)
        self._sweeper = None
        if self._connections or self._refused:
            self._sweep_later(CLOSING_PAUSE if closed == CLOSED_AT_ONCE else None)

    # Memory

    def hold(self, n_bytes: int, caller: str | None) -> None:
        """Count bytes of a body that stays in memory until its request has been answered.

        Raises
        ------
        Refusal
            429 if the bodies of this caller together would be too large, 503 if those of all would.
        """
        if self._bodies + n_bytes > self._max_bodies:
            raise _busy("bodies", "Too many large requests are waiting; send it again later.")
        if self._bodies_of[caller] + n_bytes > self._max_bodies_of_caller:
            raise Refusal(
                429,
                "caller_bodies",
                "Too many of your large requests are waiting; send fewer at once.",
                headers=((b"retry-after", b"1"),),
            )
        self._bodies += n_bytes
        self._bodies_of[caller] += n_bytes

    def release(self, n_bytes: int, caller: str | None) -> None:
        """Count no longer what :meth:`hold` has counted."""
        self._bodies -= n_bytes
        self._bodies_of[caller] -= n_bytes
        if not self._bodies_of[caller]:
            del self._bodies_of[caller]

    def check_decoded(self, body: bytes) -> None:
        """Refuse a body whose values would take far more memory than its text.

        Three bytes such as ``[],`` become an object of 64. The estimate is what CPython 3.11 takes
        for containers and small values, and never too low by much.

        Raises
        ------
        Refusal
            413.
        """
        estimate = 80 * (body.count(b",") + body.count(b"[")) + 240 * body.count(b"{")
        if estimate > self._max_bodies:
            raise Refusal(
                413, "body_too_large", "The body holds too many values; send fewer customers."
            )

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait until no other batch is worked on.

        One processor gains nothing by working on several at once; their values and answers would
        all be in memory, and a single customer would wait for a portion of each.

        Raises
        ------
        Refusal
            503 if the wait is too long.
        """
        try:
            async with asyncio.timeout(self.request_seconds):
                await self._turn.acquire()
        except TimeoutError:
            raise _busy("busy", "Too many batches are waiting; send it again later.") from None
        try:
            yield
        finally:
            self._turn.release()

    def unsent(self, connection: Connection, n_bytes: int) -> None:
        """Note what a connection's client has not read; if it is too much, the first one goes."""
        self._unsent.pop(connection, None)
        if n_bytes:
            self._unsent[connection] = n_bytes
            while sum(self._unsent.values()) > self._max_unsent:
                first = next(iter(self._unsent))
                del self._unsent[first]
                self.refused("unread")
                first.drop()

    # What is refused

    def refused(self, reason: str) -> None:
        """Count a refusal that no route sees."""
        self._rejected(reason)
        self._refused[reason] += 1

    def _log(self, now: float) -> None:
        if self._refused and now - self._logged >= LOG_SECONDS:
            counts = ", ".join(f"{reason} {n}" for reason, n in sorted(self._refused.items()))
            logger.warning("Refused before any route: %s", counts)
            self._refused.clear()
            self._logged = now


def _busy(reason: str, sentence: str) -> Refusal:
    return Refusal(503, reason, sentence, headers=((b"retry-after", b"1"),))
