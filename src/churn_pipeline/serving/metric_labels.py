"""The values of the labels by which the service counts; each is exported as 0 from the start."""

ERROR_KINDS = ("client_gone", "deployment", "feedback", "internal", "redis", "token_keys")
"""What went wrong in the service."""
REASONS = (
    *("audit", "batch_too_large", "bentoml", "bodies", "body_too_large", "busy"),
    *("caller_bodies", "connections"),
    *("content_type", "deployment", "head_too_large", "key_network", "malformed", "method"),
    *("network", "not_found", "not_json", "not_ready", "origin", "pipelined", "rate_limit"),
    *("scope", "storage", "timeout", "unauthorized", "unread", "validation"),
)
"""Why requests are refused."""
CAUSES = (
    *("key_expired", "key_revoked", "key_unknown", "malformed", "missing", "network"),
    *("token_algorithm", "token_audience", "token_claims", "token_expired", "token_header"),
    *("token_issuer", "token_keys_unavailable", "token_lifetime", "token_malformed"),
    *("token_not_yet_valid", "token_revoked", "token_signature", "token_too_large", "token_type"),
    "token_unknown_key",
)
"""Why they count as unauthorized."""
OUTCOMES = ("scored", "refused", "failed", "dropped", "unwritten")
"""What becomes of silent scores."""
