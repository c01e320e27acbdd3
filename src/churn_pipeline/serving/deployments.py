"""The deployment file: which bundles answer, for all workers and over restarts.

Bundles are copied into a folder of the service, one folder a version, before they are loaded. So
a bundle that is packaged anew under the same name changes no answer before a reload, a worker that
is started later answers with the same model as the others, and the version before is still there
when somebody rolls back.
"""

import fcntl
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from churn_pipeline.errors import BundleError
from churn_pipeline.scorer import Scorer, read_bundle
from churn_pipeline.scorer.bundle import write_bundle
from churn_pipeline.serving.variants import Deployment, DeploymentError, Plan, deploy


@dataclass(frozen=True)
class Placed:
    """A plan and the versions that its folders held when it was deployed."""

    plan: Plan
    champion: str
    challenger: str | None

    @classmethod
    def read(cls, content: Any) -> "Placed":
        """Take it from the file's JSON."""
        return cls(Plan(**content["plan"]), content["champion"], content["challenger"])


@dataclass(frozen=True)
class Record:
    """What the deployment file says.

    Attributes
    ----------
    start : str
        The start of the service that wrote it.
    configured : Placed
        What the settings asked for at that time.
    current, previous : Placed
        What answers, and what a rollback returns to.
    """

    start: str
    configured: Placed
    current: Placed
    previous: Placed | None = None


class DeploymentFile:
    """Read, change and load deployments.

    Parameters
    ----------
    folder : Path
        Holds ``deployment.json`` and ``bundles/<version>``.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "deployment.json"
        self._bundles = folder / "bundles"
        self._lock = folder / "deployment.lock"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock of all workers: only one of them changes the file at a time."""
        self._bundles.mkdir(parents=True, exist_ok=True)
        with self._lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def stamp(self) -> tuple[int, int] | None:
        """Return what changes with every new file, None if there is none."""
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns

    def read(self) -> Record | None:
        """Return what the file says, None if there is none or it is not whole."""
        try:
            content = json.loads(self.path.read_bytes())
            return Record(
                start=content["start"],
                configured=Placed.read(content["configured"]),
                current=Placed.read(content["current"]),
                previous=content["previous"] and Placed.read(content["previous"]),
            )
        except (OSError, ValueError, TypeError, KeyError, DeploymentError):
            return None

    def write(self, record: Record) -> None:
        """Put the record in place of the old file and drop the bundles that it does not name."""
        partial = self.path.with_name(f".{self.path.name}.partial")
        partial.write_text(json.dumps(asdict(record), indent=2) + "\n", encoding="utf-8")
        partial.replace(self.path)
        placed = [p for p in (record.configured, record.current, record.previous) if p]
        kept = {version for p in placed for version in (p.champion, p.challenger)}
        for folder in self._bundles.iterdir():
            if folder.name not in kept:  # also what a killed worker left
                shutil.rmtree(folder, ignore_errors=True)

    def place(self, plan: Plan) -> tuple[Placed, Deployment]:
        """Copy a plan's bundles to the service's folder and load them.

        Raises
        ------
        ChurnPipelineError
            If a bundle is not whole or does not fit; the message names the file.
        """
        champion = self._take(plan.champion, plan)
        challenger = None if plan.challenger is None else self._take(plan.challenger, plan)
        deployment = deploy(plan, champion, challenger)
        second = None if challenger is None else challenger.version
        placed = Placed(plan, champion.version, second)
        return placed, deployment

    def load(self, placed: Placed) -> Deployment:
        """Load a deployment from the service's copies; raises as :meth:`place` does."""
        champion = self._from_copy(placed.champion, placed.plan)
        challenger = None
        if placed.challenger is not None:
            challenger = self._from_copy(placed.challenger, placed.plan)
        return deploy(placed.plan, champion, challenger)

    def direct(self, plan: Plan) -> Deployment:
        """Load a plan's bundles where they are, for a service that cannot write its folder."""
        folders = (plan.champion, plan.challenger)
        bundles = [read_bundle(Path(folder)) for folder in folders if folder is not None]
        scorers = [Scorer(bundle, plan.unseen_category) for bundle in bundles]
        return deploy(plan, scorers[0], scorers[1] if len(scorers) > 1 else None)

    def _from_copy(self, version: str, plan: Plan) -> Scorer:
        bundle = read_bundle(self._bundles / version)
        if bundle.version != version:
            raise DeploymentError(
                f"{self._bundles / version} holds version {bundle.version}; "
                "reload to copy the configured bundle again"
            )
        return Scorer(bundle, plan.unseen_category)

    def _take(self, folder: str, plan: Plan) -> Scorer:
        bundle = read_bundle(Path(folder))
        scorer = Scorer(bundle, plan.unseen_category)
        copy = self._bundles / bundle.version
        try:
            is_there = read_bundle(copy).version == bundle.version
        except BundleError:
            is_there = False
        if not is_there:
            write_bundle(bundle, copy)
        return scorer
