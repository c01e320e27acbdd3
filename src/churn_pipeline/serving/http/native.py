"""BentoML's own routes to the scores, for its clients: the same answers by a longer way.

The application in front admits, limits, counts and audits these requests as it does all others. In
between they pass through BentoML's middlewares and its API method, which costs several times as
much as the score.
"""

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

from bentoml._internal.server import http_app

from churn_pipeline.serving.http.exchange import Answer, Request, Route, encode
from churn_pipeline.serving.http.native_api import CALL
from churn_pipeline.serving.http.refusals import Refusal
from churn_pipeline.serving.http.scoring import Scoring

Handle = Callable[[Request], Awaitable[Answer]]
Message = MutableMapping[str, Any]


class _Record(Request):
    """A request whose body has been read: by us for its limits, then by BentoML."""

    __slots__ = ("_content",)

    def __init__(self, request: Request, content: Any) -> None:
        super().__init__(
            request.id, request.headers, request.client, request.body, request.traceparent
        )
        self.key = request.key
        self._content = content

    async def json(self, max_bytes: int) -> Any:
        return self._content

    def batch(self, max_bytes: int) -> AbstractAsyncContextManager[Any]:
        return nullcontext(self._content)  # it has the turn already


class NativeCall:
    """One request on its way through BentoML.

    Parameters
    ----------
    request : Request
    handle : callable
        What answers it in the end.
    """

    def __init__(self, request: Request, handle: Handle) -> None:
        self._request = request
        self._handle = handle
        self.answer: Answer | None = None
        self.problem: Exception | None = None

    async def run(self, content: Any) -> dict[str, Any]:
        """Answer with what BentoML read of the body."""
        try:
            self.answer = await self._handle(_Record(self._request, content))
        except Exception as problem:  # BentoML would make another answer of it
            self.problem = problem
            return {}
        return dict(self.answer.content)


class NativeRoutes:
    """The addresses of BentoML's methods in the application in front of BentoML's.

    Parameters
    ----------
    bentoml_app : callable
        BentoML's ASGI application.
    scoring : Scoring
    max_bytes : int
        Of a body.
    """

    def __init__(
        self, bentoml_app: Callable[..., Awaitable[None]], scoring: Scoring, max_bytes: int
    ) -> None:
        self._bentoml_app = bentoml_app
        self._scoring = scoring
        self._max_bytes = max_bytes
        # it would log the values that it could not read
        http_app.logger.addFilter(_without_values)

    @property
    def routes(self) -> tuple[Route, ...]:
        """The addresses."""
        scoring = self._scoring
        return (
            self._route("/score", "customer", dict, scoring.score, "score"),
            self._route("/score_batch", "customers", list, scoring.score_batch, "score"),
            self._route("/explain", "customer", dict, scoring.explain, "explain"),
            self._route("/explain_batch", "customers", list, scoring.explain_batch, "explain"),
        )

    def _route(self, path: str, argument: str, kind: type, handle: Handle, scope: Any) -> Route:
        async def answer(request: Request) -> Answer:
            if kind is dict:
                return await answer_to(request, await request.json(self._max_bytes))
            async with request.batch(self._max_bytes) as content:
                return await answer_to(request, content)

        async def answer_to(request: Request, content: Any) -> Answer:
            if not (
                isinstance(content, dict)
                and list(content) == [argument]
                and isinstance(content[argument], kind)
                and (kind is dict or all(isinstance(item, dict) for item in content[argument]))
            ):
                shape = "a record" if kind is dict else "a list of records"
                message = f'The body must be {{"{argument}": …}} with {shape}.'
                error: dict[str, str | None] = {"field": argument, "message": message}
                raise Refusal(422, "validation", message, errors=[error])
            return await self._through_bentoml(path, request, encode(content), handle)

        return Route("POST", path, answer, scope)

    async def _through_bentoml(
        self, path: str, request: Request, body: bytes, handle: Handle
    ) -> Answer:
        call = NativeCall(request, handle)
        status, parts = 0, []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                parts.append(message.get("body", b""))

        headers = {**request.headers, b"content-length": b"%d" % len(body)}
        # what it holds is known here, and neither it nor BentoML's logs need the key
        for name in (b"authorization", b"transfer-encoding"):
            headers.pop(name, None)
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": b"",
            "headers": list(headers.items()),
            "client": request.client and (request.client, 0),
            "server": None,
            CALL: call,
        }
        await self._bentoml_app(scope, receive, send)
        if call.problem is not None:
            raise call.problem
        if call.answer is None or status != 200:
            raise Refusal(
                422 if status == 400 else 503,
                "bentoml",
                "BentoML could not read or answer the request; /v1/score says more.",
            )
        return Answer(
            b"".join(parts), 200, variant=call.answer.variant, customers=call.answer.customers
        )


def _without_values(record: logging.LogRecord) -> bool:
    if record.exc_info:
        kind = record.exc_info[0]
        record.msg = f"{record.getMessage()}: {kind.__name__ if kind else 'error'}"
        record.args, record.exc_info = (), None
    return True
