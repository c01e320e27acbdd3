"""Who created or revoked API keys: lines of the audit log that the commands write."""

import fcntl
import os
import pwd
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from churn_pipeline.errors import ParameterError
from churn_pipeline.serving.audit.chain import ChainKey
from churn_pipeline.serving.audit.files import ChainedFiles
from churn_pipeline.serving.audit.records import event_record
from churn_pipeline.serving.identity.key_file import read_keys
from churn_pipeline.serving.settings import load_settings

LOG = "audit-cli"
_MAX_BYTES = 50_000_000
_FILES = 1000  # changes of keys are few and worth keeping


class WriteChange(Protocol):
    """Writes one change, chained by an audit key."""

    def __call__(self, event: str, audit_key: bytes | None, **fields: Any) -> None:
        """Write it."""


def folder_beside(keys: Path) -> Path:
    """Return the folder for changes of a file of keys where the audit log cannot be written."""
    return keys.with_name(f"{keys.name}.audit")


@contextmanager
def key_changes(keys: Path, folder: Path | None) -> Iterator[WriteChange]:
    """Make sure that changes can be written before keys are changed.

    Parameters
    ----------
    keys : Path
        File of the keys.
    folder : Path or None
        Of the audit log. Where there is none, or it cannot be written, as in a container that is
        given the keys alone, the lines go to the folder ``<file of keys>.audit``.

    Raises
    ------
    ParameterError
        If neither can be written.
    """
    lock = folder_used = None
    for candidate in filter(None, (folder, folder_beside(keys))):
        try:
            lock, folder_used = _locked(candidate), candidate
            break
        except OSError as error:
            problem = f"{candidate} cannot be written ({error.strerror})"
    if lock is None or folder_used is None:
        raise ParameterError(
            f"{problem}, so that nobody would know of the change; make it writable"
        )

    def write(event: str, audit_key: bytes | None, **fields: Any) -> None:
        files = ChainedFiles(folder_used, LOG, _MAX_BYTES, _FILES, ChainKey(audit_key))
        try:
            files.append([event_record(event, time.time(), {**_who(), **fields})])
        except OSError as error:
            raise ParameterError(
                f"the keys were changed, but {folder_used} could not be written "
                f"({error.strerror}); write down by hand who did it"
            ) from None
        finally:
            files.close()

    try:
        yield write
    finally:
        os.close(lock)


def _locked(folder: Path) -> int:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(folder / f".{LOG}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # a full disk takes no bytes, though it may take names
        os.pwrite(lock, b"\n" * 4096, 0)
    except OSError:
        os.close(lock)
        raise
    return lock


def _who() -> dict[str, str]:
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        user = str(os.getuid())
    behind = os.environ.get("SUDO_USER")
    return {
        "os_user": user,
        "host": os.uname().nodename,
        **({"sudo_user": behind} if behind else {}),
    }


@contextmanager
def audited(path: Path, file: Path | None) -> Iterator[WriteChange]:
    """Make sure that a change of a file can be written to the audit log of the settings.

    Parameters
    ----------
    path : Path
        Of what is changed.
    file : Path or None
        If the caller named it: then it is that of another service, or of none.
    """
    with key_changes(path, None if file else load_settings().audit_log) as write:
        yield write


def audit_key(path: Path) -> bytes | None:
    """Return the key of the audit log's hashes out of a file of API keys; None without one."""
    stored = read_keys(path)
    return None if stored is None else bytes.fromhex(stored.audit_key)
