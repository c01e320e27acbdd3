"""How the service speaks TLS where nothing in front of it does."""

import logging
import ssl
from collections.abc import Callable
from pathlib import Path

import uvicorn

from churn_pipeline.serving.identity.guarded_files import signature

CIPHERS = ":".join(
    f"ECDHE-{key}-{cipher}"
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
    for key in ("ECDSA", "RSA")
)
"""Of TLS 1.2: forward secrecy and authenticated encryption, as Mozilla's Server Side TLS
recommends in its intermediate configuration. Those of TLS 1.3 are OpenSSL's."""
_OF_BENTOML = "TLSv1"
"""What BentoML passes on if nobody chose: suites that TLS 1.0 had, with CBC and SHA-1."""

logger = logging.getLogger("bentoml.churn")


class Certificate:
    """The server's certificate and its key, which may be renewed while it runs.

    Parameters
    ----------
    on_expiry : callable
        Told when the certificate in use expires, in seconds of the epoch.
    """

    def __init__(self, on_expiry: Callable[[float], None]) -> None:
        self._on_expiry = on_expiry
        self._config: uvicorn.Config | None = None
        self._context: ssl.SSLContext | None = None
        self._seen: object = None
        self._complaint = ""

    def harden(self, config: uvicorn.Config) -> None:
        """Let a server offer modern TLS only, unless ``--ssl-ciphers`` says something else.

        Parameters
        ----------
        config : uvicorn.Config
            Of a server that has not started; without a certificate it stays as it is.
        """
        if not config.ssl_certfile:
            return
        if config.ssl_ciphers == _OF_BENTOML:
            config.ssl_ciphers = CIPHERS

        def context(_: uvicorn.Config, default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
            made = default()
            # also where --ssl-version names an older one; the system's policy may ask for more
            made.minimum_version = max(made.minimum_version, ssl.TLSVersion.TLSv1_2)
            self._context = made
            return made

        self._config = config
        self._seen = self._signatures(config)
        config.ssl_context_factory = context
        self._on_expiry(expiry(Path(config.ssl_certfile)))

    async def refresh(self) -> None:
        """Present the files' certificate from the next connection on, if they have changed.

        Files that do not fit, such as a new certificate beside the key of the former one, leave the
        former in use and are tried again; it is logged once.
        """
        config, context = self._config, self._context
        if config is None or context is None or (seen := self._signatures(config)) == self._seen:
            return
        try:
            ends = expiry(Path(str(config.ssl_certfile)))
            # a context is of no use once it has taken one that does not fit
            for each in (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), context):
                each.load_cert_chain(
                    str(config.ssl_certfile),
                    None if config.ssl_keyfile is None else str(config.ssl_keyfile),
                    # else OpenSSL would ask at the terminal
                    config.ssl_keyfile_password or "",
                )
        except (OSError, ValueError) as error:
            complaint = f"{config.ssl_certfile} cannot be used ({type(error).__name__})"
            if complaint != self._complaint:
                logger.error("%s; the certificate before stays in use", complaint)
            self._complaint = complaint
            return
        self._seen, self._complaint = seen, ""
        self._on_expiry(ends)
        logger.info("%s has been renewed and is in use", config.ssl_certfile)

    @staticmethod
    def _signatures(config: uvicorn.Config) -> object:
        files = (config.ssl_certfile, config.ssl_keyfile)
        return [signature(Path(file)) for file in files if file]


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
