"""The API keys, as one process of the service knows them."""

import hashlib
import hmac
import logging
import secrets
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from churn_pipeline.serving.http.headers import INVALID_TOKEN
from churn_pipeline.serving.http.networks import AllowedNetworks
from churn_pipeline.serving.http.refusals import Refusal
from churn_pipeline.serving.identity.caller import Unauthorized
from churn_pipeline.serving.identity.guarded_files import GuardedFileError, signature
from churn_pipeline.serving.identity.key_file import ID_LENGTH, ApiKey, KeyFile, read_keys, to_time

_LOGGER = logging.getLogger(__name__)
_START = b"bearer churn_"
_SECRET_LENGTH = 43  # of 32 bytes as URL-safe base64
_ID = slice(len(_START), len(_START) + ID_LENGTH)
_SECRET = slice(_ID.stop + 1, _ID.stop + 1 + _SECRET_LENGTH)
# what the secret of an unknown key is compared with; no text has this digest
_NOBODY = (bytes(32), None, None)
_CREATE = "`python -m churn_pipeline.serving.key_commands create --name NAME --scope score`"
_LOOK_SECONDS = 0.02
_READ_SECONDS = 0.2


class KeyStore:
    """The keys of a file.

    Parameters
    ----------
    path : Path
        Need not exist: then every request is refused with the command that creates a key.

    Attributes
    ----------
    is_broken : bool
        Whether the file cannot be used any more: damaged, deleted, or open to others.
    used : set of str
        Ids of the keys that were used since somebody took them out.

    Raises
    ------
    GuardedFileError
        If the file is there and broken, or others could write it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.is_broken = False
        self.used: set[str] = set()
        self._own_audit_key = secrets.token_bytes(32)
        self._reading = threading.Lock()
        self._looked = 0.0
        self._complaint = ""
        self._seen = signature(path)
        self._use(read_keys(path))

    @property
    def audit_key(self) -> bytes:
        """The key of the audit log's hashes; without a file one of this process' own."""
        return self._audit_key or self._own_audit_key

    @property
    def keeps_audit_key(self) -> bool:
        """Whether that key is in the file, and so outlives the process."""
        return bool(self._audit_key)

    @property
    def revoked(self) -> frozenset[str]:
        """The ids of the keys that the file says are revoked."""
        keys = (key for _, key, _ in self._keys.values())
        return frozenset(key.key_id for key in keys if key.revoked is not None)

    def authenticate(self, authorization: bytes | None, client: str | None = None) -> ApiKey:
        """Find the key of a request.

        Parameters
        ----------
        authorization : bytes or None
            The header's value.
        client : str or None
            Address of the connection, for keys that may be used from some networks only.

        Raises
        ------
        Unauthorized
            If it brings no key, or one that is unknown, revoked or expired.
        Refusal
            403 if the key may not be used from that address.
        """
        if authorization is None:
            raise Unauthorized("missing", self._what_is_missing())
        if (
            len(authorization) != _SECRET.stop
            or authorization[: _ID.start].lower() != _START
            or authorization[_ID.stop] != 0x5F  # "_"
        ):
            raise Unauthorized(
                "malformed",
                "The Authorization header holds no key of this service; it must be "
                "`Bearer churn_<key id>_<secret>`.",
                INVALID_TOKEN,
            )
        found = self._keys.get(authorization[_ID])
        if found is None and self._may_have_changed():
            self.refresh(_READ_SECONDS)
            found = self._keys.get(authorization[_ID])
        digest, key, bounds = found or _NOBODY
        is_right = hmac.compare_digest(hashlib.sha256(authorization[_SECRET]).digest(), digest)
        if key is None or not is_right:
            raise Unauthorized(
                "key_unknown",
                "The key is not known; see that all of it was copied.",
                INVALID_TOKEN,
            )
        if bounds is not None:
            bounds.check(client)
        self.used.add(key.key_id)
        return key

    def _what_is_missing(self) -> str:
        if not self._keys and not (self._may_have_changed() and self.refresh(_READ_SECONDS)):
            return f"No API key exists yet; the service's operator creates one by {_CREATE}."
        return "The Authorization header is missing; it must be `Bearer churn_<key id>_<secret>`."

    def _may_have_changed(self) -> bool:
        """Look at the file, unless that was done just now: others could have it done endlessly.

        A broken one is left to whoever calls :meth:`refresh` now and then: it would be read with
        each look.
        """
        now = time.monotonic()
        if self._complaint or now - self._looked < _LOOK_SECONDS:
            return False
        self._looked = now
        return signature(self._path) != self._seen or self._reading.locked()

    def refresh(self, timeout: float = -1) -> bool:
        """Read the file again if it changed; a broken one is logged once and changes nothing.

        A file that is gone holds no keys. Several threads may call it.

        Parameters
        ----------
        timeout : float
            Seconds to wait for another thread that reads the file; -1: until it is done.

        Returns
        -------
        bool
            Whether the keys may be others than before.
        """
        if not self._reading.acquire(timeout=timeout):
            return False
        try:
            seen = signature(self._path)  # before reading: a change in between is found next time
            if seen == self._seen:
                return False
            self._use(read_keys(self._path))
            self._seen, self._complaint = seen, ""
            self.is_broken = seen is None  # it was there, and is gone
            return True
        except GuardedFileError as error:
            # read again next time: what was wrong may be its folder, or have passed
            if str(error) != self._complaint:
                _LOGGER.error("%s; the keys known so far stay in use", error)
            self._complaint, self.is_broken = str(error), True
            return False
        finally:
            self._reading.release()

    def _use(self, file: KeyFile | None) -> None:
        keys = file.keys if file else ()
        self._audit_key = bytes.fromhex(file.audit_key) if file else b""
        self.known: Mapping[str, Mapping[str, Any]] = {key.key_id: key.rights() for key in keys}
        self._keys: Mapping[bytes, tuple[bytes, ApiKey, _Bounds | None]] = {
            key.key_id.encode(): (
                bytes.fromhex(key.sha256),
                key,
                _Bounds(key) if key.revoked or key.expires or key.networks else None,
            )
            for key in keys
        }


class _Bounds:
    """What a key is refused for although it is the right one."""

    __slots__ = ("_expires", "_networks", "_revoked", "_text")

    def __init__(self, key: ApiKey) -> None:
        self._revoked = key.revoked is not None
        self._text = key.expires
        self._expires = float("inf") if key.expires is None else to_time(key.expires).timestamp()
        self._networks = AllowedNetworks(key.networks)

    def check(self, client: str | None) -> None:
        if self._revoked:
            raise Unauthorized(
                "key_revoked",
                "The key has been revoked; ask the service's operator for a new one.",
                INVALID_TOKEN,
            )
        if time.time() >= self._expires:
            raise Unauthorized(
                "key_expired",
                f"The key expired at {self._text}; ask the service's operator for a new one.",
                INVALID_TOKEN,
            )
        if not self._networks.allows(client):
            raise Refusal(403, "key_network", "This key may not be used from this address.")
