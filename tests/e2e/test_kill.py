"""A run killed at any moment is finished by the next one, to the same bytes."""

import random
from pathlib import Path

import pytest

from benchmarks.move_copy_kill import kill_after
from scripts.repair_dvc import repair
from tests.e2e.conftest import Project, copy_project, environment
from tests.sizes import is_full, size

pytestmark = pytest.mark.slow


def test_killed_runs_end_in_the_same_bytes(reproduced: Project, tmp_path: Path) -> None:
    if is_full():
        project, command, kills = copy_project(tmp_path / "project"), ["dvc", "repro"], 3
    else:  # where all stages have run, so that only what the kill stopped has to run again
        project, command, kills = reproduced, ["dvc", "repro", "--force"], 1
    expected = reproduced.checksums()
    generator, earliest = random.Random(7), size(8, 1)  # where all have run, DVC starts with checks
    killed = 0
    for _ in range(kills):
        moment = generator.uniform(earliest, 15)
        killed += kill_after(command, moment, project.root, environment())
        repair(project.root)
    project.run("dvc", "repro")
    assert killed >= 1
    assert project.checksums() == expected
