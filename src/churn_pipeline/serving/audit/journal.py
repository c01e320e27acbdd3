"""What is not in its file yet, where the end of the process cannot take it away.

A ``write`` for each answer, and a hash, cost more than all else of the audit, since they find cold
caches. Records are therefore only copied into a small file mapped into memory, whose pages belong
to the system as soon as they are changed, and chained and written many at a time. The space is
allocated before, so that a full disk is noticed then and not by ``SIGBUS``.
"""

import mmap
import os
import struct
from itertools import takewhile
from pathlib import Path

JOURNAL_BYTES = 512 * 1024

# bytes of the records; how many of them are in the log's file; number of the next one's line there
_HEAD = struct.Struct("<qqq")


def journal_path(folder: Path, log: str) -> Path:
    """Return the path of a log's journal."""
    return folder / f".{log}.journal"


class Journal:
    """Records, a line each, in a mapped file; one process at a time uses it.

    Parameters
    ----------
    path : Path
        Created when missing; what a killed process left is still there.

    Raises
    ------
    OSError
        If there is no space for it.
    """

    def __init__(self, path: Path) -> None:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(file, 0, JOURNAL_BYTES)
            self._memory = mmap.mmap(file, JOURNAL_BYTES)
        finally:
            os.close(file)
        self._length, self._done, self._n = _HEAD.unpack_from(self._memory)

    def add(self, record: bytes) -> bool:
        """Keep a record; False if there is no room for it."""
        line = record + b"\n"
        begin = _HEAD.size + self._length
        end = begin + len(line)
        if end > JOURNAL_BYTES:
            return False
        self._memory[begin:end] = line
        # last, so that a kill in between leaves none of it
        self._length += len(line)
        _HEAD.pack_into(self._memory, 0, self._length, self._done, self._n)
        return True

    def moved(self, count: int, n: int) -> None:
        """Note that ``count`` more records are in the file, and the next line's number there."""
        self._done, self._n = self._done + count, n
        self._note()

    def left(self, last: int) -> list[bytes]:
        """Return what a killed process left, see :func:`read_journal`, and go on from there."""
        self._done, records = _left(self._memory[:], last)
        self._n = last + 1
        self._note()
        return records

    def clear(self, n: int) -> None:
        """Forget all records; ``n`` is the number of the next line in the file."""
        self._length, self._done, self._n = 0, 0, n
        self._note()

    def _note(self) -> None:
        _HEAD.pack_into(self._memory, 0, self._length, self._done, self._n)


def read_journal(path: Path, last: int) -> list[bytes]:
    """Return the records of a journal that are not in its log.

    Parameters
    ----------
    path : Path
        Need not exist.
    last : int
        Number of the last line in the log.
    """
    try:
        return _left(path.read_bytes(), last)[1]
    except FileNotFoundError:
        return []


def _left(content: bytes, last: int) -> tuple[int, list[bytes]]:
    """Return how many records are in the log, and those that are not."""
    if len(content) < _HEAD.size:
        return 0, []
    length, done, n = _HEAD.unpack_from(content)
    if not (0 <= length <= len(content) - _HEAD.size and done >= 0):
        return 0, []
    records = content[_HEAD.size : _HEAD.size + length].splitlines()
    # a process that is killed after it has written lines may not have noted it
    start = min(done + max(0, last - n + 1), len(records)) if records else 0
    whole = takewhile(lambda record: record[:1] == b"{" and record[-1:] == b"}", records[start:])
    return start, list(whole)  # a power cut may damage some
