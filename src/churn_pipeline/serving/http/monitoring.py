"""The route of Prometheus: the metrics as text, rendered at most once a second."""

import asyncio
import time
from collections.abc import Callable

from prometheus_client import CONTENT_TYPE_LATEST

from churn_pipeline.serving.http.exchange import Answer, Request, Route
from churn_pipeline.serving.http.headers import Header
from churn_pipeline.serving.http.networks import AllowedNetworks
from churn_pipeline.serving.worker import Worker

LASTING_SECONDS = 1.0
"""So long the same text is answered: rendering takes as long as some fifty scores."""
_HEADERS: tuple[Header, ...] = (
    (b"content-type", CONTENT_TYPE_LATEST.encode()),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)


class Monitoring:
    """Answers ``/metrics``.

    Parameters
    ----------
    worker : Worker
    clock : callable
        Seconds that only rise.
    """

    def __init__(self, worker: Worker, clock: Callable[[], float] = time.monotonic) -> None:
        self._worker = worker
        self._clock = clock
        self._rendering: asyncio.Task[bytes] | None = None
        self._rendered = 0.0

    @property
    def routes(self) -> tuple[Route, ...]:
        """The addresses."""
        settings = self._worker.settings
        networks = settings.metrics_networks
        is_public = "/metrics" in settings.public_routes
        open_to = AllowedNetworks(networks) if networks else None
        return tuple(
            Route(method, "/metrics", self.metrics, "metrics", is_public, open_to)
            for method in ("GET", "HEAD")
        )

    async def metrics(self, request: Request) -> Answer:
        """Answer the metrics of all workers; those who ask at the same time share one text."""
        now = self._clock()
        if self._rendering is None or now - self._rendered >= LASTING_SECONDS:
            self._rendered = now
            self._worker.metrics.flush()
            # a thread of the loop's, whose work goes on when the client leaves
            self._rendering = asyncio.create_task(asyncio.to_thread(self._worker.metrics.render))
        rendering = self._rendering
        try:
            text = await asyncio.shield(rendering)
        except Exception:
            if self._rendering is rendering:  # the next one tries again
                self._rendering = None
            raise
        return Answer(text, fixed=_HEADERS)
