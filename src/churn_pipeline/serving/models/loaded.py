"""The models of one worker process: loaded, swapped and rolled back while requests go on."""

import asyncio
import gc
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from churn_pipeline.errors import ChurnPipelineError
from churn_pipeline.scorer import Bundle
from churn_pipeline.serving.models.deployments import DeploymentFile, OccupiedError, Placed, Record
from churn_pipeline.serving.models.variants import Deployment, DeploymentError, Plan

logger = logging.getLogger("bentoml.churn")

POLL_SECONDS = 0.4
RETRY_SECONDS = 2.0


class StorageError(ChurnPipelineError):
    """A deployment could not be stored, so that nothing has changed; the message says why."""


class Models:
    """What answers in this worker, kept in step with the other workers by a file.

    Parameters
    ----------
    file : DeploymentFile
        The state that all workers share.
    configured : callable
        Reads the settings anew and returns their plan.
    start : str
        Identifies this start of the service, the same in all its workers.
    on_swap : callable
        Told of each deployment that takes the place of another, in the event loop.

    Attributes
    ----------
    current : Deployment or None
        What answers; None until the first has been loaded.
    tried : asyncio.Event
        Set once the first has been loaded or could not be.
    """

    def __init__(
        self,
        file: DeploymentFile,
        configured: Callable[[], Plan],
        start: str,
        on_swap: Callable[[Deployment | None, Deployment], None],
    ) -> None:
        self.current: Deployment | None = None
        self._file = file
        self._configured = configured
        self._start = start
        self._on_swap = on_swap
        self._stamp: tuple[int, int] | None = None
        self.tried = asyncio.Event()
        self._swapping = asyncio.Lock()
        self._obstacle: str | None = None
        self._problem = ""

    async def follow(self) -> None:
        """Load what shall answer and follow the file from then on; runs until cancelled."""
        try:
            while True:
                pause = await self._try_to_follow()
                self.tried.set()
                await asyncio.sleep(pause)
        finally:
            self._file.leave()

    async def _try_to_follow(self) -> float:
        try:
            await self._follow_once()
        except ChurnPipelineError as error:
            self._complain(str(error))
        except Exception as error:
            # Never the end of following: a later file may be good
            self._complain(f"unexpected {type(error).__name__} while loading models")
        else:
            self._problem = ""
            return POLL_SECONDS
        return RETRY_SECONDS

    async def _follow_once(self) -> None:
        if self.current is not None:
            if self._obstacle is not None:  # what answers was loaded without the file
                return
            stamp = await asyncio.to_thread(self._file.stamp)
            if stamp is None or stamp == self._stamp:
                return
        async with self._swapping:
            if self.current is None:
                await self._load(self._first)
            elif await asyncio.to_thread(self._file.stamp) != self._stamp:
                await self._load(self._changed)

    async def _load(self, load: Callable[[], tuple[Deployment, tuple[int, int] | None]]) -> None:
        deployment, stamp = await asyncio.to_thread(load)
        before, self.current, self._stamp = self.current, deployment, stamp
        self._on_swap(before, deployment)
        for variant in deployment.variants:
            if not variant.gates_passed:
                logger.warning("%s %s passed no quality gates", variant.name, variant.version)
        # What is loaded stays, so no garbage collection needs to walk through it again: of all
        # that BentoML imports one takes 90 to 130 ms, in which no request is answered
        gc.freeze()

    def _first(self) -> tuple[Deployment, tuple[int, int] | None]:
        begin = time.perf_counter()
        stamp, folder = None, self._file.path.parent
        try:
            with self._file.locked():
                is_alone = self._file.enter(self._start)
                self._obstacle = None
                deployment, record, bundles = self._started(is_alone)
                if record is not None:
                    try:
                        self._file.write(record, bundles)
                    except OSError as error:
                        logger.warning("%s cannot be written: %s", folder, error.strerror)
                stamp = self._file.stamp()
        except (OSError, OccupiedError) as error:
            self._note_obstacle(error)
            deployment = self._file.find(self._configured()).deployment
        gc.collect()
        versions = ", ".join(f"{v.name} {v.version}" for v in deployment.variants)
        logger.info("Loaded %s in %.0f ms", versions, 1000 * (time.perf_counter() - begin))
        return deployment, stamp

    def _note_obstacle(self, error: OSError | OccupiedError) -> None:
        folder = self._file.path.parent
        obstacle = (
            str(error)
            if isinstance(error, OccupiedError)
            else f"{folder} cannot be written; make it writable and start again"
        )
        if obstacle != self._obstacle:  # said once, not with every try to load a model
            self._obstacle = obstacle
            logger.warning(
                "%s: %s; models loaded without this folder cannot be reloaded or rolled back "
                "until the service starts again",
                folder,
                error.strerror if isinstance(error, OSError) else error,
            )

    def _started(self, is_alone: bool) -> tuple[Deployment, Record | None, tuple[Bundle, ...]]:
        """Decide what a worker that starts answers with.

        Returns
        -------
        Deployment
        Record or None
            To be written down; None if what is written holds.
        tuple of Bundle
            To be copied.
        """
        record = self._file.read()
        is_joining = self._file.is_group and not is_alone
        if record is not None and (is_joining or record.start == self._start):
            deployment = self._recorded(record)
            if deployment is not None:
                return deployment, None, ()
        found = self._file.find(self._configured())
        placed = found.placed
        if record is not None and record.configured == placed != record.current:
            # Settings and bundles are as before, so what was rolled back or reloaded still holds
            deployment = None if record.start == self._start else self._recorded(record)
            if deployment is not None:
                return deployment, replace(record, start=self._start), ()
        previous = self._before(record, placed)
        record = Record(self._start, placed, placed, previous)
        return found.deployment, record, found.bundles

    def _recorded(self, record: Record) -> Deployment | None:
        try:
            return self._file.load(record.current)
        except ChurnPipelineError as error:
            logger.error("%s; what the settings name answers instead", error)
            return None

    def _changed(self) -> tuple[Deployment, tuple[int, int] | None]:
        with self._file.locked():
            stamp, record = self._file.stamp(), self._file.read()
        if record is None:
            raise DeploymentError(f"{self._file.path} is not a whole deployment; reload once more")
        return self._file.load(record.current), stamp

    async def reload(self, changes: Mapping[str, Any]) -> Deployment:
        """Deploy the settings' plan, or the current one with changes; return when it answers here.

        Raises
        ------
        ChurnPipelineError
            If it cannot answer, or (:class:`StorageError`) cannot be stored. Nothing has changed
            then.
        """
        return await self._change(lambda: self._reloaded(changes))

    async def rollback(self) -> Deployment:
        """Return to the deployment before the current one; raises as :meth:`reload` does."""
        return await self._change(self._rolled_back)

    async def _change(self, change: Callable[[], Deployment]) -> Deployment:
        if self._obstacle is not None:
            raise DeploymentError(self._obstacle)

        def changed() -> tuple[Deployment, tuple[int, int] | None]:
            try:
                with self._file.locked():
                    return change(), self._file.stamp()
            except OSError as error:
                raise StorageError(
                    f"{self._file.path.parent} cannot be written ({error.strerror}); nothing has "
                    "changed, try again when it can"
                ) from None

        async with self._swapping:
            await self._load(changed)
            assert self.current is not None
            return self.current

    def _reloaded(self, changes: Mapping[str, Any]) -> Deployment:
        record = self._file.read()
        plan = self._configured()
        if changes:
            base = plan if record is None else record.current.plan
            plan = replace(base, **changes)
        found = self._file.find(plan)
        placed = found.placed
        configured = record.configured if record and changes else placed
        previous = self._before(record, placed)
        self._file.write(Record(self._start, configured, placed, previous), found.bundles)
        return found.deployment

    @property
    def _answering(self) -> Deployment:
        if self.current is None:
            raise DeploymentError("No model has been loaded yet; the log says why if this lasts.")
        return self.current

    @staticmethod
    def _before(record: Record | None, placed: Placed) -> Placed | None:
        if record is None:
            return None
        return record.previous if record.current == placed else record.current

    def _rolled_back(self) -> Deployment:
        record = self._file.read()
        if record is None or record.previous is None:
            raise DeploymentError("There is no deployment before the current one to return to.")
        deployment = self._file.load(record.previous)
        before, now = (d.champion.scorer.contract.name for d in (deployment, self._answering))
        if before != now:
            raise DeploymentError(
                f"The deployment before is of another data set, {before}; reload to name a bundle."
            )
        self._file.write(replace(record, current=record.previous, previous=record.current))
        return deployment

    async def previous(self) -> Placed | None:
        """Return what a rollback would return to."""
        record = await asyncio.to_thread(self._file.read)
        return None if record is None else record.previous

    def _complain(self, problem: str) -> None:
        if problem != self._problem:
            logger.error("%s", problem)
            self._problem = problem
