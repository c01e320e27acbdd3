"""Each start of the service has a folder of its own, which ends with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from churn_pipeline.serving.instance import VARIABLE
from tests.serving.support import ROOT

CODE = (
    "import os, sys\n"
    "from churn_pipeline.serving.instance import instance_folder\n"
    "folder = instance_folder()\n"
    "assert folder == instance_folder()\n"
    "(folder / 'metrics').mkdir()\n"
    "print(folder, flush=True); sys.stdin.readline()\n"
)


class Start:
    """A process that starts a service."""

    def __init__(self, temporary: Path, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", CODE],
            env={"PYTHONPATH": str(ROOT / "src"), "TMPDIR": str(temporary), **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.folder = Path(self.process.stdout.readline().strip())

    def end(self, with_signal: int | None = None) -> None:
        if with_signal is not None:
            self.process.send_signal(with_signal)
        self.process.communicate("end\n")


def test_starts_of_one_user_have_folders_of_their_own(tmp_path: Path) -> None:
    one = Start(tmp_path)
    two = Start(tmp_path, **{VARIABLE: str(one.folder)})
    assert one.folder != two.folder
    assert one.folder.parent == two.folder.parent == tmp_path / f"churn-{os.getuid()}"
    assert one.folder.stat().st_mode & 0o777 == 0o700
    two.end()
    assert one.folder.is_dir()
    assert not two.folder.exists()
    one.end()
    assert not one.folder.exists()


def test_what_a_killed_service_left_is_removed_by_the_next(tmp_path: Path) -> None:
    living, killed = Start(tmp_path), Start(tmp_path)
    killed.end(signal.SIGKILL)
    assert (killed.folder / "metrics").is_dir()
    following = Start(tmp_path)
    assert not killed.folder.exists()
    assert (living.folder / "metrics").is_dir()
    living.end()
    following.end()


@pytest.mark.parametrize("kind", ["file", "link", "link to nothing"])
def test_what_is_no_folder_does_not_keep_the_service_from_starting(
    tmp_path: Path, kind: str
) -> None:
    planted = tmp_path / f"churn-{os.getuid()}"
    if kind == "file":
        planted.touch()
    else:
        planted.symlink_to(tmp_path if kind == "link" else tmp_path / "nothing")
    start = Start(tmp_path)
    assert start.folder.is_absolute(), "it has not started"
    assert planted not in start.folder.parents
    start.end()


def test_a_folder_that_others_can_write_to_is_not_used(tmp_path: Path) -> None:
    planted = tmp_path / f"churn-{os.getuid()}"
    planted.mkdir()
    planted.chmod(0o777)
    start = Start(tmp_path)
    assert planted not in start.folder.parents
    start.end()
