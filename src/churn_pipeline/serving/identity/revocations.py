"""The file of revoked tokens and subjects: refused although the identity provider signed them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from churn_pipeline.serving.identity.guarded_files import GuardedFileError, read_guarded
from churn_pipeline.serving.identity.key_file import locked, to_text, to_time, write_private


@dataclass(frozen=True)
class Revocations:
    """What is refused.

    Attributes
    ----------
    tokens : mapping of str to float
        By their claim ``jti``: when they were revoked, in seconds of the epoch.
    subjects : frozenset of str
        By their claim ``sub``: all their tokens, also later ones.
    """

    tokens: Mapping[str, float] = field(default_factory=dict)
    subjects: frozenset[str] = frozenset()


class _Entry(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    jti: str | None = None
    subject: str | None = None
    revoked: str | None = None

    def time(self) -> float:
        """Return when it was revoked; now, where somebody wrote the entry without saying so."""
        try:
            when = datetime.now(UTC) if self.revoked is None else to_time(self.revoked)
        except ValueError:
            when = datetime.now(UTC)
        return when.timestamp()


class _File(msgspec.Struct, forbid_unknown_fields=True):
    revoked: list[_Entry] = []


_DECODER = msgspec.json.Decoder(_File)


def read_revocations(path: Path) -> Revocations | None:
    """Read the file; None if there is none.

    Raises
    ------
    GuardedFileError
        If it cannot be read, is malformed, or could have been written by others.
    """
    entries = _read(path)
    if entries is None:
        return None
    return Revocations(
        {entry.jti: entry.time() for entry in entries if entry.jti is not None},
        frozenset(entry.subject for entry in entries if entry.subject is not None),
    )


def revoke(path: Path, jti: str | None = None, subject: str | None = None) -> None:
    """Add a token or a subject to the file, which is created when missing.

    Raises
    ------
    GuardedFileError
        If the file cannot be read or written, or others could write it.
    """
    with locked(path):
        entries = _read(path) or []
        now = to_text(datetime.now(UTC))
        write_private(path, _File([*entries, _Entry(jti, subject, now)]))


def restore(path: Path, jti: str | None = None, subject: str | None = None) -> int:
    """Take a token or a subject out of the file; return the number of entries removed.

    Raises
    ------
    GuardedFileError
        As :func:`revoke`.
    """
    with locked(path):
        entries = _read(path) or []
        kept = [entry for entry in entries if (entry.jti, entry.subject) != (jti, subject)]
        if len(kept) < len(entries):
            write_private(path, _File(kept))
    return len(entries) - len(kept)


def _read(path: Path) -> list[_Entry] | None:
    try:
        entries = _DECODER.decode(read_guarded(path)).revoked
    except FileNotFoundError:
        return None
    except (msgspec.MsgspecError, ValueError) as error:
        raise GuardedFileError(
            f"{path} is no file of revoked tokens ({error}); it must be like "
            '{"revoked": [{"jti": "..."}, {"subject": "..."}]}'
        ) from None
    for entry in entries:
        if (entry.jti is None) == (entry.subject is None):
            raise GuardedFileError(f"{path} has an entry that does not name a jti or a subject")
    return entries
