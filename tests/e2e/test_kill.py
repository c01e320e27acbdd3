"""A run killed at any moment is finished by the next one, to the same bytes."""

import random

import pytest

from benchmarks.move_copy_kill import kill_after
from scripts.repair_dvc import repair
from tests.e2e.conftest import Project, environment
from tests.sizes import size

pytestmark = pytest.mark.slow


def test_killed_runs_end_in_the_same_bytes(project: Project, reproduced: Project) -> None:
    generator = random.Random(7)
    kills = 0
    for _ in range(size(1, 3)):
        moment = generator.uniform(1, 15)
        kills += kill_after(["dvc", "repro"], moment, project.root, environment())
        repair(project.root)
    project.run("dvc", "repro")
    assert kills >= 1
    assert project.checksums() == reproduced.checksums()
