"""One MLflow run for one execution, though DVC starts a process for each stage."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psutil

from churn_pipeline.staging import replacing
from churn_pipeline.tracking.store import PROJECT_ROOT, mlflow_tracking_uri, tracking_root

_CLOCK_TOLERANCE = 10.0  # seconds that a correction of the clock may move a process's start


@dataclass(frozen=True)
class SharedRun:
    """The MLflow run of one ``dvc`` process, passed from stage to stage in a small file.

    Attributes
    ----------
    file : Path
        Its name holds the process's id and a hash of what else makes an execution: the copy of
        the project, the experiment, the store, the data set and the parameters, of which MLflow
        would not let a run have two values.
    started : float
        When the process started, in seconds since the epoch: ids of processes are used again.
    """

    file: Path
    started: float

    @classmethod
    def of(cls, process: psutil.Process, params: Path) -> Self:
        """Return the run that those stages of ``process`` share that have this params file."""
        ingredients = [
            str(PROJECT_ROOT).encode(),
            os.environ.get("DVC_EXP_NAME", "").encode(),
            mlflow_tracking_uri().encode(),
            os.path.relpath(params, PROJECT_ROOT).encode(),
            params.read_bytes(),
        ]
        digest = hashlib.sha256(b"\0".join(ingredients)).hexdigest()[:16]
        folder = tracking_root() / ".dvc" / "tmp" / "mlflow_runs"
        return cls(folder / f"{process.pid}-{digest}.json", process.create_time())

    @property
    def run_id(self) -> str | None:
        """The run's id; None before the first stage has started it."""
        return self._read().get("run_id")

    @property
    def has_failed(self) -> bool:
        """Whether a stage has failed; ``dvc repro --keep-going`` goes on with others."""
        return bool(self._read().get("failed"))

    def remember(self, run_id: str, failed: bool = False) -> None:
        """Tell the next stages."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        content = {"run_id": run_id, "started": self.started, "failed": failed}
        with replacing(self.file) as staged:
            staged.write_text(json.dumps(content), encoding="utf-8")

    def forget(self) -> None:
        """Let the next stage start another run, since this one was deleted."""
        self.file.unlink(missing_ok=True)

    def forget_abandoned(self) -> list[str]:
        """Forget the runs of processes that are gone, and return their ids."""
        abandoned = []
        for other in self.file.parent.glob("*-*.json"):
            if not psutil.pid_exists(int(other.name.partition("-")[0])):
                abandoned.append(_load(other).get("run_id"))
                other.unlink(missing_ok=True)
        return [run_id for run_id in abandoned if run_id]

    def _read(self) -> dict[str, Any]:
        content = _load(self.file)
        if not content:
            return {}
        is_same = abs(content["started"] - self.started) < _CLOCK_TOLERANCE
        return content if is_same else {}


def _load(file: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return content


def shared_run(params: Path) -> SharedRun | None:
    """Return the run that this DVC stage shares with others; None outside of a stage.

    Parameters
    ----------
    params : Path
        The params file of the data set.
    """
    if "DVC_STAGE" not in os.environ:
        return None
    try:
        for process in psutil.Process().parents():
            if _is_dvc(process.cmdline()):
                return SharedRun.of(process, params)
    except psutil.Error:  # a process that we may not look into
        pass
    return None


def _is_dvc(command: Sequence[str]) -> bool:
    """Tell ``dvc …``, ``python …/bin/dvc …`` and ``python -m dvc …`` from other commands."""
    paths = [Path(word) for word in command[:5]]
    return any(path.stem == "dvc" or path.parts[-2:] == ("dvc", "__main__.py") for path in paths)


def mlflow_run_id(params: str) -> str | None:
    """Return the run to resume for the data set of that params file; None starts a new one."""
    run = shared_run(Path(params))
    return None if run is None else run.run_id


def mlflow_run_name() -> str | None:
    """Return the DVC experiment's name, or what stages share; None leaves it to kedro-mlflow."""
    return os.environ.get("DVC_EXP_NAME") or ("dvc repro" if "DVC_STAGE" in os.environ else None)
