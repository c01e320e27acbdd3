"""The names of a log's files, and who may write to them."""

import errno
import fcntl
import itertools
import os
import re
from pathlib import Path

from churn_pipeline.errors import ParameterError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NAME = re.compile(r"(?P<log>[a-z]+-[a-z0-9]+)-(?P<number>\d{6,})\.jsonl")


def file_path(folder: Path, log: str, number: int) -> Path:
    """Return the path of a log's file."""
    return folder / f"{log}-{number:06}.jsonl"


def log_files(folder: Path) -> dict[str, dict[int, Path]]:
    """Return the files in a folder by log and number, in this order."""
    found: dict[str, dict[int, Path]] = {}
    names = (_NAME.fullmatch(path.name) for path in folder.iterdir())
    for log, number in sorted((n["log"], int(n["number"])) for n in names if n):
        found.setdefault(log, {})[number] = file_path(folder, log, number)
    return found


def claim(folder: Path, worker: int) -> tuple[int, int]:
    """Take the first name that no living process writes to; the worker's own if possible.

    Returns
    -------
    lock : int
        Descriptor that holds the name until it is closed.
    number : int
        Of the name.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    for number in itertools.chain([worker], itertools.count(1)):
        path = folder / f".worker-{number}.lock"
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
        except OSError:
            os.close(lock)
            raise
        else:
            return lock, number
    raise AssertionError  # the numbers never end


def check_folder(folder: Path) -> None:
    """Create the folder of the audit log when missing, and see whether it can be written.

    Raises
    ------
    ParameterError
        If it cannot; a full disk may have room again later.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise_unless_full(folder, error)


def raise_unless_full(folder: Path, error: OSError) -> None:
    """Raise ParameterError for what keeps a folder from being written, but for a full disk."""
    if error.errno not in _FULL:
        raise ParameterError(
            f"the audit log's folder {folder} cannot be written ({error.strerror}); name another "
            "by serving.audit_log"
        ) from None
