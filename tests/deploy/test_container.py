"""The image: what its scripts say without an engine, and where asked for, the real thing."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest


def test_without_an_engine_it_says_what_is_missing(project: Path) -> None:
    result = subprocess.run(
        ["scripts/build_container.sh"],
        cwd=project,
        env={**os.environ, "CHURN_CONTAINER_BACKEND": "nerdctl"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    assert "no usable container engine: nerdctl has to be installed and running" in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.slow
@pytest.mark.skipif(
    os.environ.get("CHURN_CONTAINER_CHECK") != "1",
    reason="builds and runs the image, which takes minutes: set CHURN_CONTAINER_CHECK=1",
)
def test_the_image_runs_as_a_cluster_runs_it(project: Path) -> None:
    result = subprocess.run(
        ["scripts/check_container.sh", "--stale"],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(project / "src")},
        capture_output=True,
        text=True,
    )
    print(result.stdout)
    assert result.returncode == 0, result.stdout + result.stderr
    (size,) = re.findall(r"image: (\d+) MB", result.stdout)
    assert int(size) <= 450
    (memory,) = re.findall(r"memory: (\d+) MB", result.stdout)
    assert int(memory) < 512
    for line in ("confined:", "answers:", "health check: passed", "SIGTERM: exit code 0"):
        assert line in result.stdout
