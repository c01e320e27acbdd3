"""The file of the API keys.

It holds no key, only the SHA-256 of each key's secret. A secret is 32 bytes from the system's
random source: nobody can try 2^256 of them, so a slow password hash, which makes trying guessable
secrets expensive, would add nothing but its time to every request.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from churn_pipeline.serving.http.networks import Network, parse_network
from churn_pipeline.serving.identity.caller import SCOPES, Caller, Scope
from churn_pipeline.serving.identity.guarded_files import GuardedFileError, read_guarded
from churn_pipeline.staging import exclusive, staged_path

ID_LENGTH = 8
_TIME = "%Y-%m-%dT%H:%M:%SZ"


class KeyFileError(GuardedFileError):
    """The file of the keys cannot be used; the message names the file and the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey(Caller):
    """One key, without its secret.

    Attributes
    ----------
    sha256 : str
        Of the secret, in hexadecimal digits.
    created : str
        When, in UTC.
    revoked, expires : str or None
        When it was revoked, and from when on it is refused, in UTC.
    networks : tuple of Network
        From where it may be used; empty: from everywhere.
    """

    sha256: str
    created: str
    revoked: str | None = None
    expires: str | None = None
    networks: tuple[Network, ...] = ()

    def rights(self) -> dict[str, Any]:
        """Return for the audit log what the key may do; not its hash, not its name."""
        return {
            "scopes": [scope for scope in SCOPES if scope in self.scopes],
            "networks": list(map(str, self.networks)),
            "expires": self.expires,
            "revoked": self.revoked,
            "requests_per_second": self.requests_per_second,
            "burst": self.burst,
        }


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


def read_keys(path: Path) -> KeyFile | None:
    """Read the file of the keys; None if there is none.

    Raises
    ------
    GuardedFileError
        If it cannot be read, is malformed, or could have been written by others.
    """
    try:
        return _DECODER.decode(read_guarded(path)).checked()
    except FileNotFoundError:
        return None
    except (msgspec.MsgspecError, ValueError) as error:
        raise KeyFileError(
            f"{path} is no file of API keys ({error}); restore it, or delete it and create new keys"
        ) from None


def to_time(text: str) -> datetime:
    """Read a time as the file holds it.

    Raises
    ------
    ValueError
        If it is none.
    """
    return datetime.strptime(text, _TIME).replace(tzinfo=UTC)


def to_text(time: datetime) -> str:
    """Write a time as the file holds it, in UTC."""
    return time.astimezone(UTC).strftime(_TIME)


class _StoredKey(msgspec.Struct, forbid_unknown_fields=True):
    """A key as the file holds it."""

    id: str
    name: str
    scopes: list[Scope]
    sha256: str
    created: str
    revoked: str | None = None
    expires: str | None = None
    networks: list[str] = []
    requests_per_second: float | None = None
    burst: int | None = None

    def key(self) -> ApiKey:
        if len(self.id) != ID_LENGTH or len(bytes.fromhex(self.sha256)) != 32:
            raise ValueError(f"the key {self.id!r} has no id of 8 digits and SHA-256 of 64")
        for limit in ("requests_per_second", "burst"):
            value = getattr(self, limit)
            if value is not None and not value > 0:
                raise ValueError(f"{limit} of the key {self.id!r} is not above 0")
        if self.expires is not None:
            to_time(self.expires)
        return ApiKey(
            key_id=self.id,
            name=self.name,
            scopes=frozenset(self.scopes),
            sha256=self.sha256,
            created=self.created,
            revoked=self.revoked,
            expires=self.expires,
            networks=tuple(map(parse_network, self.networks)),
            requests_per_second=self.requests_per_second,
            burst=self.burst,
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


def write_keys(path: Path, file: KeyFile) -> None:
    """Replace the file; to be called while :func:`locked` holds it."""
    document = {"audit_key": file.audit_key, "keys": [_stored(key) for key in file.keys]}
    write_private(path, document)


def _stored(key: ApiKey) -> dict[str, object]:
    stored: dict[str, object] = {
        "id": key.key_id,
        "name": key.name,
        "scopes": [scope for scope in SCOPES if scope in key.scopes],
        "sha256": key.sha256,
        "created": key.created,
        "revoked": key.revoked,
        "requests_per_second": key.requests_per_second,
        "burst": key.burst,
    }
    # only where they are used, so that releases that do not know them read the other keys
    if key.expires is not None:
        stored["expires"] = key.expires
    if key.networks:
        stored["networks"] = list(map(str, key.networks))
    return stored


def write_private(path: Path, document: object) -> None:
    """Write a JSON file of mode 0600, whole or not at all."""
    staged = staged_path(path)
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")
        stream.flush()
        os.fsync(stream.fileno())
    staged.replace(path)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let one command at a time change the file, so that none loses what another wrote.

    Raises
    ------
    KeyFileError
        If the folder cannot be written.
    """
    try:
        with exclusive(path):
            yield
    except OSError as error:
        raise KeyFileError(
            f"{path} cannot be written ({error.strerror}); see who owns its folder"
        ) from None
