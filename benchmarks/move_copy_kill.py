"""Kill, undo, move, copy and restore a project, and compare its results byte for byte.

1. `make repro`'s commands are killed with SIGKILL at random moments and started again, as often as
   it takes; whenever they come to their end, every output is that of an undisturbed run.
2. `dvc exp run` is killed at random moments, then `kedro undo` is, too; a last `kedro undo` brings
   back every output, the parameters and the branch.
3. The project is moved, copied, cloned with its data, and restored from an archive; in each place
   DVC finds everything up to date, and `kedro run --pipelines evaluation` writes the same bytes.
   The place it came from keeps every byte.

A second data set, which DVC does not know yet, has to keep every byte in 1 and 2. Works in a
temporary clone of the last commit. Exits 1 at the first difference, and names it.
"""

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import yaml
from tqdm import tqdm

_ROOT = Path(__file__).resolve().parents[1]
_OTHER = "ext"  # the second data set
_TOOLS = Path(sys.executable).parent
_ENVIRONMENT = {**os.environ, "PATH": f"{_TOOLS}{os.pathsep}{os.environ['PATH']}"}


def kill_after(
    command: list[str], seconds: float, folder: Path, environment: Mapping[str, str]
) -> bool:
    """Start a command and kill it with all its children; say whether it was still running.

    Raises
    ------
    RuntimeError
        With what the command said, if it failed by itself.
    """
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=dict(environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        _, said = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return True
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {said.decode()}")
    return False


def checksums(project: Path, folder: str = "data") -> dict[str, str]:
    """Return the hash of every file in a folder of a project that a run writes."""
    return {
        path.relative_to(project).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((project / folder).rglob("*"))
        if path.is_file()
        and path.suffix != ".dvc"
        and not any(part.startswith(".") for part in path.relative_to(project).parts)
    }


class _DifferenceError(Exception):
    """Results differ; the message says after what."""


def _run(project: Path, *command: str) -> str:
    done = subprocess.run(
        command, cwd=project, env=_ENVIRONMENT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise _DifferenceError(f"`{' '.join(command)}` failed in {project}: {done.stderr[-2000:]}")
    return done.stdout


def _results(project: Path) -> dict[str, str]:
    """Return the hashes of the built-in data set's results."""
    others = (f"data/{_OTHER}", "data/01_raw/other")
    return {path: md5 for path, md5 in checksums(project).items() if not path.startswith(others)}


def _compare(expected: Mapping[str, str], found: Mapping[str, str], after: str) -> None:
    differing = sorted(
        path for path in expected.keys() | found.keys() if expected.get(path) != found.get(path)
    )
    if differing:
        raise _DifferenceError(f"after {after}: {', '.join(differing)} differ")


def scale_down(file: Path) -> None:
    """Rewrite a ``params.yaml`` such that a run takes seconds: one candidate, few customers."""
    params = yaml.safe_load(file.read_text(encoding="utf-8"))
    params["candidates"] = {"logistic_regression": params["candidates"]["logistic_regression"]}
    params["simulation"]["customers"] = 1500
    params["training"] |= {"folds": 3, "repeats": 1}
    params["tuning"]["trials"] = 2
    params["gates"] |= {
        "minimum_roc_auc": 0.6,
        "minimum_calibration_slope": None,
        "minimum_calibration_intercept": None,
        "maximum_calibration_intercept": None,
        "maximum_scoring_milliseconds": 1000,
    }
    file.write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")


def _prepare(project: Path, is_small: bool) -> tuple[dict[str, str], dict[str, str], float]:
    """Run and commit the built-in data set, and run another; return both's hashes, seconds."""
    _run(_ROOT, "git", "clone", "-q", str(_ROOT), str(project))
    _run(project, "git", "config", "user.name", "Benchmark")
    _run(project, "git", "config", "user.email", "benchmark@example.org")
    if is_small:
        scale_down(project / "params.yaml")
    table = "data/01_raw/other.csv"
    _run(project, "kedro", "simulate", "--kind", "bank", "--customers", "600", "--output", table)
    _run(project, "kedro", "contract", "infer", table, "--env", _OTHER)
    _run(project, "kedro", "run", "--env", _OTHER)
    begin = time.monotonic()
    _run(project, "dvc", "repro", "-q")
    seconds = time.monotonic() - begin
    _run(project, "git", "add", "-A")
    _run(project, "git", "commit", "-q", "--allow-empty", "-m", "Results")
    return _results(project), checksums(project, f"data/{_OTHER}"), seconds


def _kill_runs(
    project: Path, expected: Mapping[str, str], seconds: float, kills: int, moments: random.Random
) -> None:
    def start_anew() -> None:
        """Remove what runs leave, so that every stage runs and MLflow's store is made again."""
        for path in _results(project):
            (project / path).unlink()
        for name in ("dvc.lock", "mlflow.db"):
            (project / name).unlink(missing_ok=True)
        for name in (".dvc/cache", ".optuna"):  # or no search would be interrupted again
            shutil.rmtree(project / name, ignore_errors=True)

    start_anew()
    done = 0
    with tqdm(total=kills, desc="kills of dvc repro", disable=None) as bar:
        while done < kills:
            _run(project, sys.executable, "scripts/repair_dvc.py")
            moment = moments.uniform(0, seconds)
            if kill_after(["dvc", "repro", "-q"], moment, project, _ENVIRONMENT):
                done += 1
                bar.update()
                continue
            _compare(expected, _results(project), f"{done} kills")
            start_anew()
    _run(project, sys.executable, "scripts/repair_dvc.py")
    _run(project, "dvc", "repro", "-q")
    _compare(expected, _results(project), f"{kills} kills")


def _kill_experiments(
    project: Path, expected: Mapping[str, str], seconds: float, kills: int, moments: random.Random
) -> None:
    experiment = ["dvc", "exp", "run", "-q", "-f", "-S", "economics.contact_cost=2"]
    branch = _run(project, "git", "symbolic-ref", "HEAD")
    for number in tqdm(range(kills), desc="kills of dvc exp run", disable=None):
        kill_after(experiment, moments.uniform(0, seconds), project, _ENVIRONMENT)
        kill_after(["kedro", "undo", "--yes"], moments.uniform(0, 12), project, _ENVIRONMENT)
        _run(project, "kedro", "undo", "--yes")
        _compare(expected, _results(project), f"undo of experiment {number + 1}")
        if changes := _run(project, "git", "status", "--porcelain", "--untracked-files=no"):
            raise _DifferenceError(f"after undo of experiment {number + 1}: {changes}")
        if _run(project, "git", "symbolic-ref", "HEAD") != branch:
            raise _DifferenceError(f"after undo of experiment {number + 1}: another branch")


def _move(project: Path, target: Path) -> None:
    project.rename(target)


def _copy(project: Path, target: Path) -> None:
    shutil.copytree(project, target, symlinks=True)


def _clone(project: Path, target: Path) -> None:
    _run(project, "git", "clone", "-q", str(project), str(target))
    for name in ("data", ".dvc", "mlartifacts"):
        if (project / name).exists():
            shutil.copytree(project / name, target / name, dirs_exist_ok=True)
    shutil.copy2(project / "mlflow.db", target / "mlflow.db")


def _restore(project: Path, target: Path) -> None:
    archive = shutil.make_archive(str(target), "tar", project)
    target.mkdir()
    shutil.unpack_archive(archive, target)


def _take_elsewhere(project: Path, expected: Mapping[str, str]) -> None:
    ways: dict[str, Callable[[Path, Path], None]] = {
        "copy": _copy, "clone": _clone, "archive": _restore, "move": _move,
    }  # fmt: skip
    for way, take in tqdm(ways.items(), desc="other places", disable=None):
        target = project.with_name(way)
        before = checksums(project, "mlartifacts") | checksums(project)
        take(project, target)
        if "up to date" not in _run(target, "dvc", "repro"):
            raise _DifferenceError(f"after {way}: stages ran again")
        _run(target, "kedro", "run", "--pipelines", "evaluation")
        _compare(expected, _results(target), way)
        if project.exists():
            after = checksums(project, "mlartifacts") | checksums(project)
            _compare(before, after, f"{way}, where it came from")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="how often to kill, of each kind")
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    parser.add_argument("--small", action="store_true", help="few customers, one candidate")
    arguments = parser.parse_args()
    moments = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder).resolve() / "project"
        try:
            expected, other, seconds = _prepare(project, arguments.small)
            print(f"undisturbed: {seconds:.0f} s, {len(expected)} files", flush=True)
            _kill_runs(project, expected, seconds, arguments.kills, moments)
            _kill_experiments(project, expected, seconds, arguments.kills, moments)
            _compare(other, checksums(project, f"data/{_OTHER}"), "all kills")
            _take_elsewhere(project, expected)
        except _DifferenceError as error:
            print(error)
            return 1
    print(f"{arguments.kills} kills of each kind and four other places: every output identical")
    return 0


if __name__ == "__main__":
    sys.exit(main())
