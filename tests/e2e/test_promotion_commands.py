"""From one champion to the next, and back."""

import pytest

from tests.e2e.conftest import Project

pytestmark = pytest.mark.slow


def test_models_are_promoted_and_rolled_back(reproduced: Project) -> None:
    project = reproduced
    project.run("kedro", "model", "promote", "--reason", "seed 42")
    # other customers: with another split, the champion knew the test set
    project.run("kedro", "run", "--params=simulation.seed=43")
    project.run("kedro", "model", "promote", "--reason", "seed 43")
    listed = project.run("kedro", "model", "list").stdout.splitlines()
    assert "challenger, champion" in listed[1]
    assert "champion" not in listed[2]
    project.run("kedro", "model", "rollback", "--reason", "complaints")
    listed = project.run("kedro", "model", "list").stdout.splitlines()
    assert "challenger" in listed[1]
    assert "champion" in listed[2]
    history = project.run("kedro", "model", "history").stdout
    for words in ("seed 42", "seed 43", "complaints"):
        assert words in history
