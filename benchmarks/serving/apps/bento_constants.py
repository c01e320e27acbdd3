"""BentoML answers a constant: by an ASGI app that it mounts, and by a route of its own."""

from typing import Any

import bentoml

from benchmarks.serving.apps.constants import ANSWER
from benchmarks.serving.apps.customer import Customer
from benchmarks.serving.apps.floor import app


@bentoml.service
@bentoml.asgi_app(app, path="/mounted")
class MountedConstant:
    """The floor's app, mounted."""


@bentoml.service
class NativeConstant:
    """A route as BentoML's tutorial writes it."""

    @bentoml.api
    def score(self, customer: Customer) -> dict[str, Any]:
        """Answer a constant."""
        return dict(ANSWER)
