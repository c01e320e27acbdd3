"""How the service speaks TLS where nothing in front of it does."""

import ssl
from collections.abc import Callable
from pathlib import Path

import uvicorn

CIPHERS = ":".join(
    f"ECDHE-{signature}-{cipher}"
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
    for signature in ("ECDSA", "RSA")
)
"""Of TLS 1.2: forward secrecy and authenticated encryption, as Mozilla's Server Side TLS
recommends in its intermediate configuration. Those of TLS 1.3 are OpenSSL's."""
_OF_BENTOML = "TLSv1"
"""What BentoML passes on if nobody chose: suites that TLS 1.0 had, with CBC and SHA-1."""


def harden(config: uvicorn.Config, on_certificate: Callable[[float], None]) -> None:
    """Let a server offer modern TLS only, unless ``--ssl-ciphers`` says something else.

    Parameters
    ----------
    config : uvicorn.Config
        Of a server that has not started; without a certificate it stays as it is.
    on_certificate : callable
        Told when the certificate expires, in seconds of the epoch.
    """
    if not config.ssl_certfile:
        return
    if config.ssl_ciphers == _OF_BENTOML:
        config.ssl_ciphers = CIPHERS

    def context(_: uvicorn.Config, default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
        made = default()
        # also where --ssl-version names an older one; the system's policy may ask for more
        made.minimum_version = max(made.minimum_version, ssl.TLSVersion.TLSv1_2)
        return made

    config.ssl_context_factory = context
    on_certificate(expiry(Path(config.ssl_certfile)))


def expiry(certificate: Path) -> float:
    """Return when a certificate expires, in seconds of the epoch.

    Parameters
    ----------
    certificate : Path
        PEM; the first of a chain counts, which is the server's own.
    """
    from cryptography import x509  # large, and needed with TLS only

    first = x509.load_pem_x509_certificate(certificate.read_bytes())
    return first.not_valid_after_utc.timestamp()
