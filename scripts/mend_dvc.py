"""Remove DVC's own state files that a killed `dvc` left half-written; `make repro` runs this first.

DVC writes `dvc.lock` (a data set's in its folder of `conf`) and `.dvc/tmp/rwlock` in place. A kill
within that write leaves a file that makes every later `dvc repro` fail. Without the files DVC runs
the stages again, or takes their results from its cache: nothing is lost but time. While another
command works on one of the data sets, nothing is removed: it may be writing just now.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import yaml
from dvc.rwlock import SCHEMA as RWLOCK_SCHEMA
from dvc.schema import COMPILED_LOCKFILE_SCHEMA
from voluptuous import Invalid

from churn_pipeline.locking import BusyError, all_places, hold

_SECONDS_OF_A_WRITE = 1.0

_Check = Callable[[str], object]

_CHECKS: dict[str, _Check] = {  # by the name of the file
    "dvc.lock": lambda text: COMPILED_LOCKFILE_SCHEMA(yaml.safe_load(text)),
    "rwlock": lambda text: RWLOCK_SCHEMA(json.loads(text)),
}


def _is_broken(path: Path) -> bool:
    try:
        _CHECKS[path.name](path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    except (ValueError, yaml.YAMLError, Invalid):
        return True
    return False


def mend(root: Path) -> list[str]:
    """Remove the broken state files and return their names; none while another command runs."""
    try:
        with hold(all_places(root), wait=False):
            return _mend(root)
    except BusyError:
        return []


def _mend(root: Path) -> list[str]:
    files = [root / "dvc.lock", *sorted(root.glob("conf/*/dvc.lock")), root / ".dvc/tmp/rwlock"]
    broken = [file for file in files if _is_broken(file)]
    if not broken:
        return []
    time.sleep(_SECONDS_OF_A_WRITE)  # a dvc that holds no lock of a data set may be writing them
    broken = [file for file in broken if _is_broken(file)]
    for file in broken:
        file.unlink()
    return [file.relative_to(root).as_posix() for file in broken]


if __name__ == "__main__":
    for name in mend(Path.cwd()):
        print(f"removed {name}, which a killed run had left half-written", file=sys.stderr)
