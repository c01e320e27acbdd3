"""The README's lines on serving, executed as they are written."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.conftest import Project, copy_project, environment
from tests.serving.support import poll

PORT = 3000  # the README's
URL = f"http://127.0.0.1:{PORT}"


def section(root: Path) -> str:
    text = (root / "README.md").read_text(encoding="utf-8")
    return text.partition("## Serve the scores")[2].partition("\n## ")[0]


def blocks(root: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", section(root), flags=re.DOTALL)


def is_ready() -> bool:
    try:
        return httpx.get(f"{URL}/readyz").status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, bundle_folder: Path) -> Iterator[Project]:
    """A project with a bundle, whose service was started by ``make serve``."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", PORT))
        except OSError:
            pytest.skip(f"port {PORT}, which the README names, is taken on this machine")
    project = copy_project(tmp_path_factory.mktemp("served") / "project")
    shutil.copytree(bundle_folder, project.root / "data/06_models/bundle")
    (project.root / ".venv").symlink_to(sys.prefix)
    # the environment is there already
    command = ["make", "serve", "--assume-old", "setup"]
    log = (project.root / "serve.log").open("wb")
    with subprocess.Popen(
        command,
        cwd=project.root,
        env=environment(),
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as server:
        try:
            poll(is_ready)
            yield project
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(30)


def test_the_readmes_curl_lines_are_answered(served: Project, root: Path) -> None:
    assert "make serve" in blocks(root, "console")[0]
    (script,) = blocks(root, "bash")
    done = subprocess.run(
        ["bash", "-euc", script],
        cwd=served.root,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    decoder, rest, answers = json.JSONDecoder(), done.stdout.strip(), []
    while rest:
        answer, end = decoder.raw_decode(rest)
        answers.append(answer)
        rest = rest[end:].strip()
    score, explanation, feedback, model = answers
    assert 0 < score["churn_probability"] < 1
    assert explanation["churn_probability"] == score["churn_probability"]
    assert explanation["reasons"][0]["contribution"] > 0
    assert feedback.keys() >= {"request_id"}
    assert "error" not in feedback
    assert score["model_version"] in json.dumps(model)
    (shown,) = blocks(root, "json")
    assert json.loads(shown).keys() == score.keys()
