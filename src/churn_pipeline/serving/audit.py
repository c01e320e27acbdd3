"""Who asked for what, when: a file a worker of JSON lines, one for each customer."""

import errno
import fcntl
import hashlib
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from churn_pipeline.errors import ParameterError

_LOGGER = logging.getLogger(__name__)
_WAITING_LINES = 200_000
# encoding holds the interpreter's lock; short portions with a breath after each keep answers prompt
_PORTION = 64
_BREATH = 0.0005  # seconds


class _Line(msgspec.Struct):
    time: datetime
    key: str | None
    route: str
    model: str | None
    customer: str | None
    tier: str | None
    status: int


Entry = tuple[float, str | None, str, str | None, str | None, str | None, int]


class AuditLog:
    """The audit log of one worker.

    A line holds the time (UTC), the key's id, the route, the model's version, the customer's id
    as a keyed BLAKE2b hash (RFC 7693), the tier and the HTTP status; no other value of a customer.
    A batch gives one line a customer, so that all that was said about one is found by one search.

    Parameters
    ----------
    folder : Path
        Created when missing.
    worker : int or str
        Tells the files of the workers apart: ``audit-<worker>.jsonl`` is the current one,
        ``audit-<worker>.1.jsonl`` the last that was full, ``.2`` the one before.
    max_bytes : int
        Size at which a file is full.
    files : int
        Files that are kept, the current one included.
    audit_key : bytes
        Key of the hashes, 64 bytes at most; without it nobody can find a customer's lines by
        hashing all ids.

    Attributes
    ----------
    audit_key : bytes
        May be set anew when the file of the keys changed.

    Raises
    ------
    ParameterError
        If the folder cannot be written.
    """

    def __init__(
        self, folder: Path, worker: int | str, max_bytes: int, files: int, audit_key: bytes
    ) -> None:
        self.audit_key = audit_key
        self._overflown = 0
        self._reported = 0
        self._unwritten = 0
        self._folder = folder
        self._stem = f"audit-{worker}"
        self._max_bytes = max_bytes
        self._files = files
        self._waiting: deque[Entry] = deque()
        self._encoder = msgspec.json.Encoder()
        self._flushing = threading.Lock()
        self._is_failing = False
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _append(self._path(0), b"")
        except OSError as error:
            raise ParameterError(
                f"the audit log's folder {folder} cannot be written ({error.strerror}); name "
                "another by serving.audit_log"
            ) from None

    @property
    def lost(self) -> int:
        """Lines that could not be kept or written so far."""
        return self._overflown + self._unwritten

    def append(
        self,
        time: float,
        key_id: str | None,
        route: str,
        model_version: str | None,
        customer_id: str | None,
        tier: str | None,
        status: int,
    ) -> None:
        """Note one answer; it is written by the next :meth:`flush`.

        Parameters
        ----------
        time : float
            Seconds since the epoch.
        key_id, route, model_version, customer_id, tier : str or None
            None where there is none, such as the customer of a request that could not be read.
        status : int
            HTTP status.
        """
        if len(self._waiting) >= _WAITING_LINES:
            self._overflown += 1
            return
        self._waiting.append((time, key_id, route, model_version, customer_id, tier, status))

    def flush(self) -> None:
        """Write what was noted; to be called in a thread. It never fails: lost lines are counted.

        Several threads may call it, and answers be noted meanwhile.
        """
        with self._flushing:
            waiting = [self._waiting.popleft() for _ in range(len(self._waiting))]
            unwritten = len(waiting)
            error = None
            try:
                if waiting:
                    for count in self._write(self._encode(waiting)):
                        unwritten -= count
            except OSError as caught:
                error = caught
            self._unwritten += unwritten
            self._report(bool(waiting), error)

    def _encode(self, entries: list[Entry]) -> Iterator[tuple[bytes, int]]:
        for start in range(0, len(entries), _PORTION):
            portion = entries[start : start + _PORTION]
            yield self._encoder.encode_lines(map(self._line, portion)), len(portion)
            time.sleep(_BREATH)

    def _line(self, entry: Entry) -> _Line:
        when, key_id, route, model_version, customer_id, tier, status = entry
        customer = None
        if customer_id is not None:
            # JSON may bring half a surrogate pair, which has no UTF-8
            name = customer_id.encode("utf-8", "surrogatepass")
            customer = hashlib.blake2b(name, key=self.audit_key, digest_size=16).hexdigest()
        return _Line(
            time=datetime.fromtimestamp(when, UTC),
            key=key_id,
            route=route,
            model=model_version,
            customer=customer,
            tier=tier,
            status=status,
        )

    def _write(self, portions: Iterable[tuple[bytes, int]]) -> Iterator[int]:
        """Append portions of lines, rotating full files; yield the lines of each."""
        # a second service on the same folder must not rotate at the same moment
        with _locked(self._folder / f".{self._stem}.lock"):
            for content, count in portions:
                if self._size() + len(content) > max(self._max_bytes, len(content)):
                    self._rotate()
                _append(self._path(0), content)
                yield count

    def _path(self, age: int) -> Path:
        return self._folder / (f"{self._stem}.{age}.jsonl" if age else f"{self._stem}.jsonl")

    def _size(self) -> int:
        try:
            return self._path(0).stat().st_size
        except FileNotFoundError:
            return 0

    def _rotate(self) -> None:
        """Let each file take the next number; the last one gives way."""
        for age in reversed(range(1, self._files)):
            if self._path(age - 1).exists():
                self._path(age - 1).replace(self._path(age))
        if self._files == 1:
            self._path(0).unlink()

    def _report(self, has_written: bool, error: OSError | None) -> None:
        """Log the first failure of a row and when it is over, and lines that found no room."""
        if error is not None and not self._is_failing:
            _LOGGER.error("the audit log %s cannot be written (%s)", self._path(0), error.strerror)
        elif error is None and has_written and self._is_failing:
            _LOGGER.warning("the audit log is written again; lines lost so far: %d", self.lost)
        if has_written:
            self._is_failing = error is not None
        if self._overflown > self._reported:
            _LOGGER.error(
                "the audit log lost %d lines; more came than can be written",
                self._overflown - self._reported,
            )
            self._reported = self._overflown


def _append(path: Path, content: bytes) -> None:
    """Append whole lines or nothing; torn lines that a crash left are ended first."""
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(file).st_size
        if size and os.pread(file, 1, size - 1) != b"\n":
            content = b"\n" + content
        try:
            if os.write(file, content) < len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            os.ftruncate(file, size)
            raise
    finally:
        os.close(file)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
