"""What became of customers: appended as JSON lines, on disk before the answer says so."""

import asyncio
import errno
import logging
import os
import re
import time
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec

from churn_pipeline.scorer.refusals import MAX_TEXT
from churn_pipeline.serving.appending import append_whole

OUTCOMES = ("churned", "stayed")
MAX_ID_CHARACTERS = MAX_TEXT
_LOGGER = logging.getLogger("bentoml.churn")
_LOOK_SECONDS = 1.0
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def read_feedback(content: Any, id_name: str, today: date) -> dict[str, str] | list[dict[str, Any]]:
    """Check what a client says became of a customer.

    Parameters
    ----------
    content : object
        Decoded JSON: the customer's id by its name in the contract, ``outcome``, ``date``.
    id_name : str
    today : date
        Later dates are refused.

    Returns
    -------
    dict of str
        ``customer_id``, ``outcome`` and ``date``; or, if it is not usable, a list of problems with
        ``field`` and ``message``, without the values that were sent.
    """
    if not isinstance(content, dict):
        return [{"field": None, "message": "The body must be a JSON object."}]
    expected = {
        id_name: f"must be a text of 1 to {MAX_ID_CHARACTERS} characters",
        "outcome": f"must be one of {', '.join(OUTCOMES)}",
        "date": "must be a day that has been, written as YYYY-MM-DD",
    }
    problems: dict[str, str] = {
        name: f"{name} is missing; it {expectation}"
        for name, expectation in expected.items()
        if name not in content
    }
    customer_id, outcome = content.get(id_name), content.get("outcome")
    if not isinstance(customer_id, str) or not (
        customer_id.strip() and len(customer_id) <= MAX_ID_CHARACTERS
    ):
        problems.setdefault(id_name, f"{id_name} {expected[id_name]}")
    if outcome not in OUTCOMES:
        problems.setdefault("outcome", f"outcome {expected['outcome']}")
    if not _is_past_day(content.get("date"), today):
        problems.setdefault("date", f"date {expected['date']}")
    errors: list[dict[str, Any]] = [
        {"field": name, "message": f"{message}."} for name, message in problems.items()
    ]
    if len(content.keys() - expected.keys()) > 0:
        errors.append({"field": None, "message": f"Only {', '.join(expected)} may be given."})
    return errors or {
        "customer_id": content[id_name].strip(),
        "outcome": content["outcome"],
        "date": content["date"],
    }


def _is_past_day(value: Any, today: date) -> bool:
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        return False
    try:
        day = date.fromisoformat(value)
    except ValueError:
        return False
    # It may already be tomorrow where the client is
    return (day - today).days <= 1


class FeedbackLog:
    """Appends entries to files of this worker; concurrent ones share one write to the disk.

    Nothing is ever removed: what is stored was acknowledged, and may not have been fetched yet.

    Parameters
    ----------
    folder : Path
        Gets the files of each worker process, ``feedback-<time>-<process>-<number>.jsonl``.
    file_bytes : int
        Size at which a file is followed by the next.
    max_bytes : int
        Of all files in the folder; beyond, entries are refused until somebody moves files away.
    """

    def __init__(self, folder: Path, file_bytes: int, max_bytes: int) -> None:
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        self._folder = folder
        self._stem = f"feedback-{now}-{os.getpid()}-{time.monotonic_ns() % 10**6:06}"
        self._number = 0
        self._file_bytes = file_bytes
        self._max_bytes = max_bytes
        self._stored = 0
        self._looked = float("-inf")
        self._is_failing = False
        self._file: int | None = None
        self._pending: list[tuple[bytes, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def append(self, entry: Mapping[str, Any]) -> None:
        """Store an entry with the time it was received; return when it is on disk.

        Raises
        ------
        OSError
            If it could not be stored.
        """
        line = msgspec.json.encode({"received": datetime.now(UTC), **entry}) + b"\n"
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending.append((line, stored))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_pending())
        await stored

    async def _write_pending(self) -> None:
        while self._pending:
            batch, self._pending = self._pending, []
            problem: OSError | None = None
            try:
                await asyncio.to_thread(self._write, b"".join(line for line, _ in batch))
            except OSError as error:
                problem = error
                if not self._is_failing:
                    _LOGGER.error("feedback cannot be stored (%s); it is answered by 503", error)
            self._is_failing = problem is not None
            for _, stored in batch:
                if stored.done():  # its client has gone
                    continue
                if problem is None:
                    stored.set_result(None)
                else:
                    stored.set_exception(problem)

    def _check_room(self, n_bytes: int) -> None:
        """Raise if the folder is full; other workers' files are looked at once a second."""
        now = time.monotonic()
        if now - self._looked >= _LOOK_SECONDS:
            self._stored = sum(_size(path) for path in self._folder.glob("feedback-*.jsonl"))
            self._looked = now
        if self._stored + n_bytes > self._max_bytes:
            raise OSError(
                errno.EDQUOT,
                f"{self._folder} holds as much as serving.feedback_max_bytes allows; move files "
                "away that are not written to any more",
            )

    def _write(self, lines: bytes) -> None:
        self._check_room(len(lines))
        if self._file is not None and not os.fstat(self._file).st_nlink:
            # Somebody has moved the files away and removed them
            os.close(self._file)
            self._file = None
        if self._file is None:
            self._file = self._open()
        size = os.fstat(self._file).st_size
        append_whole(self._file, lines)
        try:
            os.fsync(self._file)
        except OSError:
            # What was not stored must not be there either
            os.ftruncate(self._file, size)
            raise
        self._stored += len(lines)
        if size + len(lines) >= self._file_bytes:
            os.close(self._file)
            self._file = None

    def _open(self) -> int:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{self._stem}-{self._number + 1:04}.jsonl"
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        file = os.open(path, flags, 0o640)
        try:
            folder = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(folder)  # so that the file's name is on disk too
            finally:
                os.close(folder)
        except OSError:
            os.close(file)
            path.unlink()  # or it would be in the way of the next attempt
            raise
        self._number += 1
        return file

    async def close(self) -> None:
        """Wait for what is being written and close the file."""
        if self._writer is not None:
            await self._writer
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # moved away just now
        return 0
