"""The routes of the documentation: OpenAPI and BentoML's schema for programs, a page for people."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from churn_pipeline.serving.docs.docs_page import FILES
from churn_pipeline.serving.docs.openapi import build_openapi
from churn_pipeline.serving.http.exchange import Answer, Request, Route, encode
from churn_pipeline.serving.http.headers import DOCS_HEADERS
from churn_pipeline.serving.models.variants import Variant
from churn_pipeline.serving.worker import Worker


class Documents:
    """Answers what the service looks like; by the settings to everybody, or to any key.

    Parameters
    ----------
    worker : Worker
    schema : mapping
        What BentoML's clients ask for before anything else.
    """

    def __init__(self, worker: Worker, schema: Mapping[str, Any]) -> None:
        self._worker = worker
        self._schema = encode(schema)
        self._described: tuple[Variant, bytes] | None = None

    @property
    def routes(self) -> tuple[Route, ...]:
        """The addresses."""
        public = self._worker.settings.public_routes
        pages = (
            Route("GET", path, _page(content_type, content), is_public="/docs" in public)
            for path, (content_type, content) in FILES.items()
        )
        is_public = "/openapi.json" in public
        return (
            Route("GET", "/openapi.json", self.openapi, is_public=is_public),
            Route("GET", "/schema.json", self.schema, is_public=is_public),
            *pages,
        )

    async def schema(self, request: Request) -> Answer:
        """Describe the native routes as BentoML does."""
        return Answer(self._schema)

    async def openapi(self, request: Request) -> Answer:
        """Describe the service by the contract of the model that answers."""
        champion = self._worker.deployment.champion
        if self._described is None or self._described[0] is not champion:
            document = build_openapi(champion.scorer, self._worker.settings)
            self._described = champion, encode(document)
        return Answer(self._described[1])


def _page(content_type: bytes, content: bytes) -> Callable[[Request], Awaitable[Answer]]:
    headers = ((b"content-type", content_type), *DOCS_HEADERS)

    async def answer(request: Request) -> Answer:
        return Answer(content, fixed=headers)

    return answer
