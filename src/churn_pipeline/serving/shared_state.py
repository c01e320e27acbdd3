"""What hosts share over a Redis server: the rates of keys, and which keys and tokens are revoked.

A server that fails or is slow never stops an answer: rates are then counted by each host, and what
was known to be revoked stays so. It is taken up again as soon as it answers.
"""

import asyncio
import logging
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from churn_pipeline.serving.audit.chain import ChainKey
from churn_pipeline.serving.identity.key_store import KeyStore
from churn_pipeline.serving.identity.shared_revocations import SharedRevocations
from churn_pipeline.serving.settings import ServingSettings

if TYPE_CHECKING:
    from churn_pipeline.serving.identity.tokens import Tokens

logger = logging.getLogger("bentoml.churn")

REFRESH_SECONDS = 0.5
"""A key that another host revoked is refused after that time."""

TIMEOUT_SECONDS = 0.25
"""Longest wait for the server; only requests under way when it fails wait that long."""

# The generic cell rate algorithm of RateLimiter, by the clock of the server. Its seconds begin in
# 2026: of large numbers, doubles have no microseconds. What is left of a rate ends with its burst.
_ALLOW = """
local time = redis.call('TIME')
local now = (time[1] - 1767225600) + time[2] / 1e6
local interval = 1 / tonumber(ARGV[1])
local horizon = now + tonumber(ARGV[2]) * interval + 1e-6
local arrival = tonumber(redis.call('GET', KEYS[1]) or '')
if not arrival or arrival <= now or arrival > horizon then arrival = now end
arrival = arrival + interval
if arrival > horizon then return string.format('%.9f', arrival - horizon + 1e-6) end
local left = math.ceil((arrival - now) * 1000) + 1
redis.call('SET', KEYS[1], string.format('%.9f', arrival), 'PX', string.format('%.0f', left))
return '0'
"""

_Waiting = tuple[str, float, int, asyncio.Future[float | None]]


class SharedState:
    """One worker's share of it; its methods belong into the event loop.

    Requests that come while the server is asked about others go together with the next question,
    so that a busy worker asks about many at once.

    Parameters
    ----------
    url : str
        ``redis://`` or ``rediss://``; may hold a password.
    name : callable
        Returns the name under which hosts share; others of the same server have other names.
    allow_here : callable
        Counts a request by this host alone; see :meth:`RateLimiter.allow`.
    revoked_here : callable
        Returns the ids of the keys that this host knows to be revoked.
    on_failure : callable
        Called for each attempt that failed.
    tokens : SharedRevocations, optional
        Exchanged with the revoked keys.

    Attributes
    ----------
    revoked : frozenset of str
        Ids of the keys that some host has revoked.
    """

    def __init__(
        self,
        url: str,
        name: Callable[[], str],
        allow_here: Callable[[str, float, int], float],
        revoked_here: Callable[[], Collection[str]],
        on_failure: Callable[[], None],
        tokens: SharedRevocations | None = None,
    ) -> None:
        self._redis = redis.asyncio.Redis.from_url(
            url,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
            decode_responses=True,
        )
        parts = urlsplit(url)
        self._name = name
        self._tokens = tokens
        self._server = f"{parts.hostname}:{parts.port or 6379}"
        self._allow_here = allow_here
        self._revoked_here = revoked_here
        self._on_failure = on_failure
        self._is_up: bool | None = None
        self._waiting: list[_Waiting] = []
        self._asking: asyncio.Task[None] | None = None
        self.revoked: frozenset[str] = frozenset()

    async def wait_of(self, key_id: str, rate: float, burst: int) -> float:
        """Count one request of a key; see :meth:`RateLimiter.allow`."""
        if self._is_up:
            future: asyncio.Future[float | None] = asyncio.get_running_loop().create_future()
            self._waiting.append((key_id, rate, burst, future))
            if self._asking is None:
                self._asking = asyncio.create_task(self._ask())
            wait = await future
            if wait is not None:
                return wait
        return self._allow_here(key_id, rate, burst)

    async def _ask(self) -> None:
        try:
            while self._waiting:
                asked, self._waiting = self._waiting, []
                waits: list[float | None] = [None] * len(asked)
                try:
                    pipeline = self._redis.pipeline(transaction=False)
                    for key_id, rate, burst, _ in asked:
                        pipeline.eval(
                            _ALLOW, 1, self._key(f"rate:{key_id}"), repr(rate), str(burst)
                        )
                    async with asyncio.timeout(2 * TIMEOUT_SECONDS):  # with a new connection
                        waits = [float(answer) for answer in await pipeline.execute()]
                except Exception as error:  # whatever the client raises, requests go on
                    self._failed(error)
                finally:
                    for (*_, future), wait in zip(asked, waits, strict=True):
                        if not future.done():
                            future.set_result(wait)
        finally:
            self._asking = None

    async def follow(self) -> None:
        """Keep the revoked keys up to date and look whether the server answers; until cancelled."""
        task = asyncio.current_task()
        while True:
            await self.refresh()
            # Python 3.11's wait_for, which the client uses, may swallow a cancellation
            if task is not None and task.cancelling():
                return
            await asyncio.sleep(REFRESH_SECONDS)

    async def refresh(self) -> None:
        """Exchange the revoked keys and tokens with the other hosts once; never fails."""
        try:
            question = self._redis.pipeline(transaction=False)
            revoked = self._key("revoked")
            question.smembers(revoked)
            question.set(
                self._key("probe"), 1, px=10_000
            )  # a server that only reads, or is full, cannot count
            async with asyncio.timeout(4 * TIMEOUT_SECONDS):
                members, _ = await question.execute()
                self.revoked |= members
                # also those that a server without its data has forgotten
                if missing := {*self.revoked, *self._revoked_here()} - members:
                    await self._redis.sadd(revoked, *missing)
                if self._tokens is not None:
                    await self._tokens.exchange(self._redis, self._key("revoked-tokens"))
        except Exception as error:
            self._failed(error)
            return
        if self._is_up is False:
            logger.info("Redis at %s answers again", self._server)
        self._is_up = True

    def _failed(self, error: Exception) -> None:
        if self._is_up is not False:
            logger.error(
                "Redis at %s fails (%s); until it answers, this host counts the rates of keys by "
                "itself and hears of nothing that other hosts revoke",
                self._server,
                type(error).__name__,
            )
        self._is_up = False
        self._on_failure()

    def _key(self, name: str) -> str:
        return f"churn:{self._name()}:{name}"

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()


def join(
    settings: ServingSettings,
    keys: KeyStore,
    tokens: "Tokens | None",
    allow_here: Callable[[str, float, int], float],
    on_failure: Callable[[], None],
) -> SharedState:
    """Return a worker's share of what hosts share by the settings; see :class:`SharedState`."""

    def name() -> str:
        # replicas have copies of one file of keys, and so one audit_key; other services have not
        if given := settings.redis_name or settings.deployment_group:
            return given
        return f"keys-{ChainKey(keys.audit_key).fingerprint}" if keys.keeps_audit_key else "no-keys"

    revocations = None
    if tokens is not None:
        revocations = SharedRevocations(tokens.revoked_here, tokens.revoke_elsewhere)
    assert settings.redis is not None
    return SharedState(
        settings.redis, name, allow_here, lambda: keys.revoked, on_failure, revocations
    )
