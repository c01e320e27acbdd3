"""An identity provider on the loopback: signs tokens and publishes its keys."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

ISSUER, AUDIENCE = "https://id.example.org/realms/one", "churn"


@cache
def private_key(algorithm: str, number: int = 0) -> Any:
    """Return one and the same key for each number."""
    if algorithm == "RS256":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return (
        ec.generate_private_key(ec.SECP256R1())
        if algorithm == "ES256"
        else (ed25519.Ed25519PrivateKey.generate())
    )


def public_jwk(algorithm: str, number: int = 0, **more: Any) -> dict[str, Any]:
    """Return the public half as it is published."""
    maker: Any = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}[algorithm]
    jwk = maker.to_jwk(private_key(algorithm, number).public_key(), as_dict=True)
    jwk.pop("key_ops", None)
    return {**jwk, "kid": f"{algorithm}-{number}", "use": "sig", **more}


def claims(**changes: Any) -> dict[str, Any]:
    """Return good claims, changed; None takes one out."""
    now = int(time.time())
    good = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "service-17",
        "azp": "billing",
        "jti": "token-1",
        "iat": now,
        "exp": now + 300,
        "scope": "openid churn:score",
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def signed(
    algorithm: str = "RS256",
    number: int = 0,
    header: dict[str, Any] | None = None,
    **changes: Any,
) -> str:
    """Return a token; headers of None are left out."""
    headers = {"kid": f"{algorithm}-{number}", **(header or {})}
    headers = {name: value for name, value in headers.items() if value is not None}
    return jwt.encode(claims(**changes), private_key(algorithm, number), algorithm, headers)


class IdentityProvider:
    """What the server answers, and how often it was asked."""

    def __init__(self) -> None:
        self.keys: list[Any] = [public_jwk("RS256"), public_jwk("ES256"), public_jwk("EdDSA")]
        self.body: bytes | None = None
        self.status = 200
        self.headers: dict[str, str] = {}
        self.asked = 0
        self.pause = threading.Event()
        self.pause.set()
        self.trickle = 0.0
        self.port = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/keys"

    @property
    def document(self) -> bytes:
        return json.dumps({"keys": self.keys}).encode() if self.body is None else self.body


@contextlib.contextmanager
def identity_provider() -> Iterator[IdentityProvider]:
    provider = IdentityProvider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            provider.asked += 1
            provider.pause.wait(30)
            body = provider.document
            self.send_response(provider.status)
            for name, value in provider.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(OSError):
                if not provider.trickle:
                    self.wfile.write(body)
                for byte in body if provider.trickle else b"":
                    self.wfile.write(bytes([byte]))
                    time.sleep(provider.trickle)

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    provider.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield provider
    finally:
        provider.pause.set()
        server.shutdown()
        server.server_close()
        thread.join()
