"""The deployment file: which bundles answer, for all workers and over restarts.

Bundles are copied into a folder of the service, one folder a version, before they are loaded. So
a bundle that is packaged anew under the same name changes no answer before a reload, a worker that
is started later answers with the same model as the others, and the version before is still there
when somebody rolls back.

Services that were started apart share no deployment, unless ``serving.deployment_group`` says so:
the folder is that of a port or of a group, and whoever uses it holds a lock that tells others so.
The locks are those of ``flock``, which NFS has too, and files are renamed into their places, so the
folder of a group may lie on a disk that several hosts share.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from churn_pipeline.errors import BundleError
from churn_pipeline.scorer import Bundle, Scorer, read_bundle
from churn_pipeline.scorer.bundle import write_bundle
from churn_pipeline.serving.models.variants import (
    Deployment,
    DeploymentError,
    Plan,
    check_gates,
    deploy,
)
from churn_pipeline.staging import staged_path


class OccupiedError(DeploymentError):
    """Another service uses the folder; the message names the settings that help."""


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


@dataclass(frozen=True)
class Found:
    """A plan's bundles, loaded from its folders.

    Attributes
    ----------
    placed : Placed
    deployment : Deployment
    bundles : tuple of Bundle
        The champion's, then the challenger's if there is one.
    """

    placed: Placed
    deployment: Deployment
    bundles: tuple[Bundle, ...]


class DeploymentFile:
    """Read, change and load deployments.

    Parameters
    ----------
    folder : Path
        Holds ``deployment.json`` and ``bundles/<version>``.
    is_group : bool
        Whether services that were started apart share it.
    allow_ungated : bool
        Whether models may answer that passed no quality gate.
    """

    def __init__(self, folder: Path, is_group: bool = False, allow_ungated: bool = False) -> None:
        self.path = folder / "deployment.json"
        self.is_group = is_group
        self._allow_ungated = allow_ungated
        self._bundles = folder / "bundles"
        self._lock = folder / "deployment.lock"
        self._presence: int | None = None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock of all workers: only one of them changes the file at a time."""
        self._bundles.mkdir(parents=True, exist_ok=True)
        with self._lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def enter(self, start: str) -> bool:
        """Begin to use the folder, until this process ends; to be called under the lock.

        Parameters
        ----------
        start : str
            The start of the service that this process belongs to.

        Returns
        -------
        bool
            Whether no other process uses it.

        Raises
        ------
        OccupiedError
            If a service of another start does, and they are no group.
        """
        if self._presence is None:
            path = self.path.with_name("services.lock")
            self._presence = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        file = self._presence
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not self.is_group and os.pread(file, 200, 0).decode(errors="replace") != start:
                self.leave()
                raise OccupiedError(
                    f"another service uses {self.path.parent}; name another folder by "
                    "serving.deployment, or the same serving.deployment_group for both, to share it"
                ) from None
            is_alone = False
        else:
            is_alone = True
            os.ftruncate(file, 0)
            os.pwrite(file, start.encode(), 0)
        fcntl.flock(file, fcntl.LOCK_SH)
        return is_alone

    def leave(self) -> None:
        """End what :meth:`enter` began."""
        if self._presence is not None:
            os.close(self._presence)
            self._presence = None

    def stamp(self) -> tuple[int, int] | None:
        """Return what changes with every new file, None if there is none."""
        try:
            # opened: for stat alone a client of NFS would believe what it knew seconds ago
            file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            status = os.fstat(file)
        finally:
            os.close(file)
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

    def write(self, record: Record, bundles: tuple[Bundle, ...] = ()) -> None:
        """Copy new bundles and put the record in place of the old file, or change nothing.

        Bundles that the record does not name are dropped.

        Raises
        ------
        OSError
            If there is no room, or the folder cannot be written.
        """
        staged = staged_path(self.path)
        try:
            for bundle in bundles:
                self._keep(bundle)
            with staged.open("w", encoding="utf-8") as file:
                file.write(json.dumps(asdict(record), indent=2) + "\n")
                file.flush()
                os.fsync(file.fileno())
            staged.replace(self.path)
        except OSError:
            with suppress(OSError):
                staged.unlink(missing_ok=True)
                if (before := self.read()) is not None:
                    self._drop_all_but(before)
            raise
        self._drop_all_but(record)

    def _drop_all_but(self, record: Record) -> None:
        placed = [p for p in (record.configured, record.current, record.previous) if p]
        kept = {version for p in placed for version in (p.champion, p.challenger)}
        for folder in self._bundles.iterdir():
            if folder.name not in kept:  # also what a killed worker left
                shutil.rmtree(folder, ignore_errors=True)

    def _keep(self, bundle: Bundle) -> None:
        copy = self._bundles / bundle.version
        try:
            is_there = read_bundle(copy).version == bundle.version
        except BundleError:
            is_there = False
        if not is_there:
            write_bundle(bundle, copy)

    def find(self, plan: Plan) -> Found:
        """Load a plan's bundles from its folders.

        Raises
        ------
        ChurnPipelineError
            If a bundle is not whole, does not fit or passed no gates; the message names it.
        """
        folders = [folder for folder in (plan.champion, plan.challenger) if folder is not None]
        bundles = tuple(read_bundle(Path(folder)) for folder in folders)
        deployment = self._deployed(plan, bundles, folders)
        second = bundles[1].version if len(bundles) > 1 else None
        return Found(Placed(plan, bundles[0].version, second), deployment, bundles)

    def load(self, placed: Placed) -> Deployment:
        """Load a deployment from the service's copies; raises as :meth:`find` does."""
        versions = [v for v in (placed.champion, placed.challenger) if v is not None]
        bundles = tuple(map(self._copy, versions))
        plan = placed.plan
        return self._deployed(plan, bundles, [plan.champion, str(plan.challenger)])

    def _deployed(self, plan: Plan, bundles: tuple[Bundle, ...], folders: list[str]) -> Deployment:
        scorers = [Scorer(bundle, plan.unseen_category) for bundle in bundles]
        if not self._allow_ungated:
            for scorer, folder in zip(scorers, folders, strict=False):
                check_gates(scorer, folder)
        return deploy(plan, scorers[0], scorers[1] if len(scorers) > 1 else None)

    def _copy(self, version: str) -> Bundle:
        bundle = read_bundle(self._bundles / version)
        if bundle.version != version:
            raise DeploymentError(
                f"{self._bundles / version} holds version {bundle.version}; "
                "reload to copy the configured bundle again"
            )
        return bundle
