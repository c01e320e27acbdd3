from __future__ import annotations

from churn_pipeline.serving.http.headers import CHALLENGE, DOCS_HEADERS, JSON_HEADERS, Cors

ORIGIN = "https://example.org"


def test_json_answers_are_nothing_but_data_to_a_browser() -> None:
    headers = dict(JSON_HEADERS)
    assert headers[b"content-type"] == b"application/json"
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert headers[b"cache-control"] == b"no-store"
    assert headers[b"content-security-policy"] == b"default-src 'none'; frame-ancestors 'none'"


def test_the_page_runs_its_own_scripts_only() -> None:
    policy = dict(DOCS_HEADERS)[b"content-security-policy"].decode()
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == "'self'"
    assert directives["connect-src"] == "'self'"
    assert directives["frame-ancestors"] == "'none'"


def test_headers_are_as_asgi_wants_them() -> None:
    cors = Cors([ORIGIN])
    preflight = cors.preflight_headers(ORIGIN.encode())
    assert preflight is not None
    for headers in (JSON_HEADERS, DOCS_HEADERS, (CHALLENGE,), preflight):
        assert all(name == name.lower() for name, _ in headers)
        assert len(dict(headers)) == len(headers)


def test_other_origins_are_closed_by_default() -> None:
    cors = Cors([])
    assert not cors.is_open
    assert cors.answer_headers(ORIGIN.encode()) == ()
    assert cors.answer_headers(None) == ()
    assert cors.preflight_headers(ORIGIN.encode()) is None


def test_an_origin_that_is_named_may_read() -> None:
    cors = Cors([ORIGIN, "http://localhost:8080"])
    assert cors.is_open
    headers = dict(cors.answer_headers(b"http://localhost:8080"))
    assert headers[b"access-control-allow-origin"] == b"http://localhost:8080"
    assert headers[b"vary"] == b"Origin"
    assert b"access-control-allow-credentials" not in headers
    preflight = dict(cors.preflight_headers(ORIGIN.encode()) or ())
    assert preflight[b"access-control-allow-origin"] == ORIGIN.encode()
    assert preflight[b"access-control-allow-methods"] == b"GET, POST"
    assert b"Authorization" in preflight[b"access-control-allow-headers"]


def test_origins_match_exactly() -> None:
    cors = Cors([ORIGIN])
    for other in (b"https://example.org.evil.net", b"http://example.org", b"https://EXAMPLE.org",
                  b"https://example.org:8443", b"null", b"", None):  # fmt: skip
        assert cors.answer_headers(other) == ((b"vary", b"Origin"),)
        assert cors.preflight_headers(other) is None
