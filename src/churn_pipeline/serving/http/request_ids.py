"""By which ids a request is followed through logs of several services.

``X-Request-ID`` is what proxies send by habit, ``traceparent`` the W3C's Trace Context
(https://www.w3.org/TR/trace-context/, section 3.2). Both come from the client: they are checked
before they are written anywhere, and an ``X-Request-ID`` need not be unique.
"""

import re
from collections.abc import Mapping
from itertools import count
from secrets import token_hex

from churn_pipeline.serving.http.headers import Header

LOG_FIELDS = "churn_fields"
"""Attribute of a log record that holds the ids; BentoML overwrites ``request_id``."""

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:@/+=-]{1,128}")
_TRACEPARENT = re.compile(
    rb"(?!ff)(?P<version>[0-9a-f]{2})-(?P<trace>(?!0{32})[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}"
    rb"-[0-9a-f]{2}(?P<more>-[\x21-\x7e]{0,200})?"
)


class RequestIds:
    """Makes ids that no other process makes, and takes those of clients."""

    def __init__(self) -> None:
        self._process = token_hex(8)
        self._numbers = count()

    def new(self) -> str:
        """Return a new id."""
        return f"{self._process}{next(self._numbers):08x}"

    def of(self, headers: Mapping[bytes, bytes]) -> str:
        """Return the id that a request brings, or a new one if it brings none that is usable."""
        given = headers.get(b"x-request-id")
        if given is not None and _REQUEST_ID.fullmatch(given):
            return given.decode()
        return self.new()


def trace_parent(headers: Mapping[bytes, bytes]) -> bytes | None:
    """Return a request's ``traceparent``; None if there is none, or it breaks the standard."""
    given = headers.get(b"traceparent")
    if given is None:
        return None
    found = _TRACEPARENT.fullmatch(given)
    if found is None or (found["version"] == b"00" and found["more"]):
        return None
    return given


def trace_id(parent: bytes | None) -> str | None:
    """Return the trace's id, 32 hexadecimal digits."""
    return None if parent is None else parent[3:35].decode()


def id_headers(request_id: str, parent: bytes | None) -> tuple[Header, ...]:
    """Return the headers by which an answer repeats the ids."""
    own = (b"x-request-id", request_id.encode())
    return (own,) if parent is None else (own, (b"traceparent", parent))
