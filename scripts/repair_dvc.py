"""Make the DVC project of a data set fit to run and print its folder; `make repro` runs this first.

DVC writes `dvc.lock` and `.dvc/tmp/rwlock` in place. A kill within that write leaves a file that
makes every later `dvc repro` fail, so broken ones are removed: without them DVC runs the stages
again, or takes their results from its cache. Nothing is lost but time.
While another command works on the data set, nothing is removed: it may be writing just now.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import yaml
from dvc.rwlock import SCHEMA as RWLOCK_SCHEMA
from dvc.schema import COMPILED_LOCKFILE_SCHEMA
from voluptuous import Invalid

from churn_pipeline.datasets.dvc_project import former_data_sets
from churn_pipeline.environments import dvc_root, dvc_yaml_path, params_name
from churn_pipeline.errors import ChurnPipelineError
from churn_pipeline.locking import BusyError, hold, place

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


def repair(root: Path) -> list[str]:
    """Remove the broken state files of a DVC project and return their names."""
    files = [root / "dvc.lock", root / ".dvc/tmp/rwlock"]
    broken = [file for file in files if _is_broken(file)]
    if not broken:
        return []
    time.sleep(_SECONDS_OF_A_WRITE)  # a dvc that holds no lock of a data set may be writing them
    broken = [file for file in broken if _is_broken(file)]
    for file in broken:
        file.unlink()
    return [file.relative_to(root).as_posix() for file in broken]


def obstacle(project: Path, env: str | None) -> str | None:
    """Return why `dvc repro` of a data set would fail or run the wrong stages, and the remedy."""
    if not is_in_git(project) and not _is_without_git(project):
        return (
            f"{project} is not a git repository, which DVC needs: run `git init && git add -A && "
            "git commit -m Start` there, or, to use no git, `dvc config --local core.no_scm true`"
        )
    former = former_data_sets(project)
    name = params_name(project, env)
    for other in former if not name else [name]:
        if other in former or not dvc_yaml_path(project, other).exists():
            folder = dvc_root(project, other).relative_to(project).as_posix()
            where = f"in conf/{other} instead of in {folder}" if other in former else "missing"
            return (
                f"the stages of data set {other} are {where}; run `kedro dvc-yaml --env {other}`, "
                f"which writes them to {folder}"
            )
    return None


def is_in_git(folder: Path) -> bool:
    """Whether a folder is in a git repository; worktrees and submodules count."""
    return any((parent / ".git").exists() for parent in (folder, *folder.parents))


def _is_without_git(project: Path) -> bool:
    from dvc.config import Config

    no_scm: bool = Config(str(project / ".dvc"), validate=False)["core"].get("no_scm", False)
    return no_scm


def main(env: str | None) -> int:
    """Repair, and print the folder that `dvc` has to run in; return the exit status."""
    project = Path.cwd()
    try:
        problem = obstacle(project, env)
        folder = dvc_root(project, env)
    except ChurnPipelineError as error:
        problem = str(error)
    if problem:
        print(f"Error: {problem}", file=sys.stderr)
        return 1
    try:
        with hold([place(project, env)], wait=False):
            repaired = repair(folder)
    except BusyError:
        repaired = []
    except ChurnPipelineError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    for name in repaired:
        print(f"removed {name}, which a killed run had left half-written", file=sys.stderr)
    print(folder)
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("env", nargs="?", help="the data set; by default the built-in one")
    sys.exit(main(parser.parse_args().env))
