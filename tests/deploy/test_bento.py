from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from dvc.repo import Repo

from churn_pipeline.errors import BundleError, ChurnPipelineError, DatasetNameError, GateError
from churn_pipeline.scorer import load_scorer
from churn_pipeline.serving.identity.key_changes import create_key
from churn_pipeline.serving.settings import load_settings
from scripts.build_bento import BentoError, changed_since, check, content_hash, packed_files
from tests.deploy.conftest import copy_project
from tests.serving.support import free_port, poll

TRAINING = "pandas sklearn kedro mlflow dvc optuna xgboost lightgbm pandera matplotlib scipy"


def build(project: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "scripts/build_bento.py", *options],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(project / "src")},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, bundle_folder: Path) -> tuple[Path, Path]:
    """A project and the folder of its Bento."""
    project = copy_project(tmp_path_factory.mktemp("built") / "project", bundle_folder)
    result = build(project, "--stale")
    assert result.returncode == 0, result.stderr
    return project, project / result.stdout.strip().rpartition(" in ")[2]


def files_of(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    paths = (path for path in found if path.suffix != ".pyc")  # from a Bento that was run
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_the_bento_holds_what_serves_and_nothing_of_the_training(
    built: tuple[Path, Path],
) -> None:
    source = built[1] / "src"
    code = source / "churn_pipeline"
    assert {path.name for path in code.iterdir()} == {
        "__init__.py",
        "arithmetic.py",
        "commands.py",
        "environments.py",
        "errors.py",
        "staging.py",
        "named_files.py",
        "contract",
        "scorer",
        "serving",
    }
    assert {path.name for path in source.iterdir()} == {
        "churn_pipeline",
        "data",
        "params.yaml",
        "bentofile.yaml",
    }
    assert files_of(source / "data") == {
        f"06_models/bundle/{name}": content
        for name, content in files_of(built[0] / "data/06_models/bundle").items()
    }


def test_its_code_needs_nothing_of_the_training(built: tuple[Path, Path]) -> None:
    source = built[1] / "src"
    modules = sorted(
        ".".join(path.relative_to(source).with_suffix("").parts)
        for part in ("scorer", "serving")
        for path in (source / "churn_pipeline" / part).glob("*.py")
        if path.stem != "__init__"
    )
    # as with the project's own environment, but the training's packages cannot be found
    program = f"""
import importlib, sys
for name in {TRAINING.split()!r}:
    sys.modules[name] = None
for name in {modules!r}:
    module = importlib.import_module(name)
    assert module.__file__.startswith({str(source)!r}), module.__file__
"""
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=source,
        env={**os.environ, "PYTHONPATH": str(source)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr


def test_equal_content_gives_the_same_bytes_and_tag(
    built: tuple[Path, Path], project: Path
) -> None:
    result = build(project, "--stale")
    assert result.returncode == 0, result.stderr
    other = project / result.stdout.strip().rpartition(" in ")[2]
    assert other.name == built[1].name
    ours, theirs = files_of(built[1]), files_of(other)
    described = yaml.safe_load(ours.pop("bento.yaml"))
    described_again = yaml.safe_load(theirs.pop("bento.yaml"))
    assert ours == theirs
    assert described.pop("creation_time") != described_again.pop("creation_time")
    assert described == described_again
    assert str(project).encode() not in b"".join(theirs.values())

    result = build(project, "--stale", "--tag")
    assert result.stdout.strip() == f"churn:{other.name}"
    assert len(list(other.parent.glob("*-*"))) == 1, "the same content is not packed twice"


@pytest.mark.parametrize(
    "name", ["params.yaml", "bentos/requirements.lock", "bentos/bentofile.yaml"]
)
def test_other_content_gives_another_version(project: Path, name: str) -> None:
    before = content_hash(project, packed_files(project))
    with (project / name).open("a") as file:
        file.write("\n# changed\n")
    assert content_hash(project, packed_files(project)) != before


def test_the_dockerfile_installs_the_lock_and_no_compilers(built: tuple[Path, Path]) -> None:
    dockerfile = (built[1] / "env/docker/Dockerfile").read_text()
    assert "build-essential" not in dockerfile
    assert "python:3.11-slim" in dockerfile
    assert "pip install -r" in dockerfile
    lock = (built[0] / "bentos/requirements.lock").read_text()
    packed = (built[1] / "env/python/requirements.txt").read_text()
    assert packed.count("--hash=sha256:") == lock.count("--hash=sha256:") > 500


def test_an_imported_bento_serves_in_any_folder(built: tuple[Path, Path], tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    token, _ = create_key(folder / "conf/local/api_keys.json", "test", ["score"])
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    before = files_of(built[1])
    variables = {**os.environ, "BENTOML_HOME": str(tmp_path / "home"), "BENTOML_DO_NOT_TRACK": "1"}
    variables |= {"PYTHONPATH": str(built[1] / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    variables["COLUMNS"] = "999"  # or BentoML breaks the path into lines
    tag = f"churn:{built[1].name}"

    def bentoml(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "bentoml", *arguments]
        environment = {**variables, **more}
        return subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=True
        )

    store = str(built[0] / "bentos/store")
    bentoml("export", tag, str(tmp_path / "churn.bento"), BENTOML_HOME=store)
    bentoml("import", str(tmp_path / "churn.bento"))
    assert tag in bentoml("list").stdout
    imported = Path(bentoml("get", tag, "--output", "path").stdout.strip())
    variables["PYTHONPATH"] = str(imported / "src")
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "bentoml", "serve", tag, "--port", str(port)],
            cwd=folder,
            env=variables,
            stdout=log,
            stderr=subprocess.STDOUT,
        )

    def is_ready() -> bool:
        assert process.poll() is None, (tmp_path / "log").read_text()
        try:
            return httpx.get(f"{url}/readyz").status_code == 200
        except httpx.TransportError:
            return False

    try:
        poll(is_ready)
        document = httpx.get(f"{url}/openapi.json").json()
        body = document["paths"]["/v1/score"]["post"]["requestBody"]
        customer = body["content"]["application/json"]["example"]
        answer = httpx.post(
            f"{url}/v1/score", json=customer, headers={"Authorization": f"Bearer {token}"}
        )
        assert answer.status_code == 200, answer.text
        assert answer.json()["model_version"] == built[1].name.partition("-")[0]
    finally:
        process.terminate()
        assert process.wait(30) == 0
    assert files_of(built[1]) == before
    assert files_of(imported) == before, "serving must not change the Bento"
    assert (folder / "data/09_serving/audit/audit-1-000001.jsonl").stat().st_size > 0


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


def test_another_data_set_brings_its_bundle_and_parameters(
    project: Path, tmp_path: Path, bundle_folder: Path
) -> None:
    with pytest.raises(DatasetNameError, match="there is no data set 'bank'"):
        packed_files(project, "bank")
    shutil.copytree(project / "data", project / "data/bank")
    (project / "data/06_models").rename(tmp_path / "moved")
    parameters = yaml.safe_load((project / "params.yaml").read_text(encoding="utf-8"))
    parameters["dataset"] = {"name": "bank", "folder": "data/bank", "contract": "c.yml"}
    parameters["serving"]["champion"] = "data/bank/06_models/bundle"
    own = project / "conf/bank/params.yaml"
    own.parent.mkdir(parents=True)
    own.write_text(yaml.safe_dump(parameters), encoding="utf-8")

    result = build(project, "--stale", "--env", "bank")
    assert result.returncode == 0, result.stderr
    source = project / result.stdout.strip().rpartition(" in ")[2] / "src"
    assert (source / "params.yaml").read_bytes() == own.read_bytes()
    settings = load_settings(source / "params.yaml", {})
    assert load_scorer(settings.champion).version == load_scorer(bundle_folder).version
    assert not (source / "conf").exists()
    assert files_of(source / "data").keys() == {
        f"bank/06_models/bundle/{name}" for name in files_of(bundle_folder)
    }


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
