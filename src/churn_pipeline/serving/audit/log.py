"""The audit log of one worker: written before an answer is sent, so that none is without a line."""

import asyncio
import os
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from churn_pipeline.serving.audit.chain import ChainKey
from churn_pipeline.serving.audit.files import ChainedFiles
from churn_pipeline.serving.audit.names import claim, raise_unless_full
from churn_pipeline.serving.audit.outage import AuditUnavailable, Outage
from churn_pipeline.serving.audit.records import (
    Asked,
    AuditedCustomer,
    CustomerHash,
    answer_records,
    event_record,
    one_record,
    request_fields,
)
from churn_pipeline.serving.audit.refusals import Refusals
from churn_pipeline.serving.audit.stdout import ChainedStdout, Stdout
from churn_pipeline.serving.settings import AuditFailure, AuditFull, AuditTarget

COLLECTOR_SECONDS = 5.0
"""An answer waits so long for a collector that does not read; then it counts as unwritten."""
_LINES_IN_A_ROW = 4  # of a batch, between which other requests are answered
_REFUSAL_FILES = 5  # they are limited, and nobody was answered
_EVENTS = 1000  # that wait until they can be written


class AuditLog:
    """What one worker did for whom, in files that nobody else writes to.

    ``audit-<worker>-<number>.jsonl`` holds a line for each answer below 400 (several for a large
    batch) and for each event, ``refusals-<worker>-<number>.jsonl`` those of refused requests, which
    therefore never rotate away what was answered. See ``docs/serving-security.md``.

    Parameters
    ----------
    folder : Path
        Created when missing.
    worker : int
        The number in the files' names, unless a living process uses it.
    max_bytes : int
        Size at which a file is full.
    files : int
        Files that are kept of each log, the current one included.
    audit_key : bytes
        Key of the customers' hashes, 64 bytes at most.
    is_kept : bool
        Whether that key is in a file, so that the chain of hashes can have it too.
    failure : {"refuse", "continue"}
        What becomes of an answer that cannot be written: :class:`AuditUnavailable`, or it is sent
        and counted as lost.
    to : {"file", "stdout", "both"}
    full : {"remove", "refuse"}
        What becomes of the oldest answers when all files are full: they are removed, or nothing
        more can be written until somebody has moved them away.

    Attributes
    ----------
    hash_customer : CustomerHash
        How customers are named.

    Raises
    ------
    ParameterError
        If the folder cannot be written; a full disk is tried again with each answer.
    """

    def __init__(
        self,
        folder: Path,
        worker: int,
        max_bytes: int,
        files: int,
        audit_key: bytes,
        *,
        is_kept: bool = True,
        failure: AuditFailure = "refuse",
        to: AuditTarget = "file",
        full: AuditFull = "remove",
    ) -> None:
        self._folder = folder
        self._worker = worker
        self._max_bytes = max_bytes
        self._files = files
        self._failure = failure
        self._is_archived = full == "refuse"
        self._stdout = Stdout() if to != "file" else None
        self._has_files = to != "stdout"
        self._lock = threading.RLock()
        self._claimed: int | None = None
        self._answers: ChainedFiles | ChainedStdout | None = None
        self._refused: ChainedFiles | ChainedStdout | None = None
        self._refusals = Refusals()
        self._events: deque[bytes] = deque()
        self._shipping: deque[bytes] = deque()
        self._lost = 0
        self._outage = Outage(failure)
        self._set_key(audit_key, is_kept)
        try:
            self._claim()
        except OSError as error:
            raise_unless_full(folder, error)
            self._outage.failed(error)

    def use_key(self, audit_key: bytes, is_kept: bool = True) -> None:
        """Hash by another key from now on, in new files."""
        with self._lock:
            self._set_key(audit_key, is_kept)
            try:
                for chain in self._chains():
                    chain.use(self._key)
            except OSError as error:
                self._outage.failed(error)

    def _set_key(self, audit_key: bytes, is_kept: bool) -> None:
        self.hash_customer = CustomerHash(audit_key)
        self._key = ChainKey(audit_key if is_kept else None)

    async def answered(
        self, asked: Asked, when: float, customers: Sequence[AuditedCustomer] = ()
    ) -> None:
        """Write an answer, before it is sent.

        Parameters
        ----------
        asked : Asked
        when : float
            Seconds since the epoch.
        customers : sequence
            Those in the answer.

        Raises
        ------
        AuditUnavailable
            If it cannot be written and must not be sent.
        """
        if len(customers) == 1 and customers[0][0] is not None and self._stdout is None:
            try:
                self._append((one_record(asked, when, customers[0], self.hash_customer),))
            except OSError as error:
                self._without(error)
            return
        records = []
        for record in answer_records(asked, when, customers, self.hash_customer):
            records.append(record)
            if len(records) % _LINES_IN_A_ROW == 0:
                await asyncio.sleep(0)
        await self._store(records)

    async def acted(self, event: str, asked: Asked, **fields: Any) -> None:
        """Write what a request is about to change, or has changed; raises as :meth:`answered`."""
        await self._store([event_record(event, time.time(), {**request_fields(asked), **fields})])

    async def _store(self, records: Sequence[bytes]) -> None:
        try:
            if self._stdout is not None:
                await self._stdout.room(COLLECTOR_SECONDS)
            lines = self._append(records)
            if self._stdout is not None:
                for line in lines:
                    await self._stdout.room(COLLECTOR_SECONDS)
                    self._stdout.write(line)
        except OSError as error:
            self._without(error)

    def _without(self, error: OSError) -> None:
        """Refuse an answer that cannot be written, or count it."""
        with self._lock:
            self._outage.failed(error)
            self._outage.answers += 1
            if self._failure == "continue":
                self._lost += 1
                return
        raise AuditUnavailable(error.strerror) from None

    def happened(self, event: str, **fields: Any) -> None:
        """Write what happened to the service; kept and tried again if it cannot be written now."""
        with self._lock:
            for waiting in (self._events, self._shipping):
                if len(waiting) >= 10 * _EVENTS:
                    waiting.popleft()
                    self._lost += 1
            self._events.append(event_record(event, time.time(), fields))
            self._write_events()

    def refused(self, asked: Asked, reason: str, when: float) -> None:
        """Take note of a refused request; written within a second, many alike as a number."""
        self._refusals.add(asked, reason, when)

    def flush(self, *, is_over: bool = False) -> None:
        """Write refusals and what could not be written before; to be called now and then.

        It never fails. Another thread may use the log meanwhile.

        Parameters
        ----------
        is_over : bool
            Whether it is the end of the process.
        """
        due = self._refusals.due(time.time(), is_over=is_over)
        with self._lock:
            try:
                for chain in self._chains():
                    chain.check()
                if due and len(self._shipping) < _EVENTS:
                    if self._refused is None:
                        self._claim()
                    assert self._refused is not None
                    self._shipping += self._shipped(self._refused.append(due))
                    self._refusals.written(len(due))
            except OSError as error:
                self._outage.failed(error)
            self._write_events()
            if self._outage.is_on:
                self._try_again()

    def close(self) -> None:
        """Write what waits and give the files free."""
        with self._lock:
            self.flush(is_over=True)
            for chain in self._chains():
                chain.close()
            if self._claimed is not None:
                os.close(self._claimed)
            self._claimed = self._answers = self._refused = None

    def take_lost(self) -> int:
        """Return the answers and events that were lost since the last call."""
        with self._lock:
            count, self._lost = self._lost, 0
            return count

    def _claim(self) -> None:
        if not self._has_files:
            self._answers = ChainedStdout(f"audit-{self._worker}", self._key)
            self._refused = ChainedStdout(f"refusals-{self._worker}", self._key)
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock, number = claim(self._folder, self._worker)
        try:
            self._answers, self._refused = (
                ChainedFiles(
                    self._folder,
                    f"{kind}-{number}",
                    self._max_bytes,
                    self._files if kind == "audit" else min(self._files, _REFUSAL_FILES),
                    self._key,
                    is_archived=self._is_archived and kind == "audit",
                    has_journal=kind == "audit" and self._stdout is None,
                )
                for kind in ("audit", "refusals")
            )
        except OSError:
            os.close(lock)
            raise
        self._claimed = lock

    def _append(self, records: Sequence[bytes]) -> Sequence[bytes]:
        with self._lock:
            if self._answers is None:
                self._claim()
                assert self._answers is not None
            return self._answers.append(records)

    def _chains(self) -> list[ChainedFiles | ChainedStdout]:
        return [chain for chain in (self._answers, self._refused) if chain is not None]

    def _shipped(self, lines: Sequence[bytes]) -> Sequence[bytes]:
        return lines if self._stdout is not None else ()

    def _write_events(self) -> None:
        try:
            if self._events:
                self._shipping += self._shipped(self._append(list(self._events)))
                self._events.clear()
            while self._shipping and self._stdout is not None and self._stdout.has_room():
                self._stdout.write(self._shipping[0])
                self._shipping.popleft()
        except OSError as error:
            self._outage.failed(error)

    def _try_again(self) -> None:
        """Write since when answers had no line, and go on, if that is possible again."""
        if self._stdout and not self._stdout.has_room():
            return
        try:
            lines = self._append([self._outage.record()])
        except OSError as error:
            self._outage.failed(error)
            return
        self._shipping += self._shipped(lines)
        self._outage.over()
