"""What `kedro undo` asks of git, and how it repairs what a killed experiment of DVC left in it."""

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

import psutil

from churn_pipeline.errors import UndoError

_EXECUTION = "refs/exps/exec/"  # DVC's notes of the experiment that runs in the workspace
_LEFT = ("EXEC_BASELINE", "EXEC_BRANCH", "EXEC_HEAD", "EXEC_MERGE")
_DETACHED = re.compile(r"checkout: moving from (.+) to [0-9a-f]+")


class Git:
    """The git repository that contains a project.

    Parameters
    ----------
    project : Path
        The project's root; paths are relative to it, also where it is a folder of the repository.

    Raises
    ------
    UndoError
        If it is not in a repository, or the repository has no commit.
    """

    def __init__(self, project: Path) -> None:
        self._project = project
        if self._run("rev-parse", "--git-dir", check=False) is None:
            raise UndoError(
                f"{project} is not a git repository, so there is no commit to return to; `make "
                "repro` creates the results of the current parameters"
            )
        if self._run("rev-parse", "--verify", "-q", "HEAD", check=False) is None:
            raise UndoError("nothing is committed yet, so there is nothing to return to")

    def committed(self, path: str) -> str | None:
        """Return the text of a file in the last commit; None if it is not in there."""
        return self._run("show", f"HEAD:./{path}", check=False)

    def tracked(self, paths: Iterable[str]) -> set[str]:
        """Return those of some paths that are files of the last commit."""
        wanted = set(paths)
        listed = self._run("ls-tree", "-r", "-z", "--name-only", "HEAD", "--", ".") or ""
        return wanted.intersection(listed.split("\0"))

    def changed(self, paths: Iterable[str]) -> list[str]:
        """Return those of some paths that differ from the last commit, in the index or outside."""
        wanted = sorted(paths)
        if not wanted:
            return []
        listed = self._run("diff", "--name-only", "--relative", "-z", "HEAD", "--", *wanted) or ""
        staged = self._run("diff", "--cached", "--name-only", "--relative", "-z", "HEAD", "--",
                           *wanted) or ""  # fmt: skip
        return sorted({*listed.split("\0"), *staged.split("\0")} - {""})

    def restore(self, paths: Iterable[str]) -> None:
        """Bring files to what they are in the last commit, in the index as well."""
        wanted = sorted(paths)
        if wanted:
            self._remove_dead_lock()
            self._run("checkout", "-q", "HEAD", "--", *wanted)

    def added(self, folder: str) -> list[str]:
        """Return the files of a folder that the index has and the last commit has not."""
        listed = self._run("diff", "--cached", "--name-only", "--diff-filter=A", "--relative", "-z",
                           "HEAD", "--", folder) or ""  # fmt: skip
        return sorted({*listed.split("\0")} - {""})

    def forget(self, paths: Iterable[str]) -> None:
        """Take files out of the index; they stay where they are."""
        wanted = sorted(paths)
        if wanted:
            self._remove_dead_lock()
            self._run("rm", "-q", "--cached", "--ignore-unmatch", "--", *wanted)

    def stashes(self) -> int:
        """Return how many entries `git stash list` has."""
        return len((self._run("stash", "list") or "").splitlines())

    def lost_branch(self) -> str | None:
        """Return the branch that a killed `dvc exp run` detached from its commit, if one did."""
        head = self._run("rev-parse", "HEAD")
        if self._run("symbolic-ref", "-q", "HEAD", check=False) is not None:
            return None
        if self._run("rev-parse", "-q", "--verify", f"{_EXECUTION}EXEC_HEAD", check=False) != head:
            return None
        moved = self._run("reflog", "-1", "--format=%gs", "HEAD", check=False) or ""
        branch = found[1] if (found := _DETACHED.fullmatch(moved.strip())) else None
        there = self._run("rev-parse", "-q", "--verify", f"refs/heads/{branch}", check=False)
        return branch if branch and there == head else None

    def end_killed_experiment(self) -> None:
        """Return to the branch of :meth:`lost_branch` and forget the experiment; moves no file."""
        branch = self.lost_branch()
        if branch:
            self._run("symbolic-ref", "-m", "kedro undo", "HEAD", f"refs/heads/{branch}")
        for name in _LEFT:
            self._run("update-ref", "-d", f"{_EXECUTION}{name}", check=False)

    def _remove_dead_lock(self) -> None:
        """Remove ``index.lock`` if no process has it open: a killed one left it."""
        name = self._run("rev-parse", "--git-path", "index.lock") or ""
        lock = self._project / name.strip()
        if lock.exists() and not _is_open(lock.resolve()):
            lock.unlink(missing_ok=True)

    def _run(self, *arguments: str, check: bool = True) -> str | None:
        try:
            done = subprocess.run(
                ["git", *arguments],
                cwd=self._project,
                capture_output=True,
                text=True,
                encoding="utf-8",
                errors="surrogateescape",
                check=False,
            )
        except OSError:
            raise UndoError("git is not installed, so there is no commit to return to") from None
        if done.returncode == 0:
            return (
                done.stdout if arguments[0] in ("show", "ls-tree", "diff") else done.stdout.strip()
            )
        if check:
            said = " ".join(done.stderr.split())
            raise UndoError(f"`git {arguments[0]}` failed: {said}")
        return None


def _is_open(path: Path) -> bool:
    for process in psutil.process_iter():
        try:
            if any(file.path == str(path) for file in process.open_files()):
                return True
        except (psutil.Error, OSError):
            continue
    return False
