"""Who holds a lock: a small file beside it, which says nothing unless the lock is held."""

import json
import socket
import sys
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

import psutil

from churn_pipeline.staging import replacing

_HOST = socket.gethostname()
_LONGEST_COMMAND = 120
_CLOCK_TOLERANCE = 10.0  # seconds that a correction of the clock may move a process's start


@dataclass(frozen=True)
class Holder:
    """A process that holds a lock.

    Attributes
    ----------
    pid : int
    started : float
        When the process started, in seconds since the epoch: ids of processes are used again.
    host : str
    command : str
    since : str
        When it took the lock, local time.
    """

    pid: int
    started: float
    host: str
    command: str
    since: str

    @classmethod
    def this_process(cls) -> Self:
        """Return this process, as from now on."""
        process = psutil.Process()
        since = datetime.now().strftime("%Y-%m-%d %H:%M:%S")
        return cls(process.pid, process.create_time(), _HOST, _command(), since)

    @classmethod
    def read(cls, file: Path) -> Self | None:
        """Return what the file says; None if it says nothing, or the process is gone."""
        try:
            holder = cls(**json.loads(file.read_bytes()))
            if holder.host != _HOST:  # whose processes cannot be seen from here
                return holder
            return holder if holder._is(psutil.Process(holder.pid)) else None
        except (OSError, ValueError, TypeError, psutil.Error):
            return None

    def write(self, file: Path) -> None:
        """Write the file, whole or not at all."""
        with replacing(file) as staged:
            staged.write_text(json.dumps(asdict(self), sort_keys=True) + "\n", encoding="utf-8")

    @property
    def is_ancestor(self) -> bool:
        """Whether it started this process, maybe through others that are all still there."""
        try:
            return any(self._is(process) for process in psutil.Process().parents())
        except psutil.Error:  # a process that we may not look into
            return False

    def __str__(self) -> str:
        place = "" if self.host == _HOST else f" on {self.host}"
        return f"pid {self.pid}{place}, {self.command}, since {self.since}"

    def _is(self, process: psutil.Process) -> bool:
        has_started_then = abs(process.create_time() - self.started) < _CLOCK_TOLERANCE
        return process.pid == self.pid and has_started_then


def _command() -> str:
    words = sys.argv if sys.argv and sys.argv[0] not in ("", "-c", "-m") else sys.orig_argv
    program = Path(words[0])
    name = program.parent.name if program.name == "__main__.py" else program.name
    command = " ".join(" ".join([name, *words[1:]]).split())  # one line, whatever -c holds
    return command if len(command) <= _LONGEST_COMMAND else f"{command[:_LONGEST_COMMAND]}…"
