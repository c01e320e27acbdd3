"""The BentoML service: ``bentoml serve churn_pipeline.serving.service:ChurnService``.

BentoML starts and watches the worker processes and answers probes and metrics; the service's own
routes are answered in front of its application, see :mod:`churn_pipeline.serving.app`.
"""

import os

os.environ.setdefault("BENTOML_DO_NOT_TRACK", "true")
os.environ.setdefault("OTEL_SDK_DISABLED", "true")

import logging
import socket
import sys
import types
from typing import Any
from uuid import uuid4

import bentoml
import uvicorn
from _bentoml_sdk import Service  # type: ignore[import-untyped]
from bentoml._internal.context import server_context

from churn_pipeline.serving.connections import BoundedProtocol
from churn_pipeline.serving.identity.start import check_files
from churn_pipeline.serving.networks import trust_no_proxy
from churn_pipeline.serving.settings import load_settings

# Workers inherit it from the process that starts them
START = os.environ.setdefault("CHURN_SERVICE_START", uuid4().hex)
LISTENERS = 32
trust_no_proxy(os.environ)
settings = load_settings()


def _spare_the_proxy() -> None:
    """Keep BentoML from importing its proxy, which serves commands and costs a worker 0.25 s."""
    name = "_bentoml_impl.server.proxy"
    if name not in sys.modules:
        stand_in: Any = types.ModuleType(name)
        stand_in.create_proxy_app = None
        sys.modules[name] = stand_in


def _adapt_uvicorn() -> None:
    """Let uvicorn bound what a connection sends, and listen on the socket many times over.

    uvloop accepts one connection a listener and turn of its loop. A busy worker turns a few times a
    second, so that of a thousand clients who arrive at once the last would wait for a minute.
    """
    plain = uvicorn.Server.run

    def run(server: uvicorn.Server, sockets: list[socket.socket] | None = None) -> None:
        server.config.http = BoundedProtocol
        # not listener.dup(), which makes the socket a blocking one in all workers for a moment: one
        # that looks for a client just then would wait for one, and answer nobody
        more = [
            socket.socket(fileno=os.dup(listener.fileno()))
            for listener in sockets or ()
            for _ in range(LISTENERS - 1)
        ]
        plain(server, [*(sockets or ()), *more] or None)

    uvicorn.Server.run = run  # type: ignore[assignment,method-assign]


class FrontedService(Service[Any]):
    """A BentoML service whose ASGI application has another in front."""

    def to_asgi(self, is_main: bool = True) -> Any:
        """Return the application that a worker process runs."""
        _spare_the_proxy()
        _adapt_uvicorn()
        bentoml_app = super().to_asgi(is_main=is_main)
        # Imported in workers only: prometheus_client needs their environment
        from churn_pipeline.serving.app import ServingApp
        from churn_pipeline.serving.documents import Documents
        from churn_pipeline.serving.management import Management
        from churn_pipeline.serving.scoring import Scoring
        from churn_pipeline.serving.worker import Process, Worker

        # Uvicorn would format a line a request for a log that nobody sees
        access_log = logging.getLogger("uvicorn.access")
        access_log.handlers, access_log.propagate = [], False
        worker = Worker(load_settings, Process(START, server_context.worker_index or 1))
        self.inner.worker = worker
        parts = (Scoring(worker), Management(worker), Documents(worker))
        return ServingApp(bentoml_app, worker, [route for part in parts for route in part.routes])


@bentoml.service(
    name="churn",
    service_class=FrontedService,
    workers=settings.workers,
    metrics={"enabled": True},
    logging={"access": {"enabled": False}},
)
class ChurnService:
    """Scores customers by the packaged model."""

    worker: Any = None

    @bentoml.on_deployment
    def check_files() -> None:  # type: ignore[misc]
        """End the start if a file that decides who may ask cannot be used."""
        check_files(settings)

    @bentoml.on_startup
    async def start(self) -> None:
        """Start loading the models."""
        self.worker.start()

    def __is_ready__(self) -> bool:
        """Say whether a model is loaded."""
        return self.worker.models.current is not None

    @bentoml.on_shutdown
    async def stop(self) -> None:
        """Write what has gathered."""
        await self.worker.stop()
