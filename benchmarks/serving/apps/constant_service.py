"""This project's service with everything on, but a constant instead of reading and scoring."""

from typing import Any, cast

import bentoml

from benchmarks.serving.apps.constants import ANSWER
from churn_pipeline.serving.http.exchange import Answer, Request
from churn_pipeline.serving.service import ChurnService, FrontedService, settings


class ConstantScores(FrontedService):
    """Answers ``/v1/score`` with a constant after all that comes before and after scoring."""

    def to_asgi(self, is_main: bool = True) -> object:
        """Return the application that a worker process runs."""
        from churn_pipeline.serving.http.scoring import Scoring

        async def score(_: Scoring, request: Request) -> Answer:
            return Answer({**ANSWER, "request_id": request.id}, variant="champion")

        cast(Any, Scoring).score = score
        return super().to_asgi(is_main)


ConstantService = bentoml.service(
    cast(Any, ChurnService).inner,
    name="churn_constant",
    service_class=ConstantScores,
    workers=settings.workers,
    logging={"access": {"enabled": False}},
)
