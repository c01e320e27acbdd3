"""Headers that tell browsers what answers may do, and which web pages may ask."""

from collections.abc import Iterable

Header = tuple[bytes, bytes]

_COMMON: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)

JSON_HEADERS: tuple[Header, ...] = (
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    *_COMMON,
)
"""Of every JSON answer, errors included."""

DOCS_HEADERS: tuple[Header, ...] = (
    (b"cache-control", b"no-cache"),
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; "
        b"img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        b"frame-ancestors 'none'",
    ),
    (b"cross-origin-opener-policy", b"same-origin"),
    *_COMMON,
)
"""Of the documentation page and its files, besides their content type."""

CHALLENGE: Header = (b"www-authenticate", b'Bearer realm="churn"')
"""Of an answer 401 to a request without credentials (RFC 6750, section 3)."""

INVALID_TOKEN: Header = (b"www-authenticate", b'Bearer realm="churn", error="invalid_token"')
"""Of an answer 401 to a request with a key or token that is not good."""

INSUFFICIENT_SCOPE: Header = (
    b"www-authenticate",
    b'Bearer realm="churn", error="insufficient_scope"',
)
"""Of an answer 403 to a request whose key or token allows too little."""

_VARY: Header = (b"vary", b"Origin")


class Cors:
    """Which web pages may read answers: cross-origin resource sharing (WHATWG Fetch, section 3.3).

    Parameters
    ----------
    origins : iterable of str
        Exact origins such as ``https://example.org``; empty: no page of another origin.

    Attributes
    ----------
    is_open : bool
        Whether any origin is allowed, so that preflight requests are to be answered.
    """

    def __init__(self, origins: Iterable[str]) -> None:
        self._answers: dict[bytes, tuple[Header, ...]] = {}
        for origin in origins:
            self._answers[origin.encode()] = (
                (b"access-control-allow-origin", origin.encode()),
                (b"access-control-expose-headers", b"Retry-After, X-Request-ID"),
                _VARY,
            )
        self.is_open = bool(self._answers)
        self._strangers: tuple[Header, ...] = (_VARY,) if self.is_open else ()

    def answer_headers(self, origin: bytes | None) -> tuple[Header, ...]:
        """Return what an answer to a request with this ``Origin`` carries besides."""
        return self._answers.get(origin or b"", self._strangers)

    def preflight_headers(self, origin: bytes | None) -> tuple[Header, ...] | None:
        """Return the headers of the answer 204 to a preflight request; None: refuse it by 403.

        A preflight request is an ``OPTIONS`` with ``Access-Control-Request-Method``.
        """
        answer = self._answers.get(origin or b"")
        if answer is None:
            return None
        return (
            *answer,
            (b"access-control-allow-methods", b"GET, POST"),
            (
                b"access-control-allow-headers",
                b"Authorization, Content-Type, X-Request-ID, traceparent",
            ),
            (b"access-control-max-age", b"600"),
        )
