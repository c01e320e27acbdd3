"""Hold a server and its children within a limit of memory, and see how much they took."""

import os
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import psutil

_V1 = Path("/sys/fs/cgroup/memory")
_V2 = Path("/sys/fs/cgroup")
_SAMPLE_SECONDS = 0.1


class Fence:
    """A control group with a memory limit; without the right to make one, memory is only watched.

    Parameters
    ----------
    limit_bytes : int
        Of all processes together, page cache included, which the system takes back when needed.

    Attributes
    ----------
    kind : str
        ``cgroup v1``, ``cgroup v2`` or ``watched only``.
    peak_bytes : int
        Largest memory, without page cache, seen so far; sampled ten times a second.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.kind = "watched only"
        self.peak_bytes = 0
        self._limit = limit_bytes
        self._group: Path | None = None
        self._root: psutil.Process | None = None
        self._end = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> "Fence":
        name = f"churn-attack-{os.getpid()}"
        places = (
            ("cgroup v2", _V2, "memory.max", "cgroup.controllers"),
            ("cgroup v1", _V1, "memory.limit_in_bytes", "memory.limit_in_bytes"),
        )
        for kind, parent, limit, proof in places:
            if not (parent / proof).exists():
                continue
            group = parent / name
            try:
                group.mkdir()
                (group / limit).write_text(str(self._limit))
            except OSError:
                with suppress(OSError):
                    group.rmdir()
            else:
                self.kind, self._group = kind, group
                break
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end.set()
        if self._sampler.is_alive():
            self._sampler.join()
        if self._group is not None:
            with suppress(OSError):  # a process that is still ending
                self._group.rmdir()

    def join(self) -> None:
        """Put the calling process inside; for ``preexec_fn``."""
        if self._group is not None:
            (self._group / "cgroup.procs").write_text(str(os.getpid()))

    def watch(self, root: psutil.Process) -> None:
        """Begin to sample the memory of a process and its children."""
        self._root = root
        self._sampler.start()

    @property
    def killed(self) -> int:
        """How many processes the system has killed for want of memory."""
        for name in ("memory.events", "memory.oom_control"):
            if self._group is not None and (self._group / name).exists():
                lines = dict(line.split() for line in (self._group / name).read_text().splitlines())
                return int(lines.get("oom_kill", 0))
        return 0

    def _sample(self) -> None:
        while not self._end.wait(_SAMPLE_SECONDS):
            self.peak_bytes = max(self.peak_bytes, self._now())

    def _now(self) -> int:
        if self._group is not None:
            with suppress(OSError, ValueError):
                text = (self._group / "memory.stat").read_text()
                stat = dict(line.split() for line in text.splitlines())
                return int(stat.get("anon", stat.get("rss", 0)))
        total = 0
        assert self._root is not None
        with suppress(psutil.Error):
            for process in (self._root, *self._root.children(recursive=True)):
                total += process.memory_info().rss
        return total
