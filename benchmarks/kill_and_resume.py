"""Kill `dvc repro` with SIGKILL at random moments and start it again, as often as it takes.

Before each start `scripts/mend_dvc.py` removes what DVC itself left half-written, as `make repro`
does. Whenever it comes to its end, every output is compared with that of an undisturbed run. Works
in a temporary clone of the last commit. Exits 1 if a byte of any output differs.
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
from collections.abc import Mapping
from pathlib import Path

from tqdm import tqdm

_ROOT = Path(__file__).resolve().parents[1]


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


def checksums(project: Path) -> dict[str, str]:
    """Return the hash of every data file."""
    return {
        path.relative_to(project).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((project / "data").rglob("*"))
        if path.is_file() and path.suffix != ".dvc" and not path.name.startswith(".")
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="how often to kill")
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    arguments = parser.parse_args()
    tools = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}
    generator = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        subprocess.run(["git", "clone", "-q", str(_ROOT), str(project)], check=True)
        begin = time.monotonic()
        _repro(project, environment)
        seconds = time.monotonic() - begin
        expected = checksums(project)
        print(f"undisturbed: {seconds:.0f} s, {len(expected)} files")
        _forget(project)
        bar = tqdm(total=arguments.kills, desc="kills", disable=None)
        kills = mended = 0
        while kills < arguments.kills:
            mended += _mend(project)
            moment = generator.uniform(0, seconds)
            if kill_after(["dvc", "repro", "-q"], moment, project, environment):
                kills += 1
                bar.update()
                continue
            # it came to its end: compare, and start from nothing again
            if differing := _differing(expected, checksums(project)):
                print(f"after {kills} kills: {', '.join(differing)} differ")
                return 1
            _forget(project)
        bar.close()
        mended += _mend(project)
        _repro(project, environment)
        if differing := _differing(expected, checksums(project)):
            print(f"after {arguments.kills} kills: {', '.join(differing)} differ")
            return 1
        print(f"{kills} kills, every output identical; {mended} state files of DVC mended")
    return 0


def _differing(expected: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    return sorted(
        path for path in expected.keys() | found.keys() if expected.get(path) != found.get(path)
    )


def _repro(project: Path, environment: Mapping[str, str]) -> None:
    subprocess.run(
        ["dvc", "repro", "-q"],
        cwd=project,
        env=dict(environment),
        check=True,
        stdout=subprocess.DEVNULL,
    )


def _mend(project: Path) -> int:
    """Remove DVC's half-written state files; return how many there were."""
    result = subprocess.run(
        [sys.executable, "scripts/mend_dvc.py"],
        cwd=project,
        capture_output=True,
        text=True,
        check=True,
    )
    return len(result.stderr.splitlines())


def _forget(project: Path) -> None:
    """Remove what runs leave, so that every stage runs and MLflow's store is made again."""
    for path in checksums(project):
        (project / path).unlink()
    for name in ("dvc.lock", "mlflow.db"):
        (project / name).unlink(missing_ok=True)
    for name in (".dvc/cache", ".optuna"):  # or no search would be interrupted again
        shutil.rmtree(project / name, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
