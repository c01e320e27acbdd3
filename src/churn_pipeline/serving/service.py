"""The BentoML service: ``bentoml serve churn_pipeline.serving.service:ChurnService``.

BentoML starts and watches the worker processes and answers probes and metrics; the service's own
routes are answered in front of its application, see :mod:`churn_pipeline.serving.http.app`.
"""

import os

os.environ.setdefault("BENTOML_DO_NOT_TRACK", "true")
os.environ.setdefault("OTEL_SDK_DISABLED", "true")

import logging
import sys
import types
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import bentoml
from _bentoml_sdk import Service  # type: ignore[import-untyped]
from bentoml._internal.configuration.containers import BentoMLContainer
from bentoml._internal.context import server_context

from churn_pipeline.serving.http.listening import adapt_uvicorn
from churn_pipeline.serving.http.native_api import NativeApi
from churn_pipeline.serving.http.networks import trust_no_proxy
from churn_pipeline.serving.instance import instance_folder
from churn_pipeline.serving.logs import use_format
from churn_pipeline.serving.settings import STARTED_IN, load_settings
from churn_pipeline.serving.start import check_files

trust_no_proxy(os.environ)
settings = load_settings()
use_format(settings.log_format)
FOLDER = instance_folder()
BentoMLContainer.prometheus_multiproc_dir.set(str(FOLDER / "metrics"))


def _spare_the_proxy() -> None:
    """Keep BentoML from importing its proxy, which serves commands and costs a worker 0.25 s."""
    name = "_bentoml_impl.server.proxy"
    if name not in sys.modules:
        stand_in: Any = types.ModuleType(name)
        stand_in.create_proxy_app = None
        sys.modules[name] = stand_in


def _port(service: str) -> int | None:
    """Return the port that the workers of this service listen on."""
    return urlsplit(BentoMLContainer.remote_runner_mapping.get().get(service, "")).port


class FrontedService(Service[Any]):
    """A BentoML service whose ASGI application has another in front."""

    def to_asgi(self, is_main: bool = True) -> Any:
        """Return the application that a worker process runs."""
        _spare_the_proxy()
        bentoml_app = super().to_asgi(is_main=is_main)
        # Imported in workers only: prometheus_client needs their environment
        from churn_pipeline.serving.docs.documents import Documents
        from churn_pipeline.serving.http.app import ServingApp
        from churn_pipeline.serving.http.management import Management
        from churn_pipeline.serving.http.monitoring import Monitoring
        from churn_pipeline.serving.http.native import NativeRoutes
        from churn_pipeline.serving.http.scoring import Scoring
        from churn_pipeline.serving.worker import Process, Worker

        # Uvicorn would format a line a request for a log that nobody sees
        access_log = logging.getLogger("uvicorn.access")
        access_log.handlers, access_log.propagate = [], False
        process = Process(FOLDER.name, server_context.worker_index or 1, FOLDER, _port(self.name))
        worker = Worker(load_settings, process)
        adapt_uvicorn(worker.bounds, worker.certificate)
        self.inner.worker = worker
        scoring = Scoring(worker)
        native = NativeRoutes(bentoml_app, scoring, worker.settings.max_body_bytes)
        parts = (
            scoring,
            Management(worker),
            Documents(worker, self.schema()),
            Monitoring(worker),
            native,
        )
        return ServingApp(bentoml_app, worker, [route for part in parts for route in part.routes])


@bentoml.service(
    name="churn",
    service_class=FrontedService,
    workers=settings.workers,
    metrics={"enabled": True},
    logging={"access": {"enabled": False}},
)
class ChurnService(NativeApi):
    """Scores customers by the packaged model."""

    worker: Any = None

    @bentoml.on_deployment
    def check_files() -> None:
        """End the start if a file that it needs cannot be used."""
        # for the workers as well, whom BentoML takes to the folder of a Bento
        os.environ[STARTED_IN] = str(Path.cwd())
        check_files(load_settings())

    @bentoml.on_startup
    async def start(self) -> None:
        """Load the models, knowing which keys other hosts revoked.

        BentoML lets the worker listen when this returns.
        """
        if self.worker.shared is not None:
            await self.worker.shared.refresh()
        self.worker.start()
        await self.worker.settle()

    def __is_ready__(self) -> bool:
        """Say whether a model is loaded, and the worker not about to end."""
        return self.worker.models.current is not None and not self.worker.bounds.is_draining

    @bentoml.on_shutdown
    async def stop(self) -> None:
        """Write what has gathered."""
        await self.worker.stop()
