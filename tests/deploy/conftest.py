from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from churn_pipeline.packaging.verdict import scorer_of
from churn_pipeline.scorer.bundle import read_bundle

ROOT = Path(__file__).parents[2]
PACKED = ("src/churn_pipeline", "bentos", "scripts", "params.yaml", "requirements.lock")


def copy_project(folder: Path, bundle: Path) -> Path:
    """Copy what a Bento is made of, with a bundle that was accepted, and without DVC."""
    for name in PACKED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "store")
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, folder / name)
    shutil.copytree(bundle, folder / "data/06_models/bundle")
    gates = folder / "data/08_reporting/gates.json"
    gates.parent.mkdir(parents=True)
    gates.write_text(json.dumps({"scorer": scorer_of(read_bundle(bundle)).version, "gates": []}))
    return folder


def build(project: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the script that packs a Bento, on the code of a project."""
    return subprocess.run(
        [sys.executable, "scripts/build_bento.py", *options],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(project / "src")},
        capture_output=True,
        text=True,
    )


@pytest.fixture
def project(tmp_path: Path, bundle_folder: Path) -> Path:
    """A project of the test's own."""
    return copy_project(tmp_path / "project", bundle_folder)
