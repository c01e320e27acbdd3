"""Section ``serving.tokens`` of ``params.yaml``: whose tokens are taken, and for what."""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from ipaddress import ip_address
from math import isfinite
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from churn_pipeline.serving.identity.caller import SCOPES, Scope

ALGORITHMS = ("RS256", "ES256", "EdDSA")
"""Signatures by private keys only: a secret that the service shared could also sign."""
REVOKED_TOKENS = "revoked_tokens.json"


@dataclass(frozen=True, kw_only=True)
class TokenSettings:
    """Whose tokens are taken, and for what.

    Attributes
    ----------
    issuer : str
        The identity provider, exactly as the claim ``iss`` names it.
    audience : tuple of str
        Names of this service in the claim ``aud``; one of them must be there.
    jwks : Path or str
        The provider's public keys (a JSON Web Key Set, RFC 7517): a file, or an address.
    scopes : mapping of str to frozenset of str
        What each value of the claim allows here; other values allow nothing.
    scope_claim : tuple of str
        Where that claim is found: its name, or one text with dots between the names on the way to
        it, or these names.
    algorithms : tuple of str
        Signatures that are taken.
    leeway : float
        Seconds by which the clocks may differ.
    max_lifetime : float
        Seconds from a token's issue to its expiry at most.
    refresh_seconds : float
        How often the address is asked for the keys.
    max_age_seconds : float
        How long keys are used when the address gives no new ones.
    revoked : Path or None
        File of the revoked tokens and subjects; None: ``revoked_tokens.json`` beside the file of
        the API keys.
    """

    issuer: str
    audience: tuple[str, ...]
    jwks: Path | str
    scopes: Mapping[str, frozenset[Scope]]
    scope_claim: tuple[str, ...] = ("scope",)
    algorithms: tuple[str, ...] = ALGORITHMS
    leeway: float = 30.0
    max_lifetime: float = 86_400.0
    refresh_seconds: float = 300.0
    max_age_seconds: float = 3600.0
    revoked: Path | None = None

    def located(self, folder: Path, keys: Path) -> "TokenSettings":
        """Return the settings with relative paths taken from ``folder``, and a file of revocations.

        Parameters
        ----------
        folder : Path
        keys : Path
            File of the API keys.
        """
        jwks = folder / self.jwks if isinstance(self.jwks, Path) else self.jwks
        return replace(
            self, jwks=jwks, revoked=folder / (self.revoked or keys.with_name(REVOKED_TOKENS))
        )


def read_token_settings(section: object) -> TokenSettings | None:
    """Check the section; None turns tokens off.

    Raises
    ------
    ValueError
        With the end of a sentence that begins with the section's name.
    """
    if section is None:
        return None
    if not isinstance(section, Mapping):
        raise ValueError(
            "must be null, or a mapping with the keys issuer, audience, jwks and scopes"
        )
    values: dict[str, Any] = {}
    for key, value in section.items():
        if key not in _READERS:
            near = difflib.get_close_matches(str(key), _READERS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"valid keys: {', '.join(_READERS)}"
            raise ValueError(f"holds {key}, which is not a key; {hint}")
        try:
            values[key] = _READERS[key](value)
        except ValueError as error:
            raise ValueError(f"holds {key}: {value!r}; {error}") from None
    for key in ("issuer", "audience", "jwks", "scopes"):
        if key not in values:
            raise ValueError(f"has no {key}, which {_NEEDED[key]}")
    settings = TokenSettings(**values)
    if settings.max_age_seconds < settings.refresh_seconds:
        raise ValueError(
            "holds a max_age_seconds below refresh_seconds: keys would be too old before they "
            "are asked for again"
        )
    return settings


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("it must be a text")
    return value


def _texts(value: object) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(item, str) and item for item in values):
        raise ValueError("it must be a text or a list of texts")
    return tuple(values)


def _algorithms(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(item in ALGORITHMS for item in value):
        raise ValueError(f"it must be a list of some of {', '.join(ALGORITHMS)}")
    return tuple(value)


def _jwks(value: object) -> Path | str:
    text = _text(value)
    if "://" not in text:
        return Path(text)
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:  # a port that is none
        host = ""
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))
    if not host or not is_safe or "@" in parts.netloc or parts.fragment:
        raise ValueError(
            "it must be a file, or an address like https://id.example.org/keys without a user's "
            "name or a fragment (http only for this machine: who answers instead could sign tokens)"
        )
    return text


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _scopes(value: object) -> Mapping[str, frozenset[Scope]]:
    expected = (
        f"it must map values of the claim to scopes ({', '.join(SCOPES)}), such as "
        "{churn-users: [score, explain]}"
    )
    if not isinstance(value, Mapping) or not value:
        raise ValueError(expected)
    mapping = {}
    for name, scopes in value.items():
        scopes = [scopes] if isinstance(scopes, str) else scopes
        if not isinstance(name, str) or not isinstance(scopes, list) or not scopes:
            raise ValueError(expected)
        if not all(scope in SCOPES for scope in scopes):
            raise ValueError(expected)
        mapping[name] = frozenset(scopes)
    return mapping


def _seconds(minimum: float, maximum: float) -> Callable[[Any], float]:
    def read(value: object) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value):
            if minimum <= value <= maximum:
                return float(value)
        raise ValueError(f"it must be a number of seconds from {minimum:g} to {maximum:g}")

    return read


_NEEDED = {
    "issuer": "names the identity provider as its tokens do (claim iss)",
    "audience": "names this service as tokens for it do (claim aud)",
    "jwks": "is the file or https address of the provider's public keys",
    "scopes": "maps values of the claim to what they allow here, such as {churn-users: [score]}",
}
_READERS: Mapping[str, Callable[[Any], object]] = {
    "issuer": _text,
    "audience": _texts,
    "jwks": _jwks,
    "scopes": _scopes,
    "scope_claim": _texts,
    "algorithms": _algorithms,
    "leeway": _seconds(0, 300),
    "max_lifetime": _seconds(60, 31_536_000),
    "refresh_seconds": _seconds(10, 86_400),
    "max_age_seconds": _seconds(10, 604_800),
    "revoked": lambda value: Path(_text(value)),
}
assert set(_READERS) == {field.name for field in fields(TokenSettings)}
