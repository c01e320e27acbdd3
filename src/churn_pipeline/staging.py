"""Files and folders that appear whole or not at all, and what killed writers left of them."""

import ctypes
import fcntl
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from uuid import uuid4

# without an id only what earlier versions left; ".old" alone may be somebody's own file
_LEFTOVER = re.compile(
    r"\.(?P<target>.+?)\.(?:(?P<pid>\d+)-[0-9a-f]{8}\.(?P<ending>partial|old)|partial)"
)
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # of Linux, renameat2(2)


@contextmanager
def exclusive(target: Path) -> Iterator[None]:
    """Let one process at a time change a file, so that none loses what another wrote.

    Creates the folder when missing; only this user can use the lock.
    """
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = target.with_name(f".{target.name}.lock")
    file = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield a hidden path to write; it takes the place of ``target`` unless the block fails."""
    staged = staged_path(target)
    try:
        yield staged
        staged.replace(target)
    finally:
        staged.unlink(missing_ok=True)


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Yield a new hidden folder to fill; it takes the place of ``folder`` unless the block fails.

    Where the file system can exchange two names (ext4, xfs, btrfs, tmpfs and others of Linux), the
    folder is there at every moment. Elsewhere it is missing between two renames; if this process is
    killed there, the next writer or :func:`remove_leftovers` brings the former folder back.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    staged = staged_path(folder)
    staged.mkdir()
    try:
        yield staged
        if not folder.exists():
            staged.rename(folder)
        elif not _exchange(staged, folder):
            former = staged_path(folder, "old")
            folder.rename(former)
            staged.rename(folder)
            shutil.rmtree(former, ignore_errors=True)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names at once; False where the system cannot."""
    renameat2 = getattr(ctypes.CDLL(None), "renameat2", None)
    if renameat2 is None:
        return False
    names = os.fsencode(one), os.fsencode(other)
    done: int = renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE)
    return done == 0


def staged_path(target: Path, ending: str = "partial") -> Path:
    """Return a hidden path beside ``target`` that no other writer uses, now or later.

    The name holds the id of this process, by which others know whether its writer may still be at
    work. What killed writers left of the same target is removed.
    """
    _remove(target.parent.glob(f".{escape(target.name)}.*"))
    return target.with_name(f".{target.name}.{os.getpid()}-{uuid4().hex[:8]}.{ending}")


def remove_leftovers(folder: Path) -> None:
    """Remove the staged files and folders below ``folder`` whose writers are gone."""
    _remove(folder.rglob(".*"))


def _remove(paths: Iterable[Path]) -> None:
    for path in list(paths):
        match = _LEFTOVER.fullmatch(path.name)
        if match is None or (match["pid"] and _is_alive(int(match["pid"]))):
            continue
        target = path.with_name(match["target"])
        if match["ending"] == "old" and not target.exists():  # killed between two renames
            path.rename(target)
        elif path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # of another user
        return True
    return True
