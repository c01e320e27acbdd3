"""One start of the service beside others on the machine: its name, and a folder that ends with it.

The folder holds what only makes sense while the service runs, on a local disk or in memory: the
files of the metrics, the rates of the keys. (BentoML keeps the metrics of all services of a user in
one folder, which each start empties.)
"""

import atexit
import fcntl
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import MutableMapping
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

VARIABLE = "CHURN_SERVICE_FOLDER"
_WORKER_MODULE = "_bentoml_impl.worker.service"


def instance_folder(environ: MutableMapping[str, str] = os.environ) -> Path:
    """Return the folder of this start; its name is that of the start.

    Workers inherit it from the process that starts them. Any other process makes one of its own,
    whatever its environment says, and removes it when it ends; what killed services left is removed
    as well.
    """
    inherited = environ.get(VARIABLE)
    if inherited is not None and _is_worker():
        _hold(Path(inherited))
        return Path(inherited)
    pid = os.getpid()
    if inherited is not None and Path(inherited).name.startswith(f"{pid}-"):
        return Path(inherited)  # imported twice
    parent = _parent()
    _sweep(parent)
    folder = parent / f"{pid}-{uuid4().hex[:8]}"
    _hold(folder)
    environ[VARIABLE] = str(folder)

    def remove() -> None:
        if os.getpid() == pid:  # not in a fork of this process
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder


def _is_worker() -> bool:
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return spec is not None and spec.name == _WORKER_MODULE


def _parent() -> Path:
    """Return the folder of all starts of this user; another one if somebody else made that."""
    folder = Path(tempfile.gettempdir()) / f"churn-{os.getuid()}"
    with suppress(FileExistsError):  # whatever it is, a file or a dangling link too
        folder.mkdir(mode=0o700)
    status = folder.lstat()
    is_safe = stat.S_ISDIR(status.st_mode) and not status.st_mode & 0o022
    if is_safe and status.st_uid == os.getuid():
        return folder
    return Path(tempfile.mkdtemp(prefix="churn-"))


def _hold(folder: Path) -> None:
    """Make the folder and lock it for as long as this process lives.

    The lock tells other starts, and systemd-tmpfiles, that the folder is in use.
    """
    while True:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(file, fcntl.LOCK_SH)
            if os.fstat(file).st_ino == folder.stat().st_ino:
                return
            os.close(file)
        except FileNotFoundError:
            pass  # swept before it was locked


def _sweep(parent: Path) -> None:
    for folder in parent.iterdir():
        try:
            file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            pass  # in use
        else:
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(file)
