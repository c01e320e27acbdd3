"""What one worker process holds while it serves, from its start to its end."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from churn_pipeline.serving.audit import AuditLog
from churn_pipeline.serving.feedback import FeedbackLog
from churn_pipeline.serving.http.bounds import Bounds
from churn_pipeline.serving.http.headers import Cors
from churn_pipeline.serving.http.networks import AllowedNetworks
from churn_pipeline.serving.http.rate_limit import FailureLimiter, RateLimiter
from churn_pipeline.serving.http.refusals import Refusal
from churn_pipeline.serving.http.tls import Certificate
from churn_pipeline.serving.identity.caller import Caller
from churn_pipeline.serving.identity.key_store import KeyStore
from churn_pipeline.serving.identity.key_use import KeyUse
from churn_pipeline.serving.metrics import Metrics
from churn_pipeline.serving.models.deployments import DeploymentFile
from churn_pipeline.serving.models.loaded import Models
from churn_pipeline.serving.models.shadow import Shadow
from churn_pipeline.serving.models.variants import Deployment, configured_plan, described
from churn_pipeline.serving.settings import ServingSettings

if TYPE_CHECKING:
    from churn_pipeline.serving.shared_state import SharedState

logger = logging.getLogger("bentoml.churn")

FLUSH_SECONDS = 0.5
CERTIFICATE_SECONDS = 10.0
"""A renewed certificate is presented after that time."""
KEY_USE_SECONDS = 10.0
"""A worker that is killed loses the uses of so long."""


@dataclass(frozen=True)
class Process:
    """Which process this is.

    Attributes
    ----------
    start : str
        The start of the service it belongs to.
    worker : int
        Number of the worker, from 1.
    folder : Path or None
        Holds what ends with that start; None: the folder of the deployment does.
    port : int or None
        Where the service listens.
    """

    start: str
    worker: int
    folder: Path | None = None
    port: int | None = None


class Worker:
    """Everything that the routes of one worker process share.

    Parameters
    ----------
    read_settings : callable
        Returns the settings; asked again for what shall be deployed when models are reloaded.
    process : Process
    metrics : Metrics, optional
        By default, those that BentoML exposes.

    Raises
    ------
    ChurnPipelineError
        If the keys or the audit log cannot be used.
    """

    def __init__(
        self,
        read_settings: Callable[[], ServingSettings],
        process: Process,
        metrics: Metrics | None = None,
    ) -> None:
        self.settings = settings = read_settings()
        self.networks = AllowedNetworks(settings.allowed_networks)
        self.keys = KeyStore(settings.api_keys)
        self.key_use = KeyUse(settings.key_use)
        self.failures = FailureLimiter()
        self.cors = Cors(settings.cors_origins)
        self.metrics = metrics or Metrics()
        self.tokens = None
        if settings.tokens is not None:
            from churn_pipeline.serving.identity.tokens import Tokens  # loads the cryptography

            self.tokens = Tokens(settings.tokens, self.metrics.failed)
        self.certificate = Certificate(self.metrics.certificate)
        self.bounds = Bounds(settings, self.metrics.rejected)
        self.metrics.started(process.start, process.worker)
        self.audit = AuditLog(
            settings.audit_log,
            process.worker,
            settings.audit_max_bytes,
            settings.audit_files,
            self.keys.audit_key,
            is_kept=self.keys.keeps_audit_key,
            failure=settings.audit_failure,
            to=settings.audit_to,
            full=settings.audit_full,
        )
        self._process = process
        self._known_keys = self.keys.known
        self.feedback = FeedbackLog(
            settings.feedback, settings.feedback_file_bytes, settings.feedback_max_bytes
        )
        self.shadow = Shadow(
            settings.shadow_log,
            process.worker,
            settings.audit_max_bytes,
            settings.max_shadow_bytes,
            self.metrics,
            lambda customer_id: self.audit.hash_customer(customer_id),
        )
        group = settings.deployment_group
        file = DeploymentFile(
            settings.deployment / (f"group-{group}" if group else f"port-{process.port or 0}"),
            group is not None,
            settings.allow_ungated,
        )
        self.models = Models(
            file, lambda: configured_plan(read_settings()), process.start, self._deployed
        )
        self._limiter = RateLimiter((process.folder or settings.deployment) / "rates")
        self.shared = self._shared_state()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def deployment(self) -> Deployment:
        """What answers now.

        Raises
        ------
        Refusal
            503 while nothing has been loaded.
        """
        deployment = self.models.current
        if deployment is None:
            raise Refusal(
                503,
                "not_ready",
                "The service has loaded no model yet; its log says why if this lasts.",
                headers=((b"retry-after", b"1"),),
            )
        return deployment

    @property
    def bundle_folders(self) -> tuple[Path, ...]:
        """The folders below which bundles may be deployed by a request."""
        settings = self.settings
        bundles = [b for b in (settings.champion, settings.challenger) if b is not None]
        return tuple(dict.fromkeys(bundle.parent.resolve() for bundle in bundles))

    def wait_of(self, key: Caller) -> float:
        """Count a request of a key; return 0 or the seconds it must wait."""
        rate, burst = self._limits_of(key)
        return self._limiter.allow(key.key_id, rate, burst)

    async def shared_wait_of(self, key: Caller) -> float:
        """Do so over all hosts."""
        assert self.shared is not None
        return await self.shared.wait_of(key.key_id, *self._limits_of(key))

    def _limits_of(self, key: Caller) -> tuple[float, int]:
        settings = self.settings
        return (
            key.requests_per_second or settings.requests_per_second,
            key.burst or settings.burst,
        )

    def _shared_state(self) -> "SharedState | None":
        if self.settings.redis is None:
            return None
        # only then: importing the client takes a tenth of a second
        from churn_pipeline.serving.shared_state import join

        return join(
            self.settings,
            self.keys,
            self.tokens,
            self._limiter.allow,
            lambda: self.metrics.failed("redis"),
        )

    def start(self) -> None:
        """Start loading the models and writing what gathers; in the event loop."""
        self.audit.happened(
            "worker_started",
            worker=self._process.worker,
            process=os.getpid(),
            service=self._process.start,
            authentication=self.settings.authentication,
            audit_failure=self.settings.audit_failure,
        )
        if not self.settings.authentication:
            logger.warning("serving.authentication is off: anybody may ask for scores")
        work = [
            self.models.follow(),
            # on its own: a revoked key must not live on because a log cannot be written
            self._now_and_then(self._refresh_keys),
            self._now_and_then(self._flush),
            self._now_and_then(self._note_key_use, KEY_USE_SECONDS),
            self._now_and_then(self.certificate.refresh, CERTIFICATE_SECONDS),
            self.shadow.score_waiting(),
            *(() if self.shared is None else (self.shared.follow(),)),
        ]
        if self.tokens is not None:
            work += [self._now_and_then(self.tokens.refresh), self.tokens.follow_keys()]
        for each in work:
            self._tasks.append(asyncio.create_task(each))

    async def settle(self) -> None:
        """Return when the models are loaded or cannot be; a worker listens from then on.

        The keys are read once more, so that one created during the start is known.
        """
        await self.models.tried.wait()
        await self._refresh_keys()

    async def stop(self) -> None:
        """Write what has gathered, once all requests have been answered."""
        for task in self._tasks:
            task.cancel()
        # one that has failed must not keep the rest from being written
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.feedback.close()
        self.shadow.finish()
        self.metrics.flush()
        await self._note_key_use()
        self.shadow.flush()
        self.audit.happened("worker_stopped", worker=self._process.worker, process=os.getpid())
        await asyncio.to_thread(self.audit.close)
        logger.info("Stopped")
        if self.shared is not None:
            await self.shared.close()
        self._limiter.close()

    def _deployed(self, before: Deployment | None, now: Deployment) -> None:
        """Take note that other models answer: after a start, a reload, or another worker's."""
        self.metrics.deployed(before, now)
        old, new = None if before is None else before.versions(), now.versions()
        self.audit.happened(
            "models_in_use", worker=self._process.worker, **{"from": old, "to": new}
        )
        if before is not None:
            logger.info("In use: %s; before: %s", described(new), described(old))

    async def _now_and_then(
        self, work: Callable[[], Awaitable[None]], seconds: float = FLUSH_SECONDS
    ) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await work()
            except Exception as error:
                # Never the end of it
                logger.error("%s while reading keys or writing logs", type(error).__name__)

    async def _refresh_keys(self) -> None:
        await asyncio.to_thread(self.keys.refresh)
        self.metrics.key_file_broken(self.keys.is_broken)
        before, now = self._known_keys, self.keys.known
        if now is before:  # a request may have had them read
            return
        self._known_keys = now
        self.audit.use_key(self.keys.audit_key, self.keys.keeps_audit_key)
        for key_id in sorted({*before, *now}):
            old, new = before.get(key_id), now.get(key_id)
            if old != new:
                self.audit.happened("key_in_use", key=key_id, **{"from": old, "to": new})
                logger.info("The key %s was created, changed or revoked", key_id)

    async def _note_key_use(self) -> None:
        used, self.keys.used = self.keys.used, set()
        await asyncio.to_thread(self.key_use.note, used)

    async def _flush(self) -> None:
        self.metrics.audit_lost(self.audit.take_lost())
        self.metrics.shadowed("unwritten", self.shadow.take_unwritten())
        self.metrics.flush()
        await asyncio.to_thread(self._write)

    def _write(self) -> None:
        self.audit.flush()
        self.shadow.flush()
