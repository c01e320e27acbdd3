"""The files of one log: numbered, each going on where the one before ended, the oldest removed.

One process at a time writes a log: a worker holds the lock of its name as long as it lives, so that
neither a restart nor a second service on the same folder mixes its lines with another's.
"""

import errno
import logging
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from churn_pipeline.serving.appending import append_whole
from churn_pipeline.serving.audit.chain import (
    NO_HASH,
    ChainKey,
    End,
    seal,
)
from churn_pipeline.serving.audit.journal import Journal, journal_path
from churn_pipeline.serving.audit.names import file_path, log_files
from churn_pipeline.serving.audit.records import event_record
from churn_pipeline.serving.audit.tail import Found

_LOGGER = logging.getLogger("bentoml.churn")
_MOST_OF_SEAL = 120  # bytes that a line has besides its record


class ChainedFiles:
    """Appends lines to the newest file of a log.

    Parameters
    ----------
    folder : Path
    log : str
        Name of the log: letters, a hyphen, letters or digits. Nobody else may write to it.
    max_bytes : int
        Size at which a file is full.
    keep : int
        Files that are kept, the current one included.
    key : ChainKey
        May be replaced by :meth:`use`.
    is_archived : bool
        Whether somebody moves full files away: then none is removed here, and where there are
        ``keep`` of them no more is written.
    has_journal : bool
        Whether records wait in a :class:`~churn_pipeline.serving.audit.journal.Journal` until
        :meth:`check`, or the lack of room there, makes lines of them.
    """

    def __init__(
        self,
        folder: Path,
        log: str,
        max_bytes: int,
        keep: int,
        key: ChainKey,
        *,
        is_archived: bool = False,
        has_journal: bool = False,
    ) -> None:
        self.log = log
        self._is_archived = is_archived
        self._folder = folder
        self._max_bytes = max_bytes
        self._keep = keep
        self._key = key
        self._file: int | None = None
        self._number = 0
        self._size = 0
        self._end = End(0, NO_HASH)
        self._holds_more_than_its_head = False
        self._waiting: list[bytes] = []
        self._is_blocked = False
        self._is_recovered = False
        self._journal: Journal | None = None
        if has_journal:
            self._journal = Journal(journal_path(folder, log))

    @property
    def path(self) -> Path:
        """The newest file."""
        return file_path(self._folder, self.log, self._number)

    def append(self, records: Sequence[bytes]) -> Sequence[bytes]:
        """Keep JSON objects as lines, all or none; they survive the process, not a power cut.

        Returns
        -------
        sequence of bytes
            The lines, unless they wait in a journal.

        Raises
        ------
        OSError
            If they could not be written.
        """
        if self._file is None:
            self._open()
        if self._journal is None:
            self._waiting += records
            try:
                return self._move()
            except OSError:
                self._waiting.clear()
                raise
        if self._is_blocked:
            self._move()
        block = records[0] if len(records) == 1 else b"\n".join(records)
        if not self._journal.add(block):
            self._move()
            if not self._journal.add(block):  # it is larger than the whole journal
                self._waiting += records
                try:
                    self._move()
                except OSError:
                    self._waiting.clear()
                    self._journal.clear(self._end.n + 1)
                    raise
                return ()
        self._waiting += records
        return ()

    def _move(self) -> Sequence[bytes]:
        """Chain and write what waits; until that is possible no more is taken."""
        self._is_blocked = True
        written: list[bytes] = []
        while self._waiting:
            room = self._max_bytes - self._size
            count = 0
            for record in self._waiting:
                room -= len(record) + _MOST_OF_SEAL
                if room < 0 and (count or self._holds_more_than_its_head):
                    break
                count += 1
            if not count:
                if self._journal is not None:
                    self._journal.moved(0, self._end.n + 2)  # after the first line of the next
                self._create(self._number + 1)
                continue
            lines, end = seal(self.log, self._key, self._end, self._waiting[:count])
            content = b"".join(lines)
            assert self._file is not None
            append_whole(self._file, content)
            self._size += len(content)
            self._end = end
            self._holds_more_than_its_head = True
            del self._waiting[:count]
            written += lines
            if self._journal is not None:
                self._journal.moved(count, end.n + 1)
        if self._journal is not None:
            self._journal.clear(self._end.n + 1)
        self._is_blocked = False
        return written

    def use(self, key: ChainKey) -> None:
        """Chain by another key, in a new file.

        Raises
        ------
        OSError
            If it cannot be written; the next :meth:`append` tries again.
        """
        self._key = key
        if self._file is not None:
            # not by _create: what cannot be written now is tried again by the next append
            self.close()
            self._open()

    def check(self) -> None:
        """Move what waits to the file; begin another if somebody has taken the newest one away.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        if self._file is None:
            if self._journal is None:
                return
            self._open()
        assert self._file is not None
        try:
            is_there = os.path.samestat(os.fstat(self._file), self.path.stat())
        except FileNotFoundError:
            is_there = False
        if not is_there:
            _LOGGER.error("%s has been removed while the service wrote to it", self.path)
            self._create(self._number + 1)
        self._move()

    def close(self) -> None:
        """Close the file; the next :meth:`append` opens it again."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _open(self) -> None:
        """Go on where the newest file ends."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        files = log_files(self._folder).get(self.log, {})
        newest = max(files, default=0)
        for number, path in sorted(files.items(), reverse=True):
            file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
            try:
                found = Found.read(file)
                if found is None:  # a power cut left nothing of it
                    continue
                self._number, self._end = number, found.end or End(0, NO_HASH)
                if number == newest and found.end and found.key == self._key.fingerprint:
                    self._size = os.fstat(file).st_size
                    self._holds_more_than_its_head = True
                    self._end_torn_line(file, found.torn)
                    self._file, file = file, -1
                else:
                    self._create(newest + 1)
                break
            finally:
                if file >= 0:
                    os.close(file)
        else:
            self._create(newest + 1)
        if self._journal is not None and not self._is_recovered:
            self._is_recovered = True
            self._waiting = self._journal.left(self._end.n)
            if self._waiting:
                # they were not chained yet, so that somebody could have changed them
                count = {"lines": len(self._waiting)}
                self._waiting.append(event_record("recovered", time.time(), count))
                self._move()

    def _end_torn_line(self, file: int, torn: int) -> None:
        if torn:
            note = event_record("torn_line", time.time(), {"bytes": torn})
            lines, end = seal(self.log, self._key, self._end, [note])
            content = b"\n" + lines[0]
            append_whole(file, content)
            self._size += len(content)
            self._end = end

    def _create(self, number: int) -> None:
        """Begin a file with a line that says what it follows; remove those that are too many."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._is_archived and len(log_files(self._folder).get(self.log, {})) >= self._keep:
            raise OSError(
                errno.EDQUOT,
                f"there are {self._keep} files of {self.log} already, serving.audit_files; move "
                "the oldest to an archive",
            )
        head: Mapping[str, Any] = {
            "number": number,
            "after": self._end.hash,
            "keep": 1 if self._is_archived else self._keep,
            "audit_key": self._key.fingerprint,
        }
        (line,), end = seal(
            self.log, self._key, self._end, [event_record("file", time.time(), head)]
        )
        path = file_path(self._folder, self.log, number)
        file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            append_whole(file, line)
        except OSError:
            os.close(file)
            path.unlink()
            raise
        self.close()
        self._file, self._number, self._size, self._end = file, number, len(line), end
        self._holds_more_than_its_head = False
        for old, old_path in log_files(self._folder).get(self.log, {}).items():
            if old <= number - self._keep and not self._is_archived:
                with suppress(OSError):
                    old_path.unlink()
