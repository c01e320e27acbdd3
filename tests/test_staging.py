"""Names of files that are being written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from churn_pipeline import staging
from churn_pipeline.staging import remove_leftovers, replacing, replacing_folder, staged_path


def test_no_two_writers_meet(tmp_path: Path) -> None:
    target = tmp_path / "metrics.json"
    names = {staged_path(target).name for _ in range(100)}
    assert len(names) == 100
    assert all(name.startswith(f".metrics.json.{os.getpid()}-") for name in names)
    assert staged_path(target).parent == tmp_path


def test_what_the_dead_left_goes_and_all_else_stays(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    gone = [f".a.csv.{dead.pid}-0123abcd.partial", f".b.{dead.pid}-0123abcd.old", ".c.json.partial"]
    kept = [
        "b",
        staged_path(Path("a.csv")).name,
        ".gitignore",
        "a.partial",
        ".lock",
        ".a.csv.old",
        f".x.{dead.pid}",
    ]
    for name in [*gone, *kept]:
        (tmp_path / "deep" / name).mkdir(parents=True)
        (tmp_path / "deep" / name / "file").touch()
    (tmp_path / ".d.csv.partial").touch()
    remove_leftovers(tmp_path)
    assert sorted(path.name for path in (tmp_path / "deep").iterdir()) == sorted(kept)
    assert not (tmp_path / ".d.csv.partial").exists()


def test_a_file_is_replaced_whole_or_stays(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("before")
    with pytest.raises(FileNotFoundError), replacing(target) as staged:
        (staged / "not a folder").touch()
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert target.read_text() == "before"
    with replacing(target) as staged:
        staged.write_text("after")
    assert target.read_text() == "after"


@pytest.mark.parametrize("exchanges", [True, False])
def test_a_folder_is_replaced_whole_or_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchanges: bool
) -> None:
    if not exchanges:
        monkeypatch.setattr(staging, "_exchange", lambda _one, _other: False)
    folder = tmp_path / "bundle"
    for content in ("first", "second"):
        with replacing_folder(folder) as staged:
            (staged / content).touch()
        assert [path.name for path in folder.iterdir()] == [content]
    with pytest.raises(FileNotFoundError), replacing_folder(folder) as staged:
        (staged / "no folder" / "third").touch()
    assert [path.name for path in folder.iterdir()] == ["second"]
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_a_folder_whose_writer_died_between_two_renames_comes_back(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (tmp_path / f".bundle.{dead.pid}-0123abcd.old").mkdir()
    remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]
