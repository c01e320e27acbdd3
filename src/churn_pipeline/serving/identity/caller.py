"""Whoever a request comes from, however that was proved."""

from dataclasses import dataclass
from typing import Literal, get_args

from churn_pipeline.serving.http.headers import CHALLENGE, Header
from churn_pipeline.serving.http.refusals import Refusal

Scope = Literal["score", "explain", "feedback", "admin", "metrics"]
SCOPES: tuple[str, ...] = get_args(Scope)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whose request it is.

    Attributes
    ----------
    key_id : str
        Names the caller in the audit log and the rate limits; not secret. Eight hexadecimal digits
        of an API key; ``t_`` and fourteen of the subject of tokens.
    name : str
        The key's owner, or the client that a token was issued to.
    scopes : frozenset of str
        What the caller may do: ``score``, ``explain``, ``feedback``, ``admin``,
        ``metrics``.
    requests_per_second, burst : float or None, int or None
        Limits of its own; None: those of the settings.
    """

    key_id: str
    name: str
    scopes: frozenset[Scope]
    requests_per_second: float | None = None
    burst: int | None = None


class Unauthorized(Refusal):
    """A request without good credentials: 401.

    Parameters
    ----------
    cause : str
        Label of the metric ``churn_unauthorized_total``, such as ``key_revoked``.
    sentence : str
        What is wrong and what would be right, without any part of the credentials.
    challenge : header
        What the client should bring (RFC 6750, section 3).
    """

    def __init__(self, cause: str, sentence: str, challenge: Header = CHALLENGE) -> None:
        super().__init__(401, "unauthorized", sentence, headers=(challenge,))
        self.cause = cause
