"""Return the parameters and results of one data set to the last commit, all results or none."""

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml

from churn_pipeline.datasets.git import Git
from churn_pipeline.environments import dvc_root, params_file
from churn_pipeline.errors import ParameterError, UndoError
from churn_pipeline.locking import environment_of_parts

_LOCK = "dvc.lock"
_OWN = ".dvc/tmp"  # where DVC keeps its own files, of which an experiment adds some to git's index


@dataclass(frozen=True)
class Undo:
    """What going back to the last commit would do to a data set; paths from the project's root.

    Attributes
    ----------
    project, folder : Path
        The root of the project, and of the DVC project of the data set.
    parameters : list of str
        The params file, if it differs from the commit.
    results : list of str
        Results and the lock that differ from the commit.
    surplus : list of str
        Results that the commit does not have.
    unsaved : list of str
        Those of both whose present content is in no cache: it cannot be brought back.
    missing : list of str
        Results of the commit that are nowhere here. If there are any, no result is touched.
    staged : list of str
        Files of DVC's own that a killed experiment left in git's index.
    branch : str or None
        The branch that a killed experiment left.
    stashes : int
        How many entries `git stash` holds; a killed experiment may leave edits there.
    stages : list of str
        The stages of the committed lock.
    hashes : mapping of str to str
        The MD5 in the commit of those results that are in DVC's cache.
    """

    project: Path
    folder: Path
    parameters: list[str]
    results: list[str]
    surplus: list[str]
    unsaved: list[str]
    missing: list[str]
    staged: list[str]
    branch: str | None
    stashes: int
    stages: list[str]
    hashes: Mapping[str, str]

    @property
    def is_needed(self) -> bool:
        """Whether anything differs from the commit."""
        return bool(self.parameters or self.results or self.surplus or self.staged or self.branch)

    def apply(self) -> None:
        """Go back. If it is killed, doing it again ends in the same files.

        Raises
        ------
        UndoError
            If git or DVC fails.
        """
        git = Git(self.project)
        git.end_killed_experiment()
        git.forget(self.staged)
        git.restore(self.parameters)
        if self.missing or not (self.results or self.surplus):
            return
        for path in self.surplus:
            _remove(self.project / path)
        lock = (self.folder / _LOCK).relative_to(self.project).as_posix()
        in_git = git.tracked([lock, *self.results])
        git.restore(in_git)
        # missing may be what dvc.yaml has by now and the commit had not
        options = ("--force", "--quiet", "--allow-missing")
        command = [sys.executable, "-m", "dvc", "checkout", *options, *self.stages]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=environment_of_parts(),
            capture_output=True,
            text=True,
            check=False,
        )
        cache = _Cache(self.folder)
        left = [
            path
            for path, md5 in self.hashes.items()
            if not cache.is_present(self.project / path, md5)
        ]
        if done.returncode or left:
            said = " ".join([*done.stderr.split(), *left])
            raise UndoError(
                f"`dvc checkout` failed, so run `make repro` to create the results: {said}"
            )


def plan_undo(project: Path, env: str | None) -> Undo:
    """Find what differs from the last commit; changes nothing but DVC's cache.

    Where results of the commit are not in the cache, and a remote of DVC is configured, they are
    fetched.

    Raises
    ------
    UndoError
        If there is no commit, or a `dvc` is at work on the data set.
    DatasetNameError
        If there is no such data set.
    """
    git = Git(project)
    params = params_file(project, env).relative_to(project).as_posix()
    folder = _dvc_root(project, env, git.committed(params))
    _refuse_if_at_work(folder)
    prefix = folder.relative_to(project)
    committed = _outputs(git.committed((prefix / _LOCK).as_posix()), prefix)
    cache = _Cache(folder)
    in_git = git.tracked([(prefix / _LOCK).as_posix(), *committed])
    changed_in_git = git.changed(in_git)
    changed = {
        path: md5
        for path, md5 in committed.items()
        if path not in in_git and not cache.is_present(project / path, md5)
    }
    missing = [path for path, md5 in changed.items() if not cache.holds(md5)]
    if missing and cache.fetch():
        missing = [path for path, md5 in changed.items() if not cache.holds(md5)]
    surplus = _surplus(folder, prefix, committed) if committed else []
    touched = [*changed, *surplus]
    return Undo(
        project,
        folder,
        git.changed([params]),
        sorted({*changed_in_git, *changed}),
        surplus,
        [path for path in touched if not cache.has_saved(project / path)],
        missing if committed else [(prefix / _LOCK).as_posix()],
        git.added((prefix / _OWN).as_posix()),
        git.lost_branch(),
        git.stashes(),
        _stages(git.committed((prefix / _LOCK).as_posix()), folder),
        changed,
    )


def _dvc_root(project: Path, env: str | None, committed: str | None) -> Path:
    """Return the root of the DVC project; where the params file is broken, the committed one's."""
    try:
        return dvc_root(project, env)
    except ParameterError:
        section = _document(committed).get("dataset")
        folder = section.get("folder") if isinstance(section, dict) else None
        found = (project / str(folder)).resolve()
        if folder is None or not found.is_relative_to(project.resolve()):
            raise
        return project / found.relative_to(project.resolve())


class _Cache:
    """DVC's cache of a data set."""

    def __init__(self, folder: Path) -> None:
        from dvc.repo import Repo  # a second that other commands need not spend

        self._repo = Repo(str(folder))
        self._odb = self._repo.cache.local

    def holds(self, md5: str) -> bool:
        """Tell whether a file or all files of a folder are in it."""
        if not Path(self._odb.oid_to_path(md5)).is_file():
            return False
        return all(
            Path(self._odb.oid_to_path(child)).is_file() for child in self._tree(md5).values()
        )

    def is_present(self, path: Path, md5: str) -> bool:
        """Tell whether the workspace has that very content."""
        if not md5.endswith(".dir"):
            return path.is_file() and _md5(path) == md5
        if not path.is_dir() or not Path(self._odb.oid_to_path(md5)).is_file():
            return False
        return {name: _md5(path / name) for name in _files(path)} == self._tree(md5)

    def has_saved(self, path: Path) -> bool:
        """Tell whether the present content can be had from it; true if there is none."""
        files = [path / name for name in _files(path)] if path.is_dir() else [path]
        return all(not file.exists() or self.holds(_md5(file)) for file in files)

    def fetch(self) -> bool:
        """Fetch the results of the last commit from the remote; False if there is none."""
        from dvc.exceptions import DvcException

        if not self._repo.config["core"].get("remote"):
            return False
        try:
            self._repo.fetch(revs=["HEAD"])
        except DvcException:
            return True  # some may have come
        return True

    def _tree(self, md5: str) -> dict[str, str]:
        if not md5.endswith(".dir"):
            return {}
        entries = json.loads(Path(self._odb.oid_to_path(md5)).read_text(encoding="utf-8"))
        return {entry["relpath"]: entry["md5"] for entry in entries}


def _outputs(lock: str | None, prefix: Path) -> dict[str, str]:
    """Return the MD5 of every output of a lock file, by its path from the project's root."""
    return {
        (prefix / out["path"]).as_posix(): str(out.get("md5", ""))
        for stage in _document(lock).get("stages", {}).values()
        for out in stage.get("outs", ())
    }


def _stages(lock: str | None, folder: Path) -> list[str]:
    """Return the stages of a lock file that ``dvc.yaml`` still has."""
    present = _document(_text(folder / "dvc.yaml")).get("stages", {})
    return [name for name in _document(lock).get("stages", {}) if name in present]


def _surplus(folder: Path, prefix: Path, committed: Mapping[str, str]) -> list[str]:
    """Return outputs that are there but not in the commit: of present stages or the last run."""
    known = set()
    for stage in _document(_text(folder / "dvc.yaml")).get("stages", {}).values():
        for key in ("outs", "metrics"):
            for entry in stage.get(key, ()):
                known.add(prefix / (next(iter(entry)) if isinstance(entry, dict) else entry))
    known |= {Path(path) for path in _outputs(_text(folder / _LOCK), prefix)}
    project = folder.parents[len(prefix.parts) - 1] if prefix.parts else folder
    surplus = {path.as_posix() for path in known if (project / path).exists()}
    return sorted(surplus - committed.keys())


def _document(text: str | None) -> dict[str, Any]:
    try:
        document = yaml.safe_load(text or "")
    except yaml.YAMLError:  # half-written
        return {}
    return document if isinstance(document, dict) else {}


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _refuse_if_at_work(folder: Path) -> None:
    """Look into DVC's list of who reads and writes what; those that were killed stay in it."""
    try:
        locks = json.loads((folder / ".dvc/tmp/rwlock").read_text(encoding="utf-8"))
        holders = [*locks.get("write", {}).values()]
        holders += [one for many in locks.get("read", {}).values() for one in many]
    except (OSError, ValueError, AttributeError):
        return
    for holder in holders:
        if psutil.pid_exists(holder["pid"]):
            raise UndoError(
                f"`{Path(holder['cmd']).name}` is working on this data set (pid {holder['pid']}); "
                "wait until it has finished, or stop it"
            )


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _files(folder: Path) -> Iterator[str]:
    return (
        path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()
    )


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
