"""The tutorial of docs/bring-your-own.md, executed as it is written (on a port of its own)."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.conftest import Project, copy_project, environment
from tests.serving.support import free_port, poll


def tutorial(root: Path) -> list[str]:
    text = (root / "docs/bring-your-own.md").read_text(encoding="utf-8")
    return re.findall(r"```bash\n(.*?)```", text.partition("\n## ")[0], flags=re.DOTALL)


@pytest.fixture(scope="module")
def commands(root: Path) -> list[str]:
    return tutorial(root)[0].strip().splitlines()


@pytest.fixture(scope="module")
def trained(commands: list[str], tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project in which all commands but the last have run."""
    project = copy_project(tmp_path_factory.mktemp("own") / "project")
    (project.root / ".venv").symlink_to(sys.prefix)
    outputs = [project.run(*command.split()).stdout for command in commands[:-1]]
    (project.root / "card.txt").write_text(outputs[-1], encoding="utf-8")
    return project


@pytest.fixture(scope="module")
def port(commands: list[str], trained: Project) -> Iterator[int]:
    """The port on which the last command answers."""
    port = free_port()
    command = [*commands[-1].split(), f"PORT={port}", "--assume-old", "setup"]
    with subprocess.Popen(
        command,
        cwd=trained.root,
        env=environment(),
        stdout=(trained.root / "serve.log").open("wb"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as server:
        try:
            poll(lambda: is_ready(port))
            yield port
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(30)


def is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
    except httpx.TransportError:
        return False


def test_it_takes_five_commands(commands: list[str]) -> None:
    assert len(commands) == 5


@pytest.mark.slow
def test_the_card_is_of_the_bank(trained: Project) -> None:
    card = (trained.root / "card.txt").read_text(encoding="utf-8")
    assert card == (trained.root / "data/bank/08_reporting/model_card.md").read_text("utf-8")
    assert "days_since_account_opened" in card
    for column in ("tenure", "credit_score"):
        assert column in card


@pytest.mark.slow
def test_the_built_in_data_set_is_as_it_was(trained: Project) -> None:
    changed = trained.run("git", "status", "--porcelain").stdout.split("\n")
    assert {line[3:] for line in changed if line} <= {
        ".venv",
        "card.txt",
        "conf/bank/",
        "data/bank/",
    }


@pytest.mark.slow
def test_a_customer_is_scored_over_http(root: Path, trained: Project, port: int) -> None:
    script = tutorial(root)[1].replace("127.0.0.1:3000", f"127.0.0.1:{port}")
    done = subprocess.run(
        ["bash", "-euc", script],
        cwd=trained.root,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert 0 < answer["churn_probability"] < 1
    assert answer["customer_id"] == "C-1001"
