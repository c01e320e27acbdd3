"""Create, change, rotate and revoke API keys in their file."""

import hashlib
import secrets
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from churn_pipeline.serving.http.networks import Network
from churn_pipeline.serving.identity.caller import Scope
from churn_pipeline.serving.identity.key_file import (
    ID_LENGTH,
    ApiKey,
    KeyFile,
    KeyFileError,
    locked,
    read_keys,
    to_text,
    to_time,
    write_keys,
)


def create_key(
    path: Path,
    name: str,
    scopes: Collection[Scope],
    requests_per_second: float | None = None,
    burst: int | None = None,
    expires: datetime | None = None,
    networks: Sequence[Network] = (),
) -> tuple[str, ApiKey]:
    """Add a key to the file, which is created when missing.

    Parameters
    ----------
    path : Path
    name : str
        Whose key it is.
    scopes : collection of str
    requests_per_second, burst : float, int, optional
        Limits of its own.
    expires : datetime, optional
        From when on it is refused.
    networks : sequence of Network
        From where it may be used; empty: from everywhere.

    Returns
    -------
    token : str
        The whole key, ``churn_<key id>_<secret>``; it is stored nowhere.
    key : ApiKey

    Raises
    ------
    GuardedFileError
        If the file cannot be read or written, or others could write it.
    """
    with locked(path):
        file = read_keys(path) or KeyFile(audit_key=secrets.token_hex(32))
        token, key = _new_key(
            file,
            name=name,
            scopes=frozenset(scopes),
            requests_per_second=requests_per_second,
            burst=burst,
            expires=None if expires is None else to_text(expires),
            networks=tuple(networks),
        )
        write_keys(path, KeyFile(file.audit_key, (*file.keys, key)))
    return token, key


def update_key(path: Path, key_id: str, **changes: Any) -> ApiKey:
    """Change a key that is in use.

    Parameters
    ----------
    path : Path
    key_id : str
    **changes
        Attributes of :class:`ApiKey` and their new values: name, scopes, limits, expiry, networks.

    Raises
    ------
    GuardedFileError
        If there is no such key or it is revoked, or the file cannot be read or written.
    """
    with locked(path):
        file, key = _key_in_use(path, key_id)
        key = replace(key, **changes)
        _replace_key(path, file, key)
    return key


def rotate_key(path: Path, key_id: str, overlap: timedelta) -> tuple[str, ApiKey, ApiKey]:
    """Create a successor of a key, which is itself refused once ``overlap`` is over.

    The successor has the name, scopes, limits and networks of the key. Of a key that expires, it
    has the lifetime too.

    Returns
    -------
    token : str
        The successor, as :func:`create_key` returns it.
    successor, key : ApiKey

    Raises
    ------
    GuardedFileError
        If there is no such key or it is revoked or has expired, or the file cannot be read or
        written.
    """
    now = datetime.now(UTC)
    with locked(path):
        file, key = _key_in_use(path, key_id)
        expires = None
        if key.expires is not None:
            end = to_time(key.expires)
            if end <= now:
                raise KeyFileError(f"the key {key_id} expired at {key.expires}; create a new one")
            expires = to_text(now + (end - to_time(key.created)))
        token, successor = _new_key(
            file,
            name=key.name,
            scopes=key.scopes,
            requests_per_second=key.requests_per_second,
            burst=key.burst,
            expires=expires,
            networks=key.networks,
        )
        end_of_overlap = to_text(now + overlap)
        key = replace(key, expires=min(key.expires or end_of_overlap, end_of_overlap))
        _replace_key(path, KeyFile(file.audit_key, (*file.keys, successor)), key)
    return token, successor, key


def revoke_key(path: Path, key_id: str) -> ApiKey:
    """Mark a key as revoked; it stays in the file, so that the audit log's ids keep a name.

    Raises
    ------
    GuardedFileError
        If there is no such key or it is revoked already, or the file cannot be read or written.
    """
    with locked(path):
        file, key = _key_in_use(path, key_id)
        key = replace(key, revoked=to_text(datetime.now(UTC)))
        _replace_key(path, file, key)
    return key


def _new_key(file: KeyFile, **attributes: Any) -> tuple[str, ApiKey]:
    taken = {key.key_id for key in file.keys}
    key_id = secrets.token_hex(ID_LENGTH // 2)
    while key_id in taken:
        key_id = secrets.token_hex(ID_LENGTH // 2)
    secret = secrets.token_urlsafe(32)
    key = ApiKey(
        key_id=key_id,
        sha256=hashlib.sha256(secret.encode()).hexdigest(),
        created=to_text(datetime.now(UTC)),
        **attributes,
    )
    return f"churn_{key_id}_{secret}", key


def _key_in_use(path: Path, key_id: str) -> tuple[KeyFile, ApiKey]:
    file = read_keys(path)
    known = {key.key_id: key for key in file.keys} if file else {}
    if file is None or key_id not in known:
        ids = ", ".join(key for key in known if known[key].revoked is None) or "none"
        raise KeyFileError(f"{path} has no key {key_id!r}; keys in use: {ids}")
    if known[key_id].revoked is not None:
        raise KeyFileError(f"the key {key_id} has been revoked at {known[key_id].revoked}")
    return file, known[key_id]


def _replace_key(path: Path, file: KeyFile, key: ApiKey) -> None:
    keys = tuple(key if other.key_id == key.key_id else other for other in file.keys)
    write_keys(path, KeyFile(file.audit_key, keys))
