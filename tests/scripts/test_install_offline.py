"""Programs that only tests need: without a network, their tests are skipped."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

NEEDED = ("bash", "dirname", "mkdir", "mktemp", "realpath", "rm")


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Return a folder of a few programs, of which apt-get never reaches its server."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in NEEDED:
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    for name, code in (("apt-get", "exit 100"), ("id", "echo 0")):
        (folder / name).write_text(f"#!/bin/sh\n{code}\n")
        (folder / name).chmod(0o755)
    return folder


@pytest.mark.parametrize("name", ["browser", "postgresql", "promtool"])
def test_a_failing_update_skips_the_tests(
    root: Path, tmp_path: Path, programs: Path, name: str
) -> None:
    text = (root / "scripts" / f"install_{name}.sh").read_text(encoding="utf-8")
    for folder in ("/etc/", "/usr/lib/"):  # not those of this machine
        text = text.replace(folder, f"{tmp_path}{folder}")
    script = tmp_path / "install.sh"
    script.write_text(text, encoding="utf-8")
    result = subprocess.run(
        ["bash", str(script), str(tmp_path / "into")],
        env={"PATH": str(programs)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout) == (0, "")
    assert "will be skipped" in result.stderr
