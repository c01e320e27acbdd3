from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from churn_pipeline.contract import Contract
from tests.serving.support import make_bundle

ROOT = Path(__file__).parents[2]
PACKED = ("src/churn_pipeline", "bentos", "scripts", "params.yaml", "requirements.lock")


@pytest.fixture(scope="session")
def bundle(
    tmp_path_factory: pytest.TempPathFactory, customers: pd.DataFrame, contract: Contract
) -> Path:
    """A folder with a real bundle."""
    folder = tmp_path_factory.mktemp("bundle") / "bundle"
    make_bundle(folder, customers, contract, 1.0)
    return folder


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
    acceptance = folder / "data/08_reporting/acceptance.json"
    acceptance.parent.mkdir(parents=True)
    acceptance.write_text(json.dumps({"champion": "logistic_regression"}))
    return folder


@pytest.fixture
def project(tmp_path: Path, bundle: Path) -> Path:
    """A project of the test's own."""
    return copy_project(tmp_path / "project", bundle)
