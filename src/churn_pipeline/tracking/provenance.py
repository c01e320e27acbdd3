"""Which code and which files a run was made of."""

import hashlib
import os
import subprocess
from pathlib import Path

_RESULTS = ("data", "dvc.lock")  # a run writes them itself


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def pointer_tags(name: str, path: Path, project: Path) -> dict[str, str]:
    """Say where a file is and what is in it, of one that holds customers and is never copied.

    Returns
    -------
    dict of str to str
        ``NAME_path``, from the project's root where the file is below it, and ``NAME_sha256``.
    """
    here, root = path.absolute(), project.absolute()
    shown = here.relative_to(root) if here.is_relative_to(root) else here
    return {f"{name}_path": shown.as_posix(), f"{name}_sha256": file_sha256(path)}


def code_tags(project: Path) -> dict[str, str]:
    """Return the git commit and the name of the DVC experiment, as far as there are any.

    Returns
    -------
    dict of str to str
        ``git_commit``; ``git_dirty`` (``true`` where anything but the results of runs differs from
        the commit); ``dvc_experiment``.
    """
    tags = {}
    # an experiment runs on a commit of DVC's own making
    commit = os.environ.get("DVC_EXP_BASELINE_REV") or _git(project, "rev-parse", "HEAD")
    changes = _git(project, "status", "--porcelain", "--", ".", *(f":!{p}" for p in _RESULTS))
    if commit and changes is not None:
        tags = {"git_commit": commit, "git_dirty": "true" if changes else "false"}
    if experiment := os.environ.get("DVC_EXP_NAME"):
        tags["dvc_experiment"] = experiment
    return tags


def git_user(project: Path) -> str | None:
    """Return the name that git signs commits with; None where it knows none."""
    return _git(project, "config", "user.name") or None


def _git(project: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=project, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
