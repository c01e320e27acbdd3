"""Tokens of an identity provider, as one process of the service knows them.

Import this module only where tokens are configured: it loads the cryptography.
"""

import asyncio
import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from churn_pipeline.serving.http.headers import INVALID_TOKEN
from churn_pipeline.serving.identity.caller import Caller, Unauthorized
from churn_pipeline.serving.identity.guarded_files import GuardedFileError, signature
from churn_pipeline.serving.identity.key_source import KeySource
from churn_pipeline.serving.identity.revocations import Revocations, read_revocations
from churn_pipeline.serving.identity.shared_revocations import FOREVER, shared_name
from churn_pipeline.serving.identity.token_settings import REVOKED_TOKENS, TokenSettings
from churn_pipeline.serving.identity.verification import (
    MAX_TOKEN_BYTES,
    UnknownKey,
    VerifiedToken,
    verify,
)

_LOGGER = logging.getLogger(__name__)
_SCHEME = b"bearer "
_KEY = b"bearer churn_"
CACHED_TOKENS = 4096


class Tokens:
    """Finds out who sent a token.

    A token that was good is remembered by its SHA-256 until it expires, or the keys or the
    revocations change, so that its signature is not checked with each request.

    Parameters
    ----------
    settings : TokenSettings
    failed : callable
        Called with ``token_keys`` when the identity provider gave no keys.

    Raises
    ------
    ChurnPipelineError
        If a file of keys or of revocations cannot be used. An address is not asked yet.
    """

    def __init__(
        self, settings: TokenSettings, failed: Callable[[str], None] = lambda kind: None
    ) -> None:
        self._settings = settings
        self._known: OrderedDict[bytes, VerifiedToken] = OrderedDict()
        self._source = KeySource(settings, self._known.clear, failed)
        self._complaint = ""
        self._revoked_elsewhere: frozenset[str] = frozenset()
        self._revoked_file = settings.revoked or Path(REVOKED_TOKENS)
        self._seen = signature(self._revoked_file)
        self._revoked = read_revocations(self._revoked_file) or Revocations()

    @staticmethod
    def takes(authorization: bytes) -> bool:
        """Say whether the header brings a token rather than an API key."""
        start = authorization[: len(_KEY)].lower()
        return start.startswith(_SCHEME) and start != _KEY

    async def authenticate(self, authorization: bytes) -> Caller:
        """Find out who sent the token; wait if its key has to be asked for.

        Parameters
        ----------
        authorization : bytes
            The header's value, of which :meth:`takes` is true.

        Raises
        ------
        Unauthorized
            If the token is not good; the cause begins with ``token_``.
        """
        if len(authorization) > MAX_TOKEN_BYTES:
            raise Unauthorized(
                "token_too_large",
                f"The token is larger than {MAX_TOKEN_BYTES} bytes.",
                INVALID_TOKEN,
            )
        token = authorization[len(_SCHEME) :].strip(b" ")
        digest = hashlib.sha256(token).digest()
        known = self._known.get(digest)
        if (
            known is not None
            and time.time() < known.until
            and time.monotonic() < self._source.good_until
        ):
            self._known.move_to_end(digest)
            return known.caller
        try:
            verified = verify(token, self._source.keys, self._settings)
        except UnknownKey:
            if not await self._source.renewed():
                raise
            verified = verify(token, self._source.keys, self._settings)
        if self._is_revoked(verified):
            raise Unauthorized("token_revoked", "The token has been revoked.", INVALID_TOKEN)
        self._known[digest] = verified
        if len(self._known) > CACHED_TOKENS:
            self._known.popitem(last=False)
        return verified.caller

    def _is_revoked(self, token: VerifiedToken) -> bool:
        named = (("jti", token.token_id), ("subject", token.subject))
        if token.token_id in self._revoked.tokens or token.subject in self._revoked.subjects:
            return True
        issuer = self._settings.issuer
        return bool(self._revoked_elsewhere) and any(
            shared_name(issuer, kind, value) in self._revoked_elsewhere
            for kind, value in named
            if isinstance(value, str)
        )

    def revoked_here(self) -> Mapping[str, float]:
        """Return what the file of this host names, for other hosts.

        The time of a token is that from which on it has expired, whenever it was issued.
        """
        settings = self._settings
        needed = settings.max_lifetime + 2 * settings.leeway
        issuer = settings.issuer
        return {
            **{
                shared_name(issuer, "jti", token): when + needed
                for token, when in self._revoked.tokens.items()
            },
            **{shared_name(issuer, "subject", each): FOREVER for each in self._revoked.subjects},
        }

    def revoke_elsewhere(self, names: Collection[str]) -> None:
        """Refuse what other hosts name, and only that besides what this host's file does."""
        self._revoked_elsewhere = frozenset(names)
        self._known.clear()

    async def follow_keys(self) -> None:
        """Keep the identity provider's keys up to date, without end."""
        await self._source.follow()

    async def refresh(self) -> None:
        """Read the revocations again if they changed.

        A broken file is logged once and changes nothing; nor does one that is gone, so that nobody
        is let in by deleting it.
        """
        path = self._revoked_file
        seen = await asyncio.to_thread(signature, path)
        if seen == self._seen:
            return
        try:
            revoked = await asyncio.to_thread(read_revocations, path)
            complaint = "" if revoked is not None else f"{path} is gone"
        except GuardedFileError as error:
            revoked, complaint = None, str(error)
        if revoked is not None:
            # in one step of the event loop: no token is taken in between
            self._seen, self._revoked = seen, revoked
            self._known.clear()
        elif complaint != self._complaint:
            _LOGGER.error("%s; what was revoked so far stays revoked", complaint)
        self._complaint = complaint
