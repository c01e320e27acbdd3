"""The lock of a data set: the kernel's, so that it ends with the process that holds it.

There are two files in the folder of a data set. ``.command.lock`` is locked by the command that
somebody gave, for as long as it runs: a ``dvc repro``, say, also between its stages.
``.writer.lock`` is locked by the process that writes: the same one, or a stage that DVC started.
A stage knows its command by ancestry; and since it has a lock of its own, nobody starts beside a
stage that survived its killed command, nor can two stages of one command meet.
"""

import errno
import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from churn_pipeline.errors import ChurnPipelineError
from churn_pipeline.locking.holder import Holder
from churn_pipeline.locking.places import Place
from churn_pipeline.staging import remove_leftovers

WAIT = "CHURN_WAIT"
_PART = "CHURN_PART_OF_A_COMMAND"

_COMMAND, _WRITER = ".command.lock", ".writer.lock"
_POLL_SECONDS = 0.2
_SECONDS_BETWEEN_MESSAGES = 30.0
_SECONDS_UNTIL_NAMED = 0.5  # between taking a lock and saying who did
_NAMELESS = "which has not given its name yet"
_NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK)
_LAYERS = "[0-9][0-9]_*"  # Kedro's; other folders in a data set's may be other data sets


class BusyError(ChurnPipelineError):
    """Another command is at work on the data set; the message names it and the remedy."""


@dataclass
class _Held:
    pid: int
    thread: int
    depth: int


_held: dict[Path, _Held] = {}  # by this process, which may ask for a lock again while it has it


def _wants_to_wait() -> bool:
    return os.environ.get(WAIT, "").lower() not in ("", "0", "false", "no")


@contextmanager
def hold(
    places: Iterable[Place],
    *,
    wait: bool | None = None,
    writes: bool = True,
    option: str = "--wait",
) -> Iterator[None]:
    """Be the only command that works on data sets, until the end of the block.

    The same thread may hold what it holds already.

    Parameters
    ----------
    places : iterable of Place
    wait : bool, optional
        Whether to wait until other commands have ended; by default as the environment says.
    writes : bool
        Whether this process writes the files; else processes do that it starts (DVC's stages).
    option : str
        How the command is asked to wait, for messages.

    Raises
    ------
    BusyError
        If another command is at work and ``wait`` is False.
    ChurnPipelineError
        If the folder cannot be written or knows no locks.
    """
    wait = _wants_to_wait() if wait is None else wait
    with ExitStack() as stack:
        # everybody in the same order, or two could wait for each other
        for place in sorted(places, key=lambda place: place.folder):
            stack.enter_context(_hold_one(place, wait, writes, option))
        yield


@contextmanager
def _hold_one(place: Place, wait: bool, writes: bool, option: str) -> Iterator[None]:
    held = _held.get(place.folder)
    if held and (held.pid, held.thread) == (os.getpid(), threading.get_ident()):
        held.depth += 1
        try:
            yield
        finally:
            held.depth -= 1
        return
    with ExitStack() as stack:
        _acquire(place, wait, writes, option, stack)
        _held[place.folder] = _Held(os.getpid(), threading.get_ident(), 1)
        stack.callback(_held.pop, place.folder)
        yield


def _acquire(place: Place, wait: bool, writes: bool, option: str, stack: ExitStack) -> None:
    start = time.monotonic()
    said: float | None = None
    while True:
        with ExitStack() as attempt:
            other = _attempt(place.folder, writes, attempt)
            if other is None:
                stack.enter_context(attempt.pop_all())
                return
        now = time.monotonic()
        if isinstance(other, str) and now - start < _SECONDS_UNTIL_NAMED:
            time.sleep(_POLL_SECONDS / 4)
            continue
        if not wait:
            variable = f"{WAIT}=1"
            ways = variable if option == variable else f"{option} (or {variable})"
            raise BusyError(
                f"another run of {place.title} is in progress ({other}); wait for it with {ways}, "
                "or stop it"
            )
        if said is None or now - said >= _SECONDS_BETWEEN_MESSAGES:
            said = now
            waited = f", for {now - start:.0f} s so far" if now - start > 1 else ""
            sys.stderr.write(f"waiting for another run of {place.title} ({other}){waited}\n")
            sys.stderr.flush()
        time.sleep(_POLL_SECONDS)


def _attempt(folder: Path, writes: bool, stack: ExitStack) -> Holder | str | None:
    """Take the locks; return None, or who has one of them, as far as that is known."""
    has_command = _take(folder / _COMMAND, stack)
    if not has_command:
        holder = Holder.read(_named(folder / _COMMAND))
        if holder is None or not (_is_part() and holder.is_ancestor):
            return holder or _NAMELESS
    with ExitStack() as trial:
        if not _take(folder / _WRITER, trial):
            return Holder.read(_named(folder / _WRITER)) or _NAMELESS
        if has_command:
            for layer in folder.glob(_LAYERS):
                remove_leftovers(layer)
        if writes:
            stack.enter_context(trial.pop_all())
    return None


def _take(file: Path, stack: ExitStack) -> bool:
    """Take one lock, unless somebody has it, and say who did."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(file, thread_local=False)
        lock.acquire(blocking=False)
    except Timeout:
        return False
    except OSError as error:
        raise _unusable(file, error) from None
    stack.callback(lock.release)
    stack.callback(_named(file).unlink, missing_ok=True)
    try:
        Holder.this_process().write(_named(file))
    except OSError as error:
        raise _unusable(file, error) from None
    return True


def _unusable(file: Path, error: OSError) -> ChurnPipelineError:
    if error.errno in _NO_LOCKS:
        return ChurnPipelineError(
            f"the file system of {file.parent} does not support locks ({error.strerror}), so two "
            "commands could mix their results; move the data set to another file system"
        )
    return ChurnPipelineError(
        f"{file} cannot be written ({error.strerror}), and no command can work on a data set "
        "without this lock; make its folder writable"
    )


def environment_of_parts() -> dict[str, str]:
    """Return the environment of a child that works under this process's lock."""
    return {**os.environ, _PART: "1"}


def _is_part() -> bool:
    return "DVC_STAGE" in os.environ or _PART in os.environ  # the first by DVC, for its stages


def _named(lock: Path) -> Path:
    return lock.with_name(f"{lock.name}.json")
