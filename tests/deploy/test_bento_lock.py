from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "bentos" / "requirements.lock"
INPUT = ROOT / "bentos" / "requirements.in"
LINUX = {
    "sys_platform": "linux",
    "platform_system": "Linux",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "python_version": "3.11",
    "python_full_version": "3.11.9",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
}


def locked(path: Path) -> dict[str, str]:
    lines = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", path.read_text(), flags=re.MULTILINE)
    return {canonicalize_name(name): version for name, version in lines}


def wanted() -> list[Requirement]:
    lines = INPUT.read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def test_versions_are_those_of_the_project() -> None:
    project = locked(ROOT / "requirements.lock")
    ours = locked(LOCK)
    differing = {name: ours[name] for name in ours if ours[name] != project.get(name)}
    assert differing == {}, "run `make lock`"


def test_every_package_has_hashes_and_no_index_is_named() -> None:
    text = LOCK.read_text()
    entries = re.split(r"^(?=\S)", text, flags=re.MULTILINE)[1:]
    assert len(entries) == len(locked(LOCK)) > 50
    for entry in entries:
        assert "--hash=sha256:" in entry, entry.splitlines()[0]
    assert "://" not in text + INPUT.read_text()


def test_what_is_wanted_is_locked_in_its_range() -> None:
    versions = locked(LOCK)
    for requirement in wanted():
        assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)])


@pytest.mark.parametrize("name", sorted(locked(LOCK)))
def test_whatever_a_locked_package_needs_is_locked(name: str) -> None:
    try:
        needed = [Requirement(text) for text in requires(name) or []]
    except PackageNotFoundError:
        pytest.skip(f"{name} is not installed here")
    missing = {
        requirement.name
        for requirement in needed
        if requirement.marker is None or requirement.marker.evaluate({**LINUX, "extra": ""})
    }
    assert {canonicalize_name(item) for item in missing} <= set(locked(LOCK))


def test_nothing_of_the_training_is_locked() -> None:
    training = {"pandas", "scikit-learn", "kedro", "mlflow", "dvc", "optuna", "pandera", "scipy"}
    assert not training & set(locked(LOCK))


def test_ranges_agree_with_the_projects() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    ranges = {canonicalize_name(item.name): item for item in map(Requirement, project)}
    for requirement in wanted():
        ours = ranges.get(canonicalize_name(requirement.name))
        if ours is not None:
            assert requirement.specifier == ours.specifier, requirement.name


def test_the_bentofile_packs_this_lock() -> None:
    bentofile = yaml.safe_load((ROOT / "bentos" / "bentofile.yaml").read_text())
    assert ROOT / bentofile["python"]["requirements_txt"] == LOCK
    assert bentofile["python"]["lock_packages"] is False
