from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

import pytest


def test_a_clone_that_converts_line_ends_has_the_same_bytes(root: Path) -> None:
    """Scripts would not run with `\\r\\n`, and DVC's hashes would be others."""
    archive = ["git", "-c", "core.autocrlf=true", "archive", "--format=tar", "HEAD"]
    done = subprocess.run(archive, cwd=root, capture_output=True, check=False)
    if done.returncode:
        pytest.skip("not a git repository")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as files:
        texts = {
            member.name: file.read()
            for member in files
            if (file := files.extractfile(member)) and not member.name.endswith(".png")
        }
    assert len(texts) > 400
    assert [name for name, text in texts.items() if b"\r\n" in text] == []
