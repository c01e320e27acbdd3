"""What DVC's stages saved, noted for one process that logs it all to MLflow.

Importing MLflow and opening its store costs more CPU than most stages' work. So a stage writes down
what it saved, and when DVC is done, one ``kedro model log-notes`` logs what all stages noted, as if
each had done it at its end. See ``docs/adr/0043``.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import psutil

NOTES = "CHURN_TRACKING_NOTES"  # environment variable: the file that stages add to
_KEPT = ("DVC_", "MLFLOW_", "KEDRO_ENV")  # of a stage's environment, for who logs its note


class StageNote:
    """Takes the place of a :class:`~churn_pipeline.tracking.run_log.RunLog` in a stage.

    Parameters
    ----------
    file : Path
        See :data:`NOTES`.
    run_params : dict
        What Kedro gives to ``before_pipeline_run``.
    is_logged : callable
        Returns whether a data set of this name is logged.
    """

    def __init__(
        self, file: Path, run_params: dict[str, Any], is_logged: Callable[[str], bool]
    ) -> None:
        self._file = file
        self._run_params = run_params
        self._is_logged = is_logged
        self._names: list[str] = []

    def log(self, dataset_name: str, load: Callable[[], Any]) -> None:
        """Note that a data set was saved."""
        if self._is_logged(dataset_name):
            self._names.append(dataset_name)

    def end(self, status: str) -> None:
        """Write the note: one line, in one write, so that it is there whole or not at all."""
        note = {
            "environment": {k: v for k, v in os.environ.items() if k.startswith(_KEPT)},
            "names": self._names,
            "run_params": self._run_params,
            "status": status,
        }
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(note, default=str) + "\n")

    def abandon(self) -> None:
        """Note nothing, since the store does not answer."""
        self._names = []


def notes_file() -> Path | None:
    """Return where this stage notes what it saved; None where nobody would read it."""
    name = os.environ.get(NOTES)
    return Path(name) if name and "DVC_STAGE" in os.environ else None


def read_notes(files: list[Path]) -> list[dict[str, Any]]:
    """Return the notes; a line that a killed stage left unfinished is none."""
    notes = []
    for file in files:
        for line in file.read_text(encoding="utf-8").splitlines():
            try:
                notes.append(json.loads(line))
            except json.JSONDecodeError:
                continue
    return notes


def guard(module: Any) -> None:
    """Let DVC log the notes of the stages that ``Repo.reproduce`` of this module ran."""
    if "Repo" not in vars(module):
        return
    reproduce = module.Repo.reproduce

    @wraps(reproduce)
    def reproduce_and_log(repo: Any, *args: Any, **kwargs: Any) -> Any:
        if not repo.tmp_dir:  # of no workspace
            return reproduce(repo, *args, **kwargs)
        with _logged(Path(repo.root_dir), Path(repo.tmp_dir)):
            return reproduce(repo, *args, **kwargs)

    module.Repo.reproduce = reproduce_and_log


@contextmanager
def _logged(project: Path, folder: Path) -> Iterator[None]:
    """Log what the stages within note, and what a DVC that was killed left."""
    file = folder / "mlflow_notes" / f"{os.getpid()}.jsonl"
    before = os.environ.get(NOTES)
    os.environ[NOTES] = str(file.absolute())
    is_over = True
    try:
        yield
    except Exception:
        raise
    except BaseException:  # interrupted: the next one logs them
        is_over = False
        raise
    finally:
        if before is None:
            del os.environ[NOTES]
        else:
            os.environ[NOTES] = before
        if is_over and file.exists():
            _log(project, file)


def _log(project: Path, file: Path) -> None:
    left = [other for other in file.parent.glob("*.jsonl") if not _is_alive(other)]
    files = [*sorted(left, key=lambda path: path.stat().st_mtime), file]
    command = [sys.executable, "-m", "kedro", "model", "log-notes", *map(str, files)]
    if (
        subprocess.run(command, cwd=project, check=False).returncode >= 0
    ):  # else killed, and they stay
        for path in files:
            path.unlink(missing_ok=True)


def _is_alive(file: Path) -> bool:
    return psutil.pid_exists(int(file.stem))
