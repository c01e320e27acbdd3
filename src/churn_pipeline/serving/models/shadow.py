"""The silent challenger: it scores what the champion has answered, after the answer."""

import asyncio
import logging
import os
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from churn_pipeline.scorer import InvalidRecord
from churn_pipeline.serving.appending import append_whole
from churn_pipeline.serving.metrics import Metrics
from churn_pipeline.serving.models.variants import Deployment, Variant

logger = logging.getLogger("bentoml.churn")

MAX_LINES = 20_000
"""Lines of half a kilobyte that may wait until they are written; further ones are lost."""
_PORTION = 16
_PAUSE_SECONDS = 0.005

_encode = msgspec.json.Encoder().encode

Item = tuple[Variant, str, str, Any, dict[str, Any]]


class Shadow:
    """Scores customers by the challenger while nobody waits for it.

    Parameters
    ----------
    folder : Path
        Gets ``shadow-<worker>.jsonl``, one line a customer: the time, the request's id, the
        customer's id as a keyed hash, and version, probability and tier of both models. A file
        that is full becomes ``shadow-<worker>.1.jsonl``.
    worker : int
    max_bytes : int
        Size at which a file is full.
    max_waiting_bytes : int
        Of customers who wait for the challenger; further ones are not scored.
    metrics : Metrics
    hash_customer : callable
        Names a customer as the audit log does.
    """

    def __init__(
        self,
        folder: Path,
        worker: int,
        max_bytes: int,
        max_waiting_bytes: int,
        metrics: Metrics,
        hash_customer: Callable[[str], str],
    ) -> None:
        self._path = folder / f"shadow-{worker}.jsonl"
        self._max_bytes = max_bytes
        self._max_waiting = max_waiting_bytes
        self._waiting_bytes = 0
        self._metrics = metrics
        self._hash = hash_customer
        self._waiting: deque[Item] = deque()
        self._lines: deque[bytes] = deque()
        self._some = asyncio.Event()
        self._is_failing = False
        self._unwritten = 0

    def take_unwritten(self) -> int:
        """Return how many lines could not be written since the last call."""
        count, self._unwritten = self._unwritten, 0
        return count

    def add(
        self,
        deployment: Deployment,
        request_id: str,
        customer_id: str,
        record: Any,
        probability: float,
        tier: str,
    ) -> None:
        """Let a customer wait for the challenger, if there is a silent one."""
        if deployment.silent is None:
            return
        n_bytes = _size(record)
        if self._waiting_bytes + n_bytes > self._max_waiting:
            self._metrics.shadowed("dropped")
            return
        self._waiting_bytes += n_bytes
        first = _described(deployment.champion.version, probability, tier)
        self._waiting.append((deployment.silent, request_id, customer_id, record, first))
        self._some.set()

    async def score_waiting(self) -> None:
        """Score those who wait, a few at a time between answers; runs until cancelled."""
        while True:
            await self._some.wait()
            await asyncio.sleep(_PAUSE_SECONDS)
            self._score(min(_PORTION, len(self._waiting)))
            if not self._waiting:
                self._some.clear()

    def _score(self, n: int) -> None:
        for _ in range(n):
            variant, request_id, customer_id, record, first = self._waiting.popleft()
            self._waiting_bytes -= _size(record)
            try:
                (second,) = variant.scorer.score([variant.scorer.read(record)])
            except InvalidRecord:
                self._metrics.shadowed("refused")
                continue
            except Exception as error:
                logger.error("%s while scoring silently", type(error).__name__)
                self._metrics.shadowed("failed")
                continue
            self._metrics.shadowed("scored")
            self._metrics.scored(second.tier, variant.name, second.churn_probability)
            if len(self._lines) >= MAX_LINES:  # the disk is not as fast
                self._metrics.shadowed("unwritten")
                continue
            line = {
                "time": datetime.now(UTC),
                "request_id": request_id,
                "customer": self._hash(customer_id),
                "champion": first,
                "challenger": _described(variant.version, second.churn_probability, second.tier),
            }
            self._lines.append(_encode(line) + b"\n")

    def finish(self) -> None:
        """Score all who still wait; at the end of the process."""
        self._score(len(self._waiting))

    def flush(self) -> None:
        """Write the lines that have gathered; to be called in a thread. It never fails."""
        lines = [self._lines.popleft() for _ in range(len(self._lines))]
        if not lines:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                append_whole(file, b"".join(lines))
                is_full = os.fstat(file).st_size >= self._max_bytes
            finally:
                os.close(file)
            if is_full:
                self._path.replace(self._path.with_suffix(".1.jsonl"))
            self._is_failing = False
        except OSError as error:
            self._unwritten += len(lines)
            if not self._is_failing:
                logger.error("%s cannot be written (%s)", self._path, error.strerror)
            self._is_failing = True


def _size(record: Any) -> int:
    """Return about how many bytes a record that the champion has read takes, with its answer."""
    texts = sum(4 * len(value) for value in record.values() if isinstance(value, str))
    return 1000 + 120 * len(record) + texts


def _described(version: str, probability: float, tier: str) -> dict[str, Any]:
    return {"version": version, "churn_probability": probability, "tier": tier}
