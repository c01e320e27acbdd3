"""Revoked tokens and subjects that hosts exchange over Redis."""

import hashlib
import json
import time
from collections.abc import Callable, Collection, Mapping
from math import inf
from uuid import uuid4

from redis.asyncio import Redis

FOREVER = inf
"""Of a subject: until it is restored."""


def shared_name(issuer: str, kind: str, value: str) -> str:
    """Name a ``jti`` or ``subject`` of an issuer by a SHA-256, so that Redis learns neither.

    Parameters
    ----------
    issuer, kind, value : str
    """
    return hashlib.sha256(json.dumps([issuer, kind, value]).encode()).hexdigest()


class SharedRevocations:
    """One worker's share: what its host's file names is refused by all, what others name here.

    They are a sorted set by the time when an entry is needed no more, since its token has expired.
    Entries that this host's file named and names no more are taken out; another host whose file
    still names them adds them again. What other hosts took out is told from what Redis has lost by
    a random mark beside the set.

    Parameters
    ----------
    here : callable
        Returns what the file of this host names: see :func:`shared_name`, and the time in seconds
        of the epoch.
    changed : callable
        Told of the names that are refused, whenever these change.
    """

    def __init__(
        self, here: Callable[[], Mapping[str, float]], changed: Callable[[Collection[str]], None]
    ) -> None:
        self._here = here
        self._changed = changed
        self._named: frozenset[str] = frozenset()
        self._known: Mapping[str, float] = {}
        self._mark: str | None = None

    async def exchange(self, redis: Redis, key: str) -> None:
        """Bring Redis and this worker up to date; whatever the client raises passes.

        Parameters
        ----------
        redis : Redis
            Which decodes its answers.
        key : str
            Of the sorted set.
        """
        now = time.time()
        here = {name: until for name, until in self._here().items() if until > now}
        taken_out = self._named - here.keys()
        question = redis.pipeline(transaction=False)
        question.set(f"{key}:mark", uuid4().hex, nx=True)
        question.get(f"{key}:mark")
        if taken_out:
            question.zrem(key, *taken_out)
        question.zremrangebyscore(key, "-inf", now)
        question.zrange(key, 0, -1, withscores=True)
        _, mark, *_, found = await question.execute()
        known: dict[str, float] = dict(found)
        kept = self._known if mark != self._mark else {}  # Redis has lost its data
        missing = {
            name: until
            for name, until in {**kept, **here}.items()
            if name not in taken_out and now < until and known.get(name, 0.0) < until
        }
        if missing:
            await redis.zadd(key, missing)
        self._mark, self._named = mark, frozenset(here)
        known |= missing
        if known.keys() != self._known.keys():
            self._changed(known.keys())
        self._known = known
