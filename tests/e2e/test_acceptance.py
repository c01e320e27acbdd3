"""From a model that fails a gate to one that is promoted, and back."""

import json
from collections.abc import Iterator

import pytest

from tests.e2e.conftest import STAGES, Project

pytestmark = pytest.mark.slow

LIMIT = "minimum_roc_auc: 0.6"


@pytest.fixture(scope="module")
def refused(reproduced: Project) -> Iterator[Project]:
    """A checkout whose model is not good enough."""
    reproduced.edit("params.yaml", LIMIT, "minimum_roc_auc: 0.999")
    result = reproduced.run("dvc", "repro", check=False)
    assert result.returncode != 0
    assert "FAIL" in result.stdout
    assert "is not accepted, it failed 1 gate: minimum_roc_auc" in result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    yield reproduced
    reproduced.run("git", "checkout", "-q", ".")
    reproduced.run("dvc", "checkout", *STAGES)


def test_a_failing_gate_exits_with_1_and_keeps_all_that_was_measured(refused: Project) -> None:
    assert refused.run("kedro", "run", "-p", "acceptance", check=False).returncode == 1
    for path in ("metrics.json", "economics.json", "fairness.json", "model_card.html"):
        assert (refused.root / "data/08_reporting" / path).is_file()
    gates = json.loads((refused.root / "data/08_reporting/gates.json").read_text("utf-8"))
    assert not gates["passed"]
    assert not (refused.root / "data/08_reporting/acceptance.json").exists()
    assert "acceptance" in refused.run("dvc", "status", "acceptance").stdout


def test_a_refused_model_is_not_promoted(refused: Project) -> None:
    result = refused.run("kedro", "model", "promote", "--reason", "hope", check=False)
    assert result.returncode == 1
    assert "minimum_roc_auc" in result.stderr


def test_models_are_promoted_and_rolled_back(project: Project) -> None:
    for seed in (42, 43):  # other customers: with another split, the champion knew the test side
        project.run("kedro", "run", f"--params=simulation.seed={seed}")
        project.run("kedro", "model", "promote", "--reason", f"seed {seed}")
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
