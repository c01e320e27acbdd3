"""Lines for a collector that reads the standard output, such as that of a container's logs."""

import asyncio
import errno
import os
import select
import time
from collections.abc import Sequence

from churn_pipeline.serving.audit.chain import NO_HASH, ChainKey, End, seal
from churn_pipeline.serving.audit.records import event_record


class Stdout:
    """Writes lines as fast as the collector reads, never blocking the process.

    Workers share the standard output; a line of at most 4,096 bytes is not mixed with others' in a
    pipe (POSIX, ``PIPE_BUF``), and a pipe that is said to be writable has room for it.
    """

    def __init__(self, file: int = 1) -> None:
        self._file = file
        self._poll = select.poll()
        self._poll.register(file, select.POLLOUT)

    def has_room(self, milliseconds: int = 0) -> bool:
        """Say whether a line can be written, waiting for so long at most."""
        return bool(self._poll.poll(milliseconds))

    async def room(self, seconds: float) -> None:
        """Wait until the collector has read enough.

        Raises
        ------
        OSError
            If that takes longer.
        """
        end = time.monotonic() + seconds
        while not self.has_room():
            if time.monotonic() > end:
                raise OSError(errno.EAGAIN, "the standard output is not read")
            await asyncio.sleep(0.005)

    def write(self, line: bytes) -> None:
        """Write one line.

        Raises
        ------
        OSError
            If nobody reads any more, or the disk behind it is full.
        """
        while line:
            line = line[os.write(self._file, line) :]


class ChainedStdout:
    """The chain of a log that has no files; it begins anew with each process.

    Parameters
    ----------
    log : str
        Name of the log.
    key : ChainKey
    """

    def __init__(self, log: str, key: ChainKey) -> None:
        self.log = log
        self._key = key
        self._end = End(0, NO_HASH)

    def append(self, records: Sequence[bytes]) -> Sequence[bytes]:
        """Return JSON objects as lines; the first line names the key."""
        if not self._end.n:
            head = {"after": NO_HASH, "audit_key": self._key.fingerprint, "process": os.getpid()}
            records = [event_record("stream", time.time(), head), *records]
        lines, self._end = seal(self.log, self._key, self._end, records)
        return lines

    def use(self, key: ChainKey) -> None:
        """Chain by another key, as a new stream."""
        self._key = key
        self._end = End(0, NO_HASH)

    def check(self) -> None:
        """Do nothing: there is no file that could be gone."""

    def close(self) -> None:
        """Do nothing."""
