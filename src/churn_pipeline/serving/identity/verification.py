"""Check a JSON Web Token (RFC 7519) as RFC 8725 and, for access tokens, RFC 9068 advise.

PyJWT checks signature and claims. What it leaves to its caller is checked here: what a header may
hold, which key belongs to which algorithm, that times are numbers, and that a token is an access
token for whoever bears it.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import jwt

from churn_pipeline.serving.http.headers import INVALID_TOKEN
from churn_pipeline.serving.identity.caller import Caller, Scope, Unauthorized
from churn_pipeline.serving.identity.jwks import SigningKeys
from churn_pipeline.serving.identity.token_settings import TokenSettings

MAX_TOKEN_BYTES = 8192
"""What usual proxies take of a header at most."""
_MAX_NAME = 255
_MAX_TIME = 1e12  # seconds since the epoch; infinity is no time

# PyJWT skips other characters in the signature, by which one token could be written in any number
# of ways and take the places of others among those remembered
_FORM = re.compile(rb"[\w-]+\.[\w-]+\.[\w-]*")

# by which a token could bring its own key, or ask to be read in another way
_REFUSED_HEADERS = ("jku", "x5u", "jwk", "x5c", "crit", "b64", "zip", "enc")
_HEADER_TYPES = ("jwt", "at+jwt", "application/at+jwt")
_CLAIM_TYPES = (
    "bearer",
    "jwt",
    "at+jwt",
)  # of Keycloak, where ID tokens are signed by the same key
_NOT_OF_ACCESS_TOKENS = ("at_hash", "c_hash", "s_hash", "events")
_REQUIRED = ["exp", "iat", "iss", "aud", "sub"]


class UnknownKey(Unauthorized):
    """The token is signed by a key that is not known (yet)."""


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """What a token says.

    Attributes
    ----------
    caller : Caller
    subject : str
    token_id : str or None
        The claim ``jti``.
    until : float
        When it expires, in seconds since the epoch.
    """

    caller: Caller
    subject: str
    token_id: str | None
    until: float


def verify(token: bytes, keys: SigningKeys, settings: TokenSettings) -> VerifiedToken:
    """Check a token.

    Parameters
    ----------
    token : bytes
        From the ``Authorization`` header, without ``Bearer``.
    keys : SigningKeys
    settings : TokenSettings

    Raises
    ------
    Unauthorized
        With the cause and one sentence; :class:`UnknownKey` if other keys may help.
    """
    if _FORM.fullmatch(token) is None:
        _refuse("malformed", "The token is not a JSON Web Token of three parts.")
    head = token.partition(b".")[0]
    algorithm, key = _key_of(head, keys, settings)
    try:
        claims = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=settings.audience,
            issuer=settings.issuer,
            leeway=settings.leeway,
            options={"require": _REQUIRED},
        )
    except jwt.ExpiredSignatureError:
        _refuse("expired", "The token has expired; ask the identity provider for a new one.")
    except jwt.ImmatureSignatureError:
        _refuse("not_yet_valid", "The token is not valid yet; see that the clocks agree.")
    except jwt.InvalidSignatureError:
        _refuse("signature", "The token's signature is wrong.")
    except jwt.InvalidAudienceError:
        _refuse("audience", "The token is meant for another audience.")
    except jwt.InvalidIssuerError:
        _refuse("issuer", "The token comes from another issuer.")
    except jwt.MissingRequiredClaimError as error:
        _refuse("claims", f"The token has no claim {error.claim}.")
    except (jwt.PyJWTError, ValueError, TypeError):
        _refuse("malformed", "The token is malformed.")
    _check_claims(claims, settings)
    return _verified(claims, settings)


def _key_of(head: bytes, keys: SigningKeys, settings: TokenSettings) -> tuple[str, Any]:
    """Check the header alone, which costs little, and find the key."""
    try:
        header = jwt.get_unverified_header(head + b"..")
    except jwt.DecodeError:
        _refuse("malformed", "The token's header is malformed.")
    except jwt.InvalidTokenError:
        _refuse("header", "The token's header asks for what this service does not do.")
    for name in _REFUSED_HEADERS:
        if name in header:
            _refuse("header", f"A token with {name} in its header is not accepted.")
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower() not in _HEADER_TYPES:
        _refuse("type", "The token is of another type than JWT or at+jwt.")
    algorithm = header.get("alg")
    if algorithm not in settings.algorithms:
        names = ", ".join(settings.algorithms)
        _refuse("algorithm", f"The token's algorithm is not accepted; valid ones: {names}.")
    key = keys.find(header.get("kid"), algorithm)
    if key is None:
        if not keys.keys:
            raise UnknownKey(
                "token_keys_unavailable",
                "The identity provider's keys are not available, so that no token can be checked; "
                "try again later.",
            )
        raise UnknownKey(
            "token_unknown_key", "The token is signed by an unknown key.", INVALID_TOKEN
        )
    return algorithm, key


def _check_claims(claims: Mapping[str, Any], settings: TokenSettings) -> None:
    for name in ("exp", "iat", "nbf"):
        value = claims.get(name, 0)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not -_MAX_TIME < value < _MAX_TIME:
            _refuse("claims", f"The token's claim {name} is not a number.")
    if claims["exp"] - claims["iat"] > settings.max_lifetime:
        _refuse(
            "lifetime",
            f"The token is valid for longer than {settings.max_lifetime:g} seconds, which is not "
            "accepted.",
        )
    if not claims["sub"].strip() or len(claims["sub"]) > _MAX_NAME:
        _refuse("claims", f"The token's claim sub must have 1 to {_MAX_NAME} characters.")
    kind = claims.get("typ", "JWT")
    if (
        not isinstance(kind, str)
        or kind.lower() not in _CLAIM_TYPES
        or any(name in claims for name in _NOT_OF_ACCESS_TOKENS)
    ):
        _refuse("type", "The token is not an access token.")
    if "cnf" in claims:
        _refuse(
            "type",
            "The token is bound to a key of its sender, which this service cannot check.",
        )


def _verified(claims: Mapping[str, Any], settings: TokenSettings) -> VerifiedToken:
    subject = claims["sub"]
    client = next(
        (claims[n] for n in ("azp", "client_id") if isinstance(claims.get(n), str)), subject
    )
    caller = Caller(
        key_id=subject_id(settings.issuer, subject),
        # JSON may bring half a surrogate pair, which has no UTF-8
        name=client[:_MAX_NAME].encode("ascii", "backslashreplace").decode(),
        scopes=_scopes(claims, settings),
    )
    return VerifiedToken(caller, subject, claims.get("jti"), claims["exp"] + settings.leeway)


def subject_id(issuer: str, subject: str) -> str:
    """Return the id by which the audit log and the rate limits know a subject of an issuer."""
    digest = hashlib.sha256(json.dumps([issuer, subject]).encode()).hexdigest()
    return f"t_{digest[:14]}"


def _scopes(claims: Mapping[str, Any], settings: TokenSettings) -> frozenset[Scope]:
    path = settings.scope_claim
    if len(path) == 1 and path[0] not in claims:
        path = tuple(path[0].split("."))
    value: Any = claims
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    if isinstance(value, str):
        value = value.split(" ")
    scopes: set[Scope] = set()
    for item in value if isinstance(value, list) else ():
        if isinstance(item, str):
            scopes |= settings.scopes.get(item, frozenset())
    return frozenset(scopes)


def _refuse(cause: str, sentence: str) -> NoReturn:
    raise Unauthorized(f"token_{cause}", sentence, INVALID_TOKEN) from None
