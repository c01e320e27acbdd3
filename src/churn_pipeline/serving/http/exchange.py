"""One request and its answer, as the routes see them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import msgspec

from churn_pipeline.serving.audit.records import Asked, AuditedCustomer
from churn_pipeline.serving.http.bodies import Body
from churn_pipeline.serving.http.headers import Header
from churn_pipeline.serving.http.networks import AllowedNetworks
from churn_pipeline.serving.http.request_ids import LOG_FIELDS, trace_id
from churn_pipeline.serving.identity.caller import Caller, Scope

encode = msgspec.json.Encoder().encode


class Request:
    """One request on a route of the service.

    Parameters
    ----------
    request_id : str
        Unique over all workers and restarts, unless the client sent its own.
    headers : mapping of bytes to bytes
        Names in lower case; of a header that stands twice the last value.
    client : str or None
        Address of the connection.
    body : Body
        Not read yet.
    traceparent : bytes or None
        The header of W3C's Trace Context, checked.

    Attributes
    ----------
    key : Caller or None
        Whose request it is, once that is known.
    """

    __slots__ = ("body", "client", "headers", "id", "key", "traceparent")

    def __init__(
        self,
        request_id: str,
        headers: Mapping[bytes, bytes],
        client: str | None,
        body: Body,
        traceparent: bytes | None = None,
    ) -> None:
        self.id = request_id
        self.traceparent = traceparent
        self.headers = headers
        self.client = client
        self.key: Caller | None = None
        self.body = body

    def asked(self, route: str, status: int) -> Asked:
        """Return what the audit log says of the request."""
        key = self.key
        return Asked(
            self.id,
            trace_id(self.traceparent),
            None if key is None else key.key_id,
            self.client,
            route,
            status,
        )

    def log_fields(self) -> dict[str, dict[str, str | None]]:
        """Return what a log line about the request holds besides its message, as JSON."""
        key = self.key
        return {
            LOG_FIELDS: {
                "request_id": self.id,
                "trace_id": trace_id(self.traceparent),
                "key": None if key is None else key.key_id,
                "address": self.client,
            }
        }

    def json(self, max_bytes: int) -> Awaitable[Any]:
        """Return the decoded body; see :meth:`~churn_pipeline.serving.http.bodies.Body.json`."""
        return self.body.json(max_bytes)

    def batch(self, max_bytes: int) -> AbstractAsyncContextManager[Any]:
        """Give the decoded body of a batch, while no other one is worked on."""
        return self.body.batch(max_bytes)


@dataclass(slots=True)
class Answer:
    """What a route answers.

    Attributes
    ----------
    content : object
        The body before its encoding as JSON; or encoded, if it is bytes.
    status : int
        HTTP status.
    headers : sequence of header
        Besides those of every answer.
    variant : str
        ``champion``, ``challenger`` or, where both or none answered, empty.
    customers : sequence
        Whom the audit log shall name.
    fixed : sequence of header or None
        Takes the place of the headers of JSON answers.
    is_audited : bool
        Whether the route has written a line of its own.
    """

    content: Any
    status: int = 200
    headers: Sequence[Header] = ()
    variant: str = ""
    customers: Sequence[AuditedCustomer] = ()
    fixed: Sequence[Header] | None = None
    is_audited: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """An address of the service.

    Attributes
    ----------
    method, path : str
    handle : callable
        Answers a request, or raises a :class:`~churn_pipeline.serving.http.refusals.Refusal`.
    scope : str or None
        What a key must be allowed to do; None: any key will do.
    is_public : bool
        Whether it needs no key at all.
    open_to : AllowedNetworks or None
        Whose requests need no key either.
    """

    method: str
    path: str
    handle: Callable[[Request], Awaitable[Answer]]
    scope: Scope | None = None
    is_public: bool = False
    open_to: AllowedNetworks | None = None
