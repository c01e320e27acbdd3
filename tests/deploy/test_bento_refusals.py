"""What does not become a Bento, and how that is said."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.repo import Repo

from churn_pipeline.errors import BundleError, ChurnPipelineError, GateError
from scripts.build_bento import BentoError, changed_since, check, packed_files
from tests.deploy.conftest import build


def gates_file(project: Path) -> Path:
    return project / "data/08_reporting/gates.json"


def refusals() -> Iterator[Any]:
    def no_bundle(project: Path) -> None:
        (project / "data/06_models/bundle").rename(project / "moved")

    def tampered(project: Path) -> None:
        with (project / "data/06_models/bundle/model.onnx").open("ab") as file:
            file.write(b"\0")

    def not_judged(project: Path) -> None:
        gates_file(project).unlink()

    def damaged(project: Path) -> None:
        gates_file(project).write_text("[")

    def other_model(project: Path) -> None:
        gates_file(project).write_text('{"scorer": "0123456789ab", "gates": []}')

    def failed_later(project: Path) -> None:
        gates = json.loads(gates_file(project).read_text())
        gates["gates"] = [{"gate": "no_regression", "limit": True, "value": None, "passed": False}]
        gates_file(project).write_text(json.dumps(gates))
        left = gates_file(project).with_name("acceptance.json")
        left.write_text('{"champion": "logistic_regression", "gates_passed": 4}')

    yield pytest.param(no_bundle, BundleError, "data/06_models/bundle", id="no bundle")
    yield pytest.param(tampered, BundleError, "model.onnx", id="tampered")
    yield pytest.param(not_judged, GateError, "gates.json is missing", id="not judged")
    yield pytest.param(damaged, GateError, "gates.json is damaged", id="damaged")
    yield pytest.param(other_model, GateError, "is not of this model", id="other model")
    yield pytest.param(failed_later, GateError, "failed 1 gate: no_regression", id="failed later")


@pytest.mark.parametrize(("spoil", "kind", "names"), refusals())
def test_what_must_not_ship_is_refused(
    project: Path, spoil: Any, kind: type[ChurnPipelineError], names: str
) -> None:
    check(project, stale=True)
    spoil(project)
    with pytest.raises(kind, match=names):
        check(project, stale=True)


def test_a_refusal_is_one_sentence(project: Path) -> None:
    gates_file(project).unlink()
    result = build(project)
    assert result.returncode == 1
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    assert "run `make repro`" in result.stderr
    assert not (project / "bentos/store").exists()


def test_a_bundle_that_dvc_does_not_know_is_packed_on_demand_only(project: Path) -> None:
    with pytest.raises(BentoError, match="--stale"):
        check(project)
    assert check(project, stale=True).version


def test_a_listed_path_that_is_missing_is_named(project: Path) -> None:
    (project / "src/churn_pipeline/errors.py").unlink()
    with pytest.raises(BentoError, match=r"lists src/.*/errors\.py, which does not exist"):
        packed_files(project)


@pytest.fixture
def tracked(tmp_path: Path) -> Path:
    """A DVC project of two stages, reproduced."""
    stages = {
        "train": {
            "cmd": "cp data/raw.csv data/model",
            "deps": ["data/raw.csv", "train.py"],
            "params": ["depth"],
            "outs": ["data/model"],
        },
        "package": {
            "cmd": "mkdir -p data/bundle && cp data/model data/bundle/model",
            "deps": ["data/model", "package.py"],
            "outs": ["data/bundle"],
        },
    }
    (tmp_path / "data").mkdir()
    for name in ("data/raw.csv", "train.py", "package.py"):
        (tmp_path / name).write_text(name)
    (tmp_path / "params.yaml").write_text("depth: 3\n")
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    with contextlib.chdir(tmp_path), Repo.init(no_scm=True) as repo:
        repo.reproduce()
    return tmp_path


@pytest.mark.parametrize(
    ("path", "changes"),
    [
        (None, []),
        ("package.py", ["package.py"]),
        ("train.py", ["train.py"]),
        ("data/raw.csv", []),
        ("params.yaml", ["depth in params.yaml"]),
        ("data/bundle/model", ["data/bundle"]),
    ],
)
def test_newer_code_and_parameters_are_named_and_data_are_not(
    tracked: Path, path: str | None, changes: list[str]
) -> None:
    if path == "params.yaml":
        (tracked / path).write_text("depth: 4\n")
    elif path:
        (tracked / path).write_text("newer")
    assert changed_since(tracked, Path("data/bundle")) == changes
