"""The silent challenger: it scores what the champion has answered, after the answer."""

import asyncio
import hashlib
import logging
import os
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from churn_pipeline.scorer import InvalidRecord
from churn_pipeline.serving.metrics import Metrics
from churn_pipeline.serving.variants import Deployment, Variant

logger = logging.getLogger("bentoml.churn")

WAITING = 20_000
"""Customers that may wait for their shadow score; more are not scored."""
_PORTION = 16
_PAUSE_SECONDS = 0.005

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
    metrics : Metrics
    hash_key : callable
        Returns the key of the hashes.
    """

    def __init__(
        self,
        folder: Path,
        worker: int,
        max_bytes: int,
        metrics: Metrics,
        hash_key: Callable[[], bytes],
    ) -> None:
        self._path = folder / f"shadow-{worker}.jsonl"
        self._max_bytes = max_bytes
        self._metrics = metrics
        self._hash_key = hash_key
        self._waiting: deque[Item] = deque()
        self._lines: deque[dict[str, Any]] = deque()
        self._some = asyncio.Event()
        self._is_failing = False

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
        if len(self._waiting) >= WAITING:
            self._metrics.shadowed("dropped")
            return
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
            try:
                (second,) = variant.scorer.score([variant.scorer.read(record)])
            except InvalidRecord:
                self._metrics.shadowed("refused")
                continue
            except Exception as error:
                logger.error("%s while scoring silently", type(error).__name__)
                self._metrics.shadowed("failed")
                continue
            self._metrics.scored(second.tier, variant.name, second.churn_probability)
            self._lines.append(
                {
                    "time": datetime.now(UTC),
                    "request_id": request_id,
                    "customer": self._hashed(customer_id),
                    "champion": first,
                    "challenger": _described(
                        variant.version, second.churn_probability, second.tier
                    ),
                }
            )

    def _hashed(self, customer_id: str) -> str:
        name = customer_id.encode(errors="surrogatepass")
        return hashlib.blake2b(name, key=self._hash_key(), digest_size=16).hexdigest()

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
            with open(self._path, "ab", opener=_for_owner) as file:
                file.write(msgspec.json.Encoder().encode_lines(lines))
                is_full = file.tell() >= self._max_bytes
            if is_full:
                self._path.replace(self._path.with_suffix(".1.jsonl"))
            self._is_failing = False
        except OSError as error:
            if not self._is_failing:
                logger.error("%s cannot be written (%s)", self._path, error.strerror)
            self._is_failing = True


def _for_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _described(version: str, probability: float, tier: str) -> dict[str, Any]:
    return {"version": version, "churn_probability": probability, "tier": tier}
