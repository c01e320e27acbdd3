"""When `make setup` makes the environment anew."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement


@pytest.fixture
def project(root: Path, tmp_path: Path) -> Path:
    """A project whose environment is whole, with an installation that only says that it ran."""
    folder = tmp_path / "project of mine"
    (folder / "scripts").mkdir(parents=True)
    shutil.copy(root / "Makefile", folder / "Makefile")
    for name in ("requirements.lock", "pyproject.toml"):
        (folder / name).touch()
    script = folder / "scripts" / "install.sh"
    script.write_text("#!/bin/sh\nmkdir -p .venv; echo installed\n", encoding="utf-8")
    script.chmod(0o755)
    assert set_up(folder) == "installed"
    return folder


def set_up(folder: Path) -> str:
    done = subprocess.run(
        ["make", "--silent", "setup"],
        cwd=folder,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_an_environment_that_is_whole_stays(project: Path) -> None:
    assert set_up(project) == ""


def test_a_moved_project_gets_an_environment_of_its_own(project: Path) -> None:
    moved = project.rename(project.with_name("moved"))
    assert set_up(moved) == "installed"
    assert set_up(moved) == ""


def test_a_copied_project_gets_an_environment_of_its_own(project: Path) -> None:
    copy = shutil.copytree(project, project.with_name("copy"))
    assert set_up(copy) == "installed"
    assert set_up(project) == ""


@pytest.mark.full  # makes an environment, which takes eight seconds
def test_an_environment_is_not_made_by_the_one_that_it_replaces(root: Path, tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    shutil.copy(root / "scripts" / "install.sh", tmp_path / "scripts")
    (tmp_path / "requirements.lock").touch()  # so that the script ends once .venv is there
    binaries = tmp_path / ".venv" / "bin"
    binaries.mkdir(parents=True)
    for name in ("python", "python3"):
        (binaries / name).symlink_to(Path(sys.base_prefix) / "bin" / "python3")
    (tmp_path / ".venv" / ".ready").write_text("/somewhere else\n", encoding="utf-8")
    subprocess.run(
        [tmp_path / "scripts" / "install.sh"],
        env={"PATH": f"{binaries}:{os.environ['PATH']}"},
        capture_output=True,
        check=False,
    )
    assert (binaries / "pip").exists()


def test_nothing_else_needs_what_is_installed_on_demand(root: Path) -> None:
    script = (root / "scripts" / "install.sh").read_text(encoding="utf-8")
    ((names,),) = [re.findall(r"optional='/\^\(([\w|-]+)\)==/'", script)]
    optional = set(names.split("|"))
    lock = (root / "requirements.lock").read_text(encoding="utf-8")
    assert optional <= set(re.findall(r"^([\w-]+)==", lock, re.MULTILINE))
    for package in distributions():
        if package.name in optional:
            continue
        for line in package.requires or ():
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                assert needed.name not in optional, package.name
