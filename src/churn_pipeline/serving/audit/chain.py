"""Each line carries a keyed hash of itself and of the hash in the line before.

The hash is BLAKE2b (RFC 7693), which is a message authentication code when it is keyed. The key
is derived from the file of API keys, so whoever can write the log but not read that file cannot
change, remove, add or reorder lines without notice. Without that file the hash has no key: it then
finds accidents, and careless hands.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

DIGEST_BYTES = 16
NO_HASH = "0" * (2 * DIGEST_BYTES)
"""Stands for the hash before the first line of all."""

_LINE = re.compile(
    rb'(\{"log":"(?P<log>[^"\\]+)","n":(?P<n>\d{1,18}),.*),"chain":"(?P<hash>[0-9a-f]{32})"\}',
    re.DOTALL,
)


class ChainKey:
    """The key of a log's hashes.

    Parameters
    ----------
    audit_key : bytes or None
        Of the file of API keys, 64 bytes at most; None: the hashes have no key.

    Attributes
    ----------
    fingerprint : str or None
        Tells keys apart without giving them away; None without a key.
    """

    def __init__(self, audit_key: bytes | None) -> None:
        self.fingerprint: str | None = None
        if audit_key is None:
            self._base = hashlib.blake2b(digest_size=DIGEST_BYTES, person=b"audit chain")
        else:
            self._base = hashlib.blake2b(
                key=audit_key, digest_size=DIGEST_BYTES, person=b"audit chain"
            )
            named = hashlib.blake2b(key=audit_key, digest_size=4, person=b"audit key id")
            self.fingerprint = named.hexdigest()

    def hash(self, before: bytes, line: bytes) -> bytes:
        """Return the hash of a line that follows one with the hash ``before``."""
        state = self._base.copy()  # spares the key's block
        state.update(before + line)
        return state.hexdigest().encode()


@dataclass(frozen=True, slots=True)
class End:
    """Where a log ends: number and hash of its last line."""

    n: int
    hash: str


@dataclass(frozen=True, slots=True)
class SealedLine:
    """A line as it was read: what was hashed, and the hash it carries."""

    log: str
    n: int
    hashed: bytes
    hash: str


def seal(
    log: str, key: ChainKey, end: End, records: Sequence[bytes]
) -> tuple[Sequence[bytes], End]:
    """Make lines of JSON objects.

    Parameters
    ----------
    log : str
        Name of the log; needs no escapes in JSON.
    key : ChainKey
    end : End
        Of the log so far.
    records : sequence of bytes
        JSON objects, none of them empty.

    Returns
    -------
    lines : sequence of bytes
        Each with its number and hash, and a line break.
    end : End
        Of the log with them.
    """
    lines = []
    name, before = log.encode(), end.hash.encode()
    for n, record in enumerate(records, start=end.n + 1):
        hashed = b'{"log":"%b","n":%d,%b' % (name, n, record[1:-1])
        before = key.hash(before, hashed)
        lines.append(b'%b,"chain":"%b"}\n' % (hashed, before))
    return lines, End(end.n + len(lines), before.decode())


def read_sealed(line: bytes) -> SealedLine | None:
    """Take a line apart; None if it is not one of an audit log."""
    found = _LINE.fullmatch(line.rstrip(b"\n"))
    if found is None:
        return None
    return SealedLine(found["log"].decode(), int(found["n"]), found[1], found["hash"].decode())
