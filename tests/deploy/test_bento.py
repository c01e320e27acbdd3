from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import yaml

from churn_pipeline.errors import DatasetNameError
from churn_pipeline.scorer import load_scorer
from churn_pipeline.serving.identity.key_changes import create_key
from churn_pipeline.serving.settings import load_settings
from scripts.build_bento import content_hash, packed_files
from tests.deploy.conftest import build, copy_project
from tests.serving.support import free_port, poll

TRAINING = "pandas sklearn kedro mlflow dvc optuna xgboost lightgbm pandera matplotlib scipy"


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
    imported = Path(bentoml("get", tag, "--output", "path").stdout.strip())
    assert imported.is_relative_to(tmp_path / "home")
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
