"""API keys: who may ask for what.

The file holds no key, only the SHA-256 of each key's secret. A secret is 32 bytes from the system's
random source: nobody can try 2^256 of them, so a slow password hash, which makes trying guessable
secrets expensive, would add nothing but its time to every request.
"""

import fcntl
import hashlib
import hmac
import logging
import os
import secrets
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, get_args

import msgspec

from churn_pipeline.errors import ChurnPipelineError
from churn_pipeline.staging import staged_path

Scope = Literal["score", "explain", "feedback", "admin", "metrics"]
SCOPES: tuple[str, ...] = get_args(Scope)

_LOGGER = logging.getLogger(__name__)
_START = b"bearer churn_"
_ID_LENGTH = 8
_SECRET_LENGTH = 43  # of 32 bytes as URL-safe base64
_ID = slice(len(_START), len(_START) + _ID_LENGTH)
_SECRET = slice(_ID.stop + 1, _ID.stop + 1 + _SECRET_LENGTH)
_NOBODY = bytes(32)  # what the secret of an unknown key is compared with; no text has this digest
_CREATE = "`python -m churn_pipeline.serving.key_commands create --name NAME --scope score`"


class Unauthorized(ChurnPipelineError):  # noqa: N818 -- the name of the HTTP status
    """A request brought no key that is good; the message says what is missing."""


class KeyFileError(ChurnPipelineError):
    """The file of the keys cannot be used; the message names the file and the remedy."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key, without its secret.

    Attributes
    ----------
    key_id : str
        Eight hexadecimal digits; not secret.
    name : str
        Whose key it is.
    scopes : frozenset of str
        What it may do: ``score``, ``explain``, ``feedback``, ``admin``, ``metrics``.
    sha256 : str
        Of the secret, in hexadecimal digits.
    created, revoked : str, str or None
        When, in UTC.
    requests_per_second, burst : float or None, int or None
        Limits of its own; None: those of the settings.
    """

    key_id: str
    name: str
    scopes: frozenset[Scope]
    sha256: str
    created: str
    revoked: str | None = None
    requests_per_second: float | None = None
    burst: int | None = None


@dataclass(frozen=True)
class KeyFile:
    """What the file holds.

    Attributes
    ----------
    audit_key : str
        Random hexadecimal digits with which the audit log hashes customer ids.
    keys : tuple of ApiKey
        The oldest first, revoked ones too.
    """

    audit_key: str
    keys: tuple[ApiKey, ...] = ()


class KeyStore:
    """The keys of a file, as one process of the service knows them.

    Parameters
    ----------
    path : Path
        Need not exist: then every request is refused with the command that creates a key.

    Attributes
    ----------
    is_broken : bool
        Whether the file cannot be used any more: damaged, unreadable or deleted.

    Raises
    ------
    KeyFileError
        If the file is there and broken.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.is_broken = False
        self._own_audit_key = secrets.token_bytes(32)
        self._seen = _signature(path)
        self._use(read_keys(path))

    @property
    def audit_key(self) -> bytes:
        """The key of the audit log's hashes; without a file one of this process' own."""
        return self._audit_key or self._own_audit_key

    @property
    def revoked(self) -> frozenset[str]:
        """The ids of the keys that the file says are revoked."""
        keys = (key for _, key in self._keys.values())
        return frozenset(key.key_id for key in keys if key.revoked is not None)

    def authenticate(self, authorization: bytes | None) -> ApiKey:
        """Find the key of a request.

        Parameters
        ----------
        authorization : bytes or None
            The header's value.

        Raises
        ------
        Unauthorized
            If it brings no key, or an unknown or revoked one.
        """
        if authorization is None:
            raise Unauthorized(self._what_is_missing())
        if (
            len(authorization) != _SECRET.stop
            or authorization[: _ID.start].lower() != _START
            or authorization[_ID.stop] != 0x5F  # "_"
        ):
            raise Unauthorized(
                "the Authorization header holds no key of this service; it must be "
                "`Bearer churn_<key id>_<secret>`"
            )
        digest, key = self._keys.get(authorization[_ID], (_NOBODY, None))
        is_right = hmac.compare_digest(hashlib.sha256(authorization[_SECRET]).digest(), digest)
        if key is None or not is_right:
            raise Unauthorized("the key is not known; see that all of it was copied")
        if key.revoked is not None:
            raise Unauthorized("the key has been revoked; ask the service's operator for a new one")
        return key

    def _what_is_missing(self) -> str:
        if not self._keys:
            return f"no API key exists yet; the service's operator creates one by {_CREATE}"
        return "the Authorization header is missing; it must be `Bearer churn_<key id>_<secret>`"

    def refresh(self) -> bool:
        """Read the file again if it changed; a broken one is logged once and changes nothing.

        A file that is gone holds no keys.

        Returns
        -------
        bool
            Whether the keys may be others than before.
        """
        signature = _signature(self._path)
        if signature == self._seen:
            return False
        self._seen = signature  # taken before reading: a change in between is found next time
        try:
            self._use(read_keys(self._path))
            self.is_broken = signature is None  # it was there, and is gone
        except KeyFileError as error:
            self.is_broken = True
            _LOGGER.error("%s; the keys known so far stay in use", error)
            return False
        return True

    def _use(self, file: KeyFile | None) -> None:
        keys = file.keys if file else ()
        self._audit_key = bytes.fromhex(file.audit_key) if file else b""
        self._keys: Mapping[bytes, tuple[bytes, ApiKey]] = {
            key.key_id.encode(): (bytes.fromhex(key.sha256), key) for key in keys
        }


def read_keys(path: Path) -> KeyFile | None:
    """Read the file of the keys; None if there is none.

    Raises
    ------
    KeyFileError
        If it cannot be read or is malformed.
    """
    try:
        return _DECODER.decode(path.read_bytes()).checked()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KeyFileError(
            f"{path} cannot be read ({error.strerror}); the service's user must own it"
        ) from None
    except (msgspec.MsgspecError, ValueError) as error:
        raise KeyFileError(
            f"{path} is no file of API keys ({error}); restore it, or delete it and create new keys"
        ) from None


def create_key(
    path: Path,
    name: str,
    scopes: Collection[Scope],
    requests_per_second: float | None = None,
    burst: int | None = None,
) -> tuple[str, ApiKey]:
    """Add a key to the file, which is created when missing.

    Returns
    -------
    token : str
        The whole key, ``churn_<key id>_<secret>``; it is stored nowhere.
    key : ApiKey

    Raises
    ------
    KeyFileError
        If the file cannot be read or written.
    """
    with _locked(path):
        file = read_keys(path) or KeyFile(audit_key=secrets.token_hex(32))
        taken = {key.key_id for key in file.keys}
        key_id = secrets.token_hex(_ID_LENGTH // 2)
        while key_id in taken:
            key_id = secrets.token_hex(_ID_LENGTH // 2)
        secret = secrets.token_urlsafe(32)
        key = ApiKey(
            key_id=key_id,
            name=name,
            scopes=frozenset(scopes),
            sha256=hashlib.sha256(secret.encode()).hexdigest(),
            created=_now(),
            requests_per_second=requests_per_second,
            burst=burst,
        )
        _write(path, KeyFile(file.audit_key, (*file.keys, key)))
    return f"churn_{key_id}_{secret}", key


def revoke_key(path: Path, key_id: str) -> ApiKey:
    """Mark a key as revoked; it stays in the file, so that the audit log's ids keep a name.

    Raises
    ------
    KeyFileError
        If there is no such key or it is revoked already, or the file cannot be read or written.
    """
    with _locked(path):
        file = read_keys(path)
        known = {key.key_id: key for key in file.keys} if file else {}
        if file is None or key_id not in known:
            ids = ", ".join(key for key in known if known[key].revoked is None) or "none"
            raise KeyFileError(f"{path} has no key {key_id!r}; keys in use: {ids}")
        if known[key_id].revoked is not None:
            raise KeyFileError(f"the key {key_id} has been revoked at {known[key_id].revoked}")
        key = known[key_id] = replace(known[key_id], revoked=_now())
        _write(path, KeyFile(file.audit_key, tuple(known.values())))
    return key


class _StoredKey(msgspec.Struct, forbid_unknown_fields=True):
    """A key as it stands in the file."""

    id: str
    name: str
    scopes: list[Scope]
    sha256: str
    created: str
    revoked: str | None = None
    requests_per_second: float | None = None
    burst: int | None = None

    def key(self) -> ApiKey:
        if len(self.id) != _ID_LENGTH or len(bytes.fromhex(self.sha256)) != 32:
            raise ValueError(f"the key {self.id!r} has no id of 8 digits and SHA-256 of 64")
        for limit in ("requests_per_second", "burst"):
            value = getattr(self, limit)
            if value is not None and not value > 0:
                raise ValueError(f"{limit} of the key {self.id!r} is not above 0")
        return ApiKey(
            self.id,
            self.name,
            frozenset(self.scopes),
            self.sha256,
            self.created,
            self.revoked,
            self.requests_per_second,
            self.burst,
        )


class _StoredKeys(msgspec.Struct, forbid_unknown_fields=True):
    """The file."""

    audit_key: str
    keys: list[_StoredKey]

    def checked(self) -> KeyFile:
        if not 16 <= len(bytes.fromhex(self.audit_key)) <= 64:
            raise ValueError("audit_key is not of 32 to 128 hexadecimal digits")
        keys = tuple(key.key() for key in self.keys)
        if len({key.key_id for key in keys}) < len(keys):
            raise ValueError("two keys have the same id")
        return KeyFile(self.audit_key, keys)


_DECODER = msgspec.json.Decoder(_StoredKeys)


def _write(path: Path, file: KeyFile) -> None:
    document = {
        "audit_key": file.audit_key,
        "keys": [
            {
                "id": key.key_id,
                "name": key.name,
                "scopes": [scope for scope in SCOPES if scope in key.scopes],
                "sha256": key.sha256,
                "created": key.created,
                "revoked": key.revoked,
                "requests_per_second": key.requests_per_second,
                "burst": key.burst,
            }
            for key in file.keys
        ],
    }
    staged = staged_path(path)
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")
        stream.flush()
        os.fsync(stream.fileno())
    staged.replace(path)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let one command at a time change the file, so that none loses what another wrote."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)
    except OSError as error:
        raise KeyFileError(
            f"{path} cannot be written ({error.strerror}); see who owns its folder"
        ) from None


def _signature(path: Path) -> tuple[int, ...] | None:
    # ctime too, which changes when the file is made readable again
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
