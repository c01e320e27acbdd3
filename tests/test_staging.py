"""Names of files that are being written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from churn_pipeline.staging import remove_leftovers, staged_path


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
