"""The public keys that an identity provider signs tokens with (JSON Web Key Set, RFC 7517)."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
import msgspec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from churn_pipeline.errors import ChurnPipelineError

_LOGGER = logging.getLogger(__name__)

MAX_JWKS_BYTES = 256 * 1024
MAX_KEYS = 100
RSA_BITS = range(2048, 8193)
"""Shorter RSA keys can be broken (NIST SP 800-131A); longer ones take milliseconds to check."""

_PRIVATE = ("d", "p", "q", "dp", "dq", "qi", "oth", "k")


class JwksError(ChurnPipelineError):
    """A key set cannot be used; the message ends a sentence that begins with its place."""


@dataclass(frozen=True)
class SigningKeys:
    """The usable keys of a set.

    Attributes
    ----------
    keys : mapping
        Public keys by ``kid`` (None where the key has none) and algorithm.
    """

    keys: Mapping[tuple[str | None, str], Any] = field(default_factory=dict)

    def find(self, kid: str | None, algorithm: str) -> Any:
        """Return the key of a token, or None.

        A token that names none is checked by the only key of its algorithm, if there is only one.
        """
        if kid is not None:
            return self.keys.get((kid, algorithm))
        found = [key for (_, name), key in self.keys.items() if name == algorithm]
        return found[0] if len(found) == 1 else None


def read_jwks(content: bytes, algorithms: Iterable[str], place: str) -> SigningKeys:
    """Read a key set; keys that cannot check signatures of these algorithms are left out.

    Two different keys of one ``kid`` and algorithm are both left out: which one is meant would be
    a guess.

    Parameters
    ----------
    content : bytes
    algorithms : iterable of str
        Some of ``RS256``, ``ES256``, ``EdDSA``.
    place : str
        Where it comes from, for the log.

    Raises
    ------
    JwksError
        If it is none, or has no usable key.
    """
    if len(content) > MAX_JWKS_BYTES:
        raise JwksError(f"holds more than {MAX_JWKS_BYTES} bytes")
    try:
        document = msgspec.json.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise JwksError("is not JSON") from None
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise JwksError('is not a JSON Web Key Set, {"keys": [...]}')
    if len(entries) > MAX_KEYS:
        raise JwksError(f"holds more than {MAX_KEYS} keys")
    keys: dict[tuple[str | None, str], Any] = {}
    texts: dict[tuple[str | None, str], set[bytes]] = {}
    left_out = []
    for entry in entries:
        try:
            name, key = _read_key(entry, frozenset(algorithms))
        except JwksError as error:
            left_out.append(str(error))
            continue
        texts.setdefault(name, set()).add(_numbers(key))
        keys[name] = key
    for name in [name for name in keys if len(texts[name]) > 1]:
        del keys[name]
        left_out += ["another key has the same kid"] * len(texts[name])
    if left_out:
        reasons = ", ".join(dict.fromkeys(left_out))
        _LOGGER.warning("%s: %d keys are not used (%s)", place, len(left_out), reasons)
    if not keys:
        raise JwksError("holds no public key for signatures by " + " or ".join(algorithms))
    return SigningKeys(keys)


def _read_key(entry: Any, algorithms: frozenset[str]) -> tuple[tuple[str | None, str], Any]:
    if not isinstance(entry, dict):
        raise JwksError("not an object")
    kind, curve = entry.get("kty"), entry.get("crv")
    if any(part in entry for part in _PRIVATE):
        raise JwksError("a secret or private key")
    algorithm = {
        ("RSA", None): "RS256",
        ("EC", "P-256"): "ES256",
        ("OKP", "Ed25519"): "EdDSA",
    }.get((str(kind), None if curve is None else str(curve)))
    if algorithm not in algorithms or entry.get("alg", algorithm) != algorithm:
        raise JwksError("of another type or algorithm")
    if entry.get("use", "sig") != "sig":
        raise JwksError("of another use")
    operations = entry.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        raise JwksError("of another use")
    kid = entry.get("kid")
    if kid is not None and not isinstance(kid, str):
        raise JwksError("its kid is not a text")
    try:
        key = jwt.PyJWK(entry, algorithm).key
    except Exception:  # whatever the numbers made of it
        raise JwksError("malformed") from None
    if algorithm == "RS256" and key.key_size not in RSA_BITS:
        raise JwksError(f"an RSA key of {key.key_size} bits")
    return (kid, algorithm), key


def _numbers(key: Any) -> bytes:
    return bytes(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
