"""A throw-away copy of the project and a service of two models, as users would run them."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from filelock import FileLock

from benchmarks.move_copy_kill import checksums
from churn_pipeline.contract import Contract
from churn_pipeline.scorer import Scorer, load_scorer
from tests.e2e.services import service_folder
from tests.serving.support import Server, make_bundles, poll, serving
from tests.sizes import size

# one that is linear and one of trees; the others run at full size
CANDIDATES = size(
    ("logistic_regression", "lightgbm"),
    ("logistic_regression", "random_forest", "xgboost", "lightgbm"),
)

ROOT = Path(__file__).resolve().parents[2]

STAGES = [
    "simulation", "ingestion", "features", "tuning", "training", "export", "evaluation",
    "decisions", "acceptance", "packaging",
]  # fmt: skip

SMALL = {  # params.yaml, scaled down
    "customers: 7043": "customers: 900",
    "folds: 5": "folds: 2",
    "repeats: 2": "repeats: 1",
    "trials: 10": "trials: 2",
    "n_estimators: 50": "n_estimators: 10",
    "low: 50, high: 400, log: true, default: [120, 400]": (
        "low: 10, high: 30, log: true, default: [20, 30]"
    ),
    "replicates: 1000": "replicates: 50",
    "minimum_roc_auc: 0.8": "minimum_roc_auc: 0.6",
    "minimum_calibration_slope: 0.8": "minimum_calibration_slope: null",
    "minimum_calibration_intercept: -0.25": "minimum_calibration_intercept: null",
    "maximum_calibration_intercept: 0.25": "maximum_calibration_intercept: null",
    "maximum_scoring_milliseconds: 5": "maximum_scoring_milliseconds: 1000",
}


@dataclass(frozen=True)
class Project:
    """A checkout with its own git and DVC state."""

    root: Path

    def run(
        self, *command: str, cwd: str = ".", check: bool = True, offline: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the checkout; its output is in the message if it fails."""
        result = subprocess.run(
            [*(_NO_NETWORK if offline else []), *command],
            cwd=self.root / cwd,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=900,
        )
        if check and result.returncode:
            raise AssertionError(f"{' '.join(command)}\n{result.stdout}\n{result.stderr}")
        return result

    def checksums(self) -> dict[str, str]:
        """Return the hash of every data file that a run writes."""
        return checksums(self.root)

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a text that must be there."""
        file = self.root / path
        text = file.read_text(encoding="utf-8")
        assert old in text, f"{path} does not hold {old!r}"
        file.write_text(text.replace(old, new), encoding="utf-8")


def environment() -> dict[str, str]:
    """Return what commands run in; measuring their coverage would take 1.4 times as long.

    Each command would compile the project's modules again if it did not write their bytecode.
    """
    tools = Path(sys.executable).parent
    foreign = ("MLFLOW_", "DVC_", "KEDRO_", "COVERAGE_", "PYTHONDONTWRITEBYTECODE")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
    return {**kept, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "200"}


def _network_can_be_cut() -> bool:
    tool = shutil.which("unshare")
    return bool(tool) and subprocess.run(["unshare", "-rn", "true"], check=False).returncode == 0


_NO_NETWORK = ["unshare", "-rn"] if _network_can_be_cut() else []


def copy_project(target: Path) -> Project:
    """Copy what git tracks or would track, scaled down, into a new repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    project = Project(target)
    for old, new in SMALL.items():
        project.edit("params.yaml", old, new)
    _keep_candidates(target / "params.yaml")
    project.run("git", "init", "-q")
    project.run("git", "config", "user.name", "Tests")
    project.run("git", "config", "user.email", "tests@example.org")
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "start")
    return project


def _keep_candidates(params: Path) -> None:
    """Take the other candidates out of params.yaml, the text of which stays as it is otherwise."""
    text = params.read_text(encoding="utf-8")
    section = re.search(r"^candidates:\n((?:  .*\n|\n)+)", text, re.M)
    assert section, "params.yaml has no candidates"
    entries = re.findall(r"(?:  #.*\n)*  (\w+):\n(?:    .*\n)*", section[1])
    assert set(CANDIDATES) <= set(entries)
    kept = section[1]
    for name in set(entries) - set(CANDIDATES):
        kept = re.sub(rf"(?:^  #.*\n)*^  {name}:\n(?:    .*\n)*", "", kept, flags=re.M)
    params.write_text(text.replace(section[1], kept), encoding="utf-8")


@pytest.fixture(scope="session")
def _reproduced_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout in which `dvc repro` has run, for all workers; not to be changed."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "reproduced_once"
    with FileLock(f"{folder}.lock"):
        if not (folder / "is_whole").exists():
            shutil.rmtree(folder, ignore_errors=True)
            project = copy_project(folder / "project")
            result = project.run("dvc", "repro", offline=True)
            log = result.stdout + result.stderr
            (project.root / "repro.log").write_text(log, encoding="utf-8")
            project.run("git", "add", "-A")
            project.run("git", "commit", "-qm", "first run")
            (folder / "is_whole").touch()
    return folder / "project"


@pytest.fixture(scope="module")
def reproduced(_reproduced_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy of the module's own of a checkout in which `dvc repro` has run, without network.

    Without network where that can be arranged.
    """
    target = tmp_path_factory.mktemp("reproduced") / "project"
    shutil.copytree(_reproduced_once, target, symlinks=True)
    return Project(target)


@pytest.fixture(scope="session")
def bundles(
    tmp_path_factory: pytest.TempPathFactory, customers: pd.DataFrame, contract: Contract
) -> Path:
    """A folder of two bundles of the same contract, ``bundle`` and ``second``."""
    names = {"bundle": "logistic_regression", "second": "xgboost"}
    return make_bundles(tmp_path_factory.mktemp("bundles"), customers, contract, **names)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, bundles: Path) -> Iterator[Server]:
    """A service of two workers, of which ``bundle`` is the champion.

    Modules share it: what a test changes, it changes back.
    """
    folder = service_folder(tmp_path_factory.mktemp("server"), bundles, workers=2)
    with serving(folder) as server:
        poll(lambda: server.log.count("Loaded champion") == 2)
        yield server


@pytest.fixture(scope="module")
def scorers(bundles: Path) -> dict[str, Scorer]:
    """What the service loads, in this process."""
    return {name: load_scorer(bundles / name) for name in ("bundle", "second")}


@pytest.fixture(scope="module")
def example(scorers: dict[str, Scorer]) -> dict[str, Any]:
    """A customer whom the bundles give as an example."""
    return dict(scorers["bundle"].example)
