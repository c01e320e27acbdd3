"""Refused requests: the first ones of each sender and reason in full, of the others the number.

Whoever can ask can be refused as often as they like. A line each would fill the disk, or rotate
away what others did.
"""

import threading
from collections import deque
from dataclasses import dataclass

from churn_pipeline.serving.audit.records import (
    Asked,
    event_record,
    event_time,
    request_fields,
)
from churn_pipeline.serving.http.rate_limit import source_of

IN_FULL = 5
"""Refusals of one sender and reason that get a line each, in an interval."""
INTERVAL_SECONDS = 60.0
SENDERS = 256
"""Senders and reasons told apart in an interval; those of further ones are counted together."""
_WAITING = 2000  # lines kept while they cannot be written


@dataclass(slots=True)
class _Group:
    key: str | None
    address: str | None
    reason: str
    begin: float
    until: float
    seen: int = 0
    counted: int = 0


class Refusals:
    """What is to be written about refused requests. Several threads may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._groups: dict[tuple[str | None, str | None, str], _Group] = {}
        self._waiting: deque[bytes] = deque()
        self._since = 0.0

    def add(self, asked: Asked, reason: str, when: float) -> None:
        """Take note of a refused request.

        Parameters
        ----------
        asked : Asked
        reason : str
            One of a fixed set of words.
        when : float
            Seconds since the epoch.
        """
        with self._lock:
            group = self._group(asked, reason, when)
            group.seen += 1
            group.until = when
            if group.seen <= IN_FULL and len(self._waiting) < _WAITING:
                fields = {"reason": reason, **request_fields(asked)}
                self._waiting.append(event_record("refused", when, fields))
            else:
                group.counted += 1

    def _group(self, asked: Asked, reason: str, when: float) -> _Group:
        # a known key is one sender wherever it comes from
        address = None if asked.key else source_of(asked.address)
        name = (asked.key, address, reason)
        group = self._groups.get(name)
        if group is None:
            if not self._groups:
                self._since = when
            if len(self._groups) < SENDERS:
                group = _Group(asked.key, address, reason, when, when)
            else:
                name = (None, None, reason)
                group = self._groups.get(name) or _Group(*name, when, when, seen=IN_FULL)
            self._groups[name] = group
        return group

    def due(self, now: float, *, is_over: bool = False) -> list[bytes]:
        """Return the JSON objects to write now; they come again until :meth:`written` is called.

        Parameters
        ----------
        now : float
            Seconds since the epoch.
        is_over : bool
            Whether the interval ends early, with the process.
        """
        with self._lock:
            if self._groups and (is_over or now - self._since >= INTERVAL_SECONDS):
                rest = {}
                for name, group in self._groups.items():
                    if not group.counted:
                        continue
                    if len(self._waiting) >= 2 * _WAITING:  # counted on until it can be written
                        rest[name] = group
                        continue
                    fields = {
                        "reason": group.reason,
                        "key": group.key,
                        "address": group.address,
                        "count": group.counted,
                        "from": event_time(group.begin),
                        "until": event_time(group.until),
                    }
                    self._waiting.append(event_record("refusals", now, fields))
                self._groups, self._since = rest, now
            return list(self._waiting)

    def written(self, count: int) -> None:
        """Forget the first ``count`` of what was due."""
        with self._lock:
            for _ in range(count):
                self._waiting.popleft()
