"""Files that decide who may ask: read only if nobody else could have written them."""

import grp
import os
import pwd
import stat
from pathlib import Path

from churn_pipeline.errors import ChurnPipelineError

MAX_BYTES = 16_000_000
"""Larger files are refused: tens of thousands of keys are smaller."""

Signature = tuple[int, ...]

_MAX_LINKS = 40  # as Linux follows


class GuardedFileError(ChurnPipelineError):
    """A file that decides who may ask cannot be used; the message names it and the remedy."""


def read_guarded(path: Path) -> bytes:
    """Read a file that only the service's user or root could have written.

    Who may read it is left to its owner: a mounted secret is readable by a group or by all.
    A folder in which others can replace the file counts as if they could write the file.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    GuardedFileError
        If others could have written it, or it cannot be read.
    """
    try:
        _check_way(path)
        # without O_NONBLOCK a pipe of that name would be waited for
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise GuardedFileError(f"{path} is not a file; name another or remove it")
            _check_owner(path, status)
            _check_mode(path, status, f"chmod 600 {path}")
            with open(descriptor, "rb", closefd=False) as stream:
                content = stream.read(MAX_BYTES + 1)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise GuardedFileError(
            f"{path} cannot be read ({error.strerror}); the service's user must be allowed to"
        ) from None
    if len(content) > MAX_BYTES:
        raise GuardedFileError(f"{path} is larger than {MAX_BYTES:,} bytes; remove old entries")
    return content


def signature(path: Path) -> Signature | None:
    """Return what changes when a file is changed; None if there is none."""
    # ctime too, which changes when the file is made readable again
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


def _check_way(path: Path) -> None:
    """Refuse the file if others could replace it, or a link or folder on the way to it."""
    place = Path.cwd() / path  # not resolve(), which steps over the links
    direct, above = {place.parent.resolve()}, set(place.parents)
    for _ in range(_MAX_LINKS):
        if not place.is_symlink():
            break
        _check_owner(place, place.lstat())
        place = place.parent / place.readlink()
        direct.add(place.parent.resolve())
        above.update(place.parents)
    above.update(parent for folder in direct for parent in folder.parents)
    for folder in sorted(above | direct):
        _check_folder(folder, is_direct=folder.resolve() in direct)


def _check_folder(folder: Path, is_direct: bool) -> None:
    """Refuse a folder that others can write; one further up only if all others can."""
    try:
        status = folder.stat()
    except FileNotFoundError:
        return
    if status.st_mode & stat.S_ISVTX:  # others can add names, but not replace any
        if is_direct:
            _check_owner(folder, status)
        return
    if is_direct:
        _check_owner(folder, status)
        _check_mode(folder, status, f"chmod go-w {folder}")
    elif status.st_mode & stat.S_IWOTH:
        raise _writable(folder, status, f"chmod o-w {folder}")


def _check_owner(path: Path, status: os.stat_result) -> None:
    if status.st_uid not in (os.geteuid(), 0):
        raise GuardedFileError(
            f"{path} belongs to {_user(status.st_uid)}, who could let anybody in; run "
            f"`chown {_user(os.geteuid())} {path}`, or run this as {_user(status.st_uid)}"
        )


def _check_mode(path: Path, status: os.stat_result, remedy: str) -> None:
    others = status.st_mode & stat.S_IWOTH
    group = status.st_mode & stat.S_IWGRP
    if others or (group and not _is_private_group(path, status)):
        raise _writable(path, status, remedy)


def _writable(path: Path, status: os.stat_result, remedy: str) -> GuardedFileError:
    return GuardedFileError(
        f"{path} can be written by others (mode {stat.S_IMODE(status.st_mode):04o}), who could "
        f"let themselves in; run `{remedy}`"
    )


def _is_private_group(path: Path, status: os.stat_result) -> bool:
    """Say whether the group has no member but the owner, as where each user has a group."""
    if hasattr(os, "listxattr") and "system.posix_acl_access" in os.listxattr(path):
        return False  # the mode's bits of the group stand for everybody whom the list names
    try:
        owner = pwd.getpwuid(status.st_uid)
        members = set(grp.getgrgid(status.st_gid).gr_mem)
    except KeyError:
        return False
    members |= {user.pw_name for user in pwd.getpwall() if user.pw_gid == status.st_gid}
    return members == {owner.pw_name}


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
