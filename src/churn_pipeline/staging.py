"""Where a file is written before it is renamed over its target, and what killed writers left."""

import os
import re
import shutil
from collections.abc import Iterable
from glob import escape
from pathlib import Path
from uuid import uuid4

# without an id only what earlier versions left; ".old" alone may be somebody's own file
_LEFTOVER = re.compile(r"\..+?\.(?:(?P<pid>\d+)-[0-9a-f]{8}\.(?:partial|old)|partial)")


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
        if path.is_dir() and not path.is_symlink():
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
