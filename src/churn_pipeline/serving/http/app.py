"""The ASGI application in front of BentoML's: it answers the service's own routes itself.

BentoML's middlewares cost more than a score does, so they see only what belongs to BentoML: the
probes, the metrics and the life of the process.
"""

import logging
import math
import re
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from traceback import extract_tb
from typing import Any

from churn_pipeline.serving.audit import AuditUnavailable
from churn_pipeline.serving.http.bodies import Body, Receive
from churn_pipeline.serving.http.connections import WHOLE_ANSWER
from churn_pipeline.serving.http.exchange import Answer, Request, Route, encode
from churn_pipeline.serving.http.headers import (
    INSUFFICIENT_SCOPE,
    INVALID_TOKEN,
    JSON_HEADERS,
    Header,
)
from churn_pipeline.serving.http.refusals import ClientGone, Refusal, unaudited
from churn_pipeline.serving.http.request_ids import RequestIds, id_headers, trace_parent
from churn_pipeline.serving.identity.caller import Caller, Unauthorized
from churn_pipeline.serving.worker import Worker

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Scope = MutableMapping[str, Any]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_NONE: dict[str, Any] = {}
_OF_BENTOML = frozenset({b"/livez", b"/healthz", b"/readyz"})
_FILES_OF_BENTOML = re.compile(rb"/static_content/[a-z0-9-]+\.(css|js|png)")

logger = logging.getLogger("bentoml.churn")


class ServingApp:
    """Answers the routes it is given and passes BentoML's own to BentoML.

    Parameters
    ----------
    bentoml_app : callable
        BentoML's ASGI application.
    worker : Worker
        What this process holds.
    routes : iterable of Route
    """

    def __init__(self, bentoml_app: Application, worker: Worker, routes: Iterable[Route]) -> None:
        self._bentoml_app = bentoml_app
        self._worker = worker
        self._routes = {(route.method, route.path.encode()): route for route in routes}
        self._methods: dict[bytes, list[str]] = {}
        for method, path in self._routes:
            self._methods.setdefault(path, []).append(method)
        self._ids = RequestIds()
        self._has_pages = "/docs" in worker.settings.public_routes
        self._cors = worker.cors if worker.cors.is_open else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or pass on one request, or the start and end of the process."""
        kind = scope["type"]
        if kind == "http":
            route = self._routes.get((scope["method"], scope["raw_path"]))
            if route is not None:
                await self._answer(route, scope, receive, send)
            elif not await self._passed_on(scope, receive, send):
                await self._answer(self._no_route(scope), scope, receive, send)
        elif kind == "websocket":
            await send({"type": "websocket.close", "code": 1000, "reason": ""})
        else:
            await self._bentoml_app(scope, receive, send)

    async def _passed_on(self, scope: Scope, receive: Receive, send: Send) -> bool:
        path = scope["raw_path"]
        if scope["method"] not in ("GET", "HEAD"):
            return False
        if path not in _OF_BENTOML and not (self._has_pages and _FILES_OF_BENTOML.fullmatch(path)):
            return False
        headers = dict(scope["headers"])
        ids = id_headers(self._ids.of(headers), trace_parent(headers))

        async def send_with_ids(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *ids]}
            await send(message)

        await self._bentoml_app(scope, receive, send_with_ids)
        return True

    async def _answer(self, route: Route, scope: Scope, receive: Receive, send: Send) -> None:
        begin = time.perf_counter()
        metrics = self._worker.metrics
        client = scope["client"]
        headers = dict(scope["headers"])
        body = Body(headers, receive, self._worker.bounds, client[0] if client else None)
        request = Request(
            self._ids.of(headers),
            headers,
            client[0] if client else None,
            body,
            trace_parent(headers),
        )
        reason = "internal"
        try:
            if not route.is_public:
                await self._admit(request, route)
            answer = await route.handle(request)
        except Refusal as refusal:
            reason = refusal.reason
            answer = self._refused(request, refusal)
        except AuditUnavailable:
            reason = "audit"
            answer = self._refused(request, unaudited())
        except ClientGone:
            metrics.failed("client_gone")
            return
        except Exception as error:
            answer = self._fault(request, error)
        finally:
            body.release()
        is_open = route.is_public or (request.key is None and route.open_to is not None)
        if not (is_open or answer.is_audited):
            answer = await self._audited(route, request, answer, reason)
        await self._send(request, answer, scope, send)
        seconds = time.perf_counter() - begin
        metrics.answered(route.path, answer.status, answer.variant, seconds)

    def _refused(self, request: Request, refusal: Refusal) -> Answer:
        self._worker.metrics.rejected(refusal.reason)
        return Answer(refusal.content(request.id), refusal.status, refusal.headers)

    async def _audited(self, route: Route, request: Request, answer: Answer, reason: str) -> Answer:
        """Return the answer once the audit log has it; where it cannot have it, a refusal."""
        audit = self._worker.audit
        asked = request.asked(route.path, answer.status)
        if answer.status >= 400:
            audit.refused(asked, reason, time.time())
            return answer
        try:
            await audit.answered(asked, time.time(), answer.customers)
        except AuditUnavailable:
            return self._refused(request, unaudited())
        return answer

    async def _admit(self, request: Request, route: Route) -> None:
        """Refuse the request unless its sender may ask this, here and now."""
        worker = self._worker
        if route.open_to is not None and route.open_to.allows(request.client):
            return
        if not worker.networks.allows(request.client):
            worker.metrics.unauthorized("network")
            sentence = "Requests from this address are not allowed."
            raise self._stranger(request, Refusal(403, "network", sentence))
        if worker.settings.authentication:
            try:
                key = request.key = await self._caller(request)
                request.body.caller = key.key_id
            except Unauthorized as refusal:
                worker.metrics.unauthorized(refusal.cause)
                raise self._stranger(request, refusal) from None
            except Refusal as refusal:
                raise self._stranger(request, refusal) from None
            if worker.shared is None:
                wait = worker.wait_of(key)
            else:
                wait = await worker.shared_wait_of(key)
            if wait:
                raise _too_many(wait)
            if not key.scopes:
                sentence = "This key or token may do nothing here; it has no scope of this service."
                raise Refusal(403, "scope", sentence, headers=(INSUFFICIENT_SCOPE,))
            if route.scope is not None and route.scope not in key.scopes:
                sentence = f"This key may not do that; it needs the scope {route.scope}."
                raise Refusal(403, "scope", sentence, headers=(INSUFFICIENT_SCOPE,))
        elif route.scope == "admin":
            raise Refusal(
                403,
                "scope",
                "Without authentication nobody may do that; turn it on in params.yaml.",
            )

    async def _caller(self, request: Request) -> Caller:
        authorization = request.headers.get(b"authorization")
        tokens = self._worker.tokens
        if tokens is not None and authorization is not None and tokens.takes(authorization):
            return await tokens.authenticate(authorization)
        key = self._worker.keys.authenticate(authorization, request.client)
        shared = self._worker.shared
        if shared is not None and key.key_id in shared.revoked:
            sentence = "The key has been revoked on another host."
            raise Unauthorized("key_revoked", sentence, INVALID_TOKEN)
        return key

    def _stranger(self, request: Request, refusal: Refusal) -> Refusal:
        """Return the refusal, or another one if the address is refused again and again."""
        wait = self._worker.failures.failed(request.client)
        return _too_many(wait) if wait else refusal

    def _fault(self, request: Request, error: Exception) -> Answer:
        """Answer a fault of the service itself; the log gets no value of the request."""
        place = extract_tb(error.__traceback__)[-1]
        logger.error(
            "%s at %s:%s while answering %s",
            type(error).__name__,
            place.filename,
            place.lineno,
            request.id,
            extra=request.log_fields(),
        )
        self._worker.metrics.failed("internal")
        sentence = "The service failed to answer; tell its operator the request id."
        return Answer({"error": sentence, "request_id": request.id}, 500)

    async def _send(self, request: Request, answer: Answer, scope: Scope, send: Send) -> None:
        content = answer.content
        body = content if type(content) is bytes else encode(content)
        headers: list[Header] = [
            (b"content-length", b"%d" % len(body)),
            *(JSON_HEADERS if answer.fixed is None else answer.fixed),
            *answer.headers,
            *id_headers(request.id, request.traceparent),
        ]
        if self._cors is not None:
            headers += self._cors.answer_headers(request.headers.get(b"origin"))
        if answer.status == 200:
            send_whole = scope.get("extensions", _NONE).get(WHOLE_ANSWER)
            if send_whole is not None and send_whole(headers, body):
                return
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _no_route(self, scope: Scope) -> Route:
        """Return a route that refuses, without a label of the client's choice in the metrics."""
        path = scope["raw_path"]
        allowed = self._methods.get(path, ["GET", "HEAD"] if path in _OF_BENTOML else [])

        async def refuse(request: Request) -> Answer:
            if not allowed:
                raise Refusal(404, "not_found", "There is nothing at this path; see /docs.")
            headers = request.headers
            if (
                self._cors is not None
                and scope["method"] == "OPTIONS"
                and b"access-control-request-method" in headers
            ):
                return self._preflight(headers.get(b"origin"))
            raise Refusal(
                405,
                "method",
                f"This path answers {', '.join(allowed)} only.",
                headers=((b"allow", ", ".join(allowed).encode()),),
            )

        return Route("", "unknown" if not allowed else path.decode(), refuse, is_public=True)

    def _preflight(self, origin: bytes | None) -> Answer:
        headers = self._worker.cors.preflight_headers(origin)
        if headers is None:
            raise Refusal(403, "origin", "Pages of this origin may not ask.")
        # Every answer to the origin carries some of them already
        more = set(headers).difference(self._worker.cors.answer_headers(origin))
        return Answer(b"", 204, sorted(more), fixed=())


def _too_many(wait: float) -> Refusal:
    seconds = math.ceil(wait)
    return Refusal(
        429,
        "rate_limit",
        f"Too many requests; wait {seconds} s.",
        headers=((b"retry-after", b"%d" % seconds),),
    )
