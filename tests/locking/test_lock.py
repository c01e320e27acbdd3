"""One command at a time on the files of a data set."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from filelock import FileLock

from churn_pipeline.errors import ChurnPipelineError
from churn_pipeline.locking import BusyError, Place, hold, lock
from churn_pipeline.staging import staged_path
from tests.locking.holders import command, holder


@pytest.fixture
def north(tmp_path: Path) -> Place:
    return Place("north", tmp_path / "data/north")


def test_a_second_command_is_refused_with_the_first_ones_name(north: Place) -> None:
    with holder(north.folder) as (process, said):
        assert said == "held"
        with pytest.raises(BusyError) as refused, hold([north]):
            pass
    text = str(refused.value)
    assert text.startswith(
        f"another run of data set north is in progress (pid {process.pid}, python -c"
    )
    assert ", since 2" in text
    assert text.endswith("wait for it with --wait (or CHURN_WAIT=1), or stop it")


def test_another_data_set_is_free(north: Place, tmp_path: Path) -> None:
    with holder(north.folder), hold([Place("south", tmp_path / "data/south")]):
        pass


def test_a_killed_command_holds_nothing_and_its_leftovers_go(north: Place) -> None:
    folder = north.folder / "08_reporting"
    with holder(north.folder) as (process, _):
        folder.mkdir()
        named = staged_path(folder / "metrics.json").name.replace(str(os.getpid()), "{}")
        (folder / named.format(process.pid)).write_text("half")
        (folder / "bundle").mkdir()
        (folder / f".bundle.{process.pid}-0123abcd.old").mkdir()
        mine = folder / named.format(os.getpid())
        mine.write_text("at work")
        process.kill()
        process.wait()
        assert (north.folder / ".command.lock.json").exists()
        with hold([north], wait=False):
            assert sorted(folder.iterdir()) == [mine, folder / "bundle"]


def test_waiting_says_for_whom_and_again_now_and_then(
    north: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "_SECONDS_BETWEEN_MESSAGES", 0)
    monkeypatch.setenv("CHURN_WAIT", "1")
    with holder(north.folder) as (process, _):
        timer = threading.Timer(1.5, process.kill)
        timer.start()
        with hold([north]):
            assert process.wait() != 0
        timer.join()
    lines = capsys.readouterr().err.splitlines()
    first = f"waiting for another run of data set north (pid {process.pid}, python -c"
    assert len(lines) > 1
    assert all(line.startswith(first) for line in lines)
    assert lines[-1].endswith(" s so far")


def test_the_same_thread_may_ask_again_and_another_may_not(north: Place) -> None:
    found: list[str] = []

    def ask() -> None:
        try:
            with hold([north], wait=False):
                found.append("held")
        except BusyError as error:
            found.append(str(error))

    with hold([north]):
        with hold([north]):
            pass
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    assert f"pid {os.getpid()}" in found[0]
    ask()
    assert found[1] == "held"


def test_a_stage_works_under_the_lock_of_its_own_dvc_only(
    north: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def child(*environment: str, kind: str = "") -> str:
        with holder(north.folder, kind, "env", *environment, *command(north.folder)) as (
            process,
            said,
        ):
            assert said == "held"
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.close()
            return process.stdout.readline()

    assert child("DVC_STAGE=x") == "held\n"
    assert child("CHURN_PART_OF_A_COMMAND=1") == "held\n"
    # neither ancestry nor the variable is enough, nor both beside a process that writes itself
    assert child("-u", "DVC_STAGE").startswith("refused: another run")
    assert child("DVC_STAGE=x", kind="writes").startswith("refused: another run")
    with holder(north.folder, "starts others"):
        monkeypatch.setenv("DVC_STAGE", "x")
        with pytest.raises(BusyError), hold([north]):
            pass


_DVC = """
import subprocess, sys, time
from pathlib import Path
from churn_pipeline.locking import Place, hold
with hold([Place("north", Path(sys.argv[1]))], writes=False):
    subprocess.Popen(sys.argv[2:], env={{**__import__("os").environ, "DVC_STAGE": "x"}})
    time.sleep(60)
""".replace("{{", "{").replace("}}", "}")


@pytest.mark.parametrize("writes", [True, False])
def test_a_stage_that_survived_its_dvc_is_waited_for(north: Place, writes: bool) -> None:
    dvc = subprocess.Popen(
        [sys.executable, "-c", _DVC, str(north.folder), *command(north.folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert dvc.stdout is not None
    assert dvc.stdin is not None
    assert dvc.stdout.readline() == "held\n"  # the stage
    dvc.kill()
    dvc.wait()
    with pytest.raises(BusyError, match="in progress"), hold([north], writes=writes):
        pass
    dvc.stdin.close()  # the stage ends
    with hold([north], wait=True, writes=writes):
        pass


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EROFS, "cannot be written (Read-only file system)"),
        (errno.EACCES, "cannot be written (Permission denied)"),
        (errno.ENOLCK, "does not support locks (No locks available)"),
    ],
)
def test_a_folder_without_locks_is_one_sentence(
    north: Place, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(FileLock, "acquire", fail)
    with pytest.raises(ChurnPipelineError) as error, hold([north]):
        pass
    assert words in str(error.value)
    assert "\n" not in str(error.value)
