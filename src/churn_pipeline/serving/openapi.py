"""The OpenAPI 3.1 document of the service, made from the contract and the settings."""

from collections.abc import Mapping
from typing import Any

import msgspec

from churn_pipeline.serving.schemas import DescribedScorer, Schema, component_schemas
from churn_pipeline.serving.settings import ServingSettings

_REQUEST_ID = "5f0c7d0c9a3b4f6e"
_REFUSALS = {
    400: ("The body is no JSON.", "the body is no JSON"),
    401: ("The key is missing, unknown or revoked.", "the Authorization header is missing"),
    403: (
        "The key lacks the scope, or the address is not allowed.",
        "the key lacks the scope of this route",
    ),
    404: ("There is nothing of this kind.", "there is no version to return to"),
    409: ("It cannot be done now.", "there is no version to return to"),
    413: ("The body or the batch is too large.", "the body is larger than the limit"),
    415: ("The body is declared as something else than JSON.", "the body must be application/json"),
    422: ("A value is not what it has to be.", "the body is not what this route takes"),
    429: ("The key's limit is reached.", "too many requests"),
    503: ("The service starts or stops.", "the service is not ready"),
}


def build_openapi(scorer: DescribedScorer, settings: ServingSettings) -> Schema:
    """Describe the service.

    Parameters
    ----------
    scorer : Scorer
        Of the champion, whose contract and answers are described.
    settings : ServingSettings
        Limits, whether a key is needed, what becomes of unseen categories.

    Returns
    -------
    dict
        The document, ready to be encoded as JSON.
    """
    contract = scorer.contract
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": f"Churn of {contract.name} customers",
            "version": "1.0.0",
            "description": _about(scorer, settings),
        },
        "servers": [{"url": "/"}],
        "tags": [
            {"name": name, "description": text}
            for name, text in (
                ("scores", "How likely customers are to churn, and what to do about it."),
                ("model", "Which model answers, and what became of the customers."),
                ("admin", "For the service's operators."),
                ("health", "For the machines that run the service; without a key."),
            )
        ],
        "paths": _paths(scorer, settings),
        "components": {"schemas": component_schemas(scorer, settings)},
    }
    if settings.authentication:
        document["components"]["securitySchemes"] = {  # type: ignore[index]
            "key": {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "churn_<key id>_<secret>",
                "description": "A key of the service's operator.",
            }
        }
    return document


def _about(scorer: DescribedScorer, settings: ServingSettings) -> str:
    parts = [scorer.contract.description]
    if settings.authentication:
        parts.append("Each request brings a key: `Authorization: Bearer churn_<key id>_<secret>`.")
    parts.append(
        f"Limits: {settings.requests_per_second:g} requests per second and {settings.burst} at "
        f"once, unless a key has its own; {settings.max_batch_customers:,} customers in one "
        f"request; {settings.max_body_bytes:,} bytes in one body."
    )
    return "\n\n".join(filter(None, parts))


def _paths(scorer: DescribedScorer, settings: ServingSettings) -> Schema:
    identifier = scorer.contract.id.name
    example = dict(scorer.example)
    customer = scorer.read(example)
    score = {identifier: customer.id, **msgspec.to_builtins(scorer.score([customer])[0])}
    explanation = {**score, **msgspec.to_builtins(scorer.explain([customer])[0])}
    answer = {"model_version": scorer.version, "request_id": _REQUEST_ID}
    batch = {"customers": [example]}
    feedback = {identifier: customer.id, "outcome": "churned", "date": "2026-01-31"}

    def results(fields: Mapping[str, Any]) -> Schema:
        return {"results": [{"index": 0, **fields}], "scored": 1, "failed": 0, **answer}

    def post(
        summary: str, scope: str, takes: str, body: Schema, gives: str, answers: Schema, **more: Any
    ) -> Schema:
        return {"post": _operation(settings, summary, scope, gives, answers, takes, body, **more)}

    def admin(method: str, summary: str) -> Schema:
        return {method: _operation(settings, summary, "admin", "Object", None, tag="admin")}

    return {
        "/v1/score": post(
            "Score one customer", "score", "Customer", example, "Score", {**score, **answer}
        ),
        "/v1/score/batch": post(
            "Score many customers", "score", "Batch", batch, "Scores", results(score), about=_BATCH
        ),
        "/v1/explain": post(
            "Score one customer and say why",
            "explain",
            "Customer",
            example,
            "Explanation",
            {**explanation, **answer},
        ),
        "/v1/explain/batch": post(
            "Score many customers and say why",
            "explain",
            "Batch",
            batch,
            "Explanations",
            results(explanation),
            about=_BATCH,
        ),
        "/v1/feedback": post(
            "Say what became of a customer",
            "feedback",
            "Feedback",
            feedback,
            "Accepted",
            {"request_id": _REQUEST_ID},
            status=202,
            tag="model",
        ),
        "/v1/model": {
            "get": _operation(
                settings, "Describe the model that answers", None, "Object", None, tag="model"
            )
        },
        "/v1/admin/models": admin("get", "Describe the models that are loaded"),
        "/v1/admin/reload": admin("post", "Load the bundles again"),
        "/v1/admin/rollback": admin("post", "Return to the champion before"),
        "/livez": {"get": _probe("Whether the process lives")},
        "/readyz": {"get": _probe("Whether requests are answered", 503)},
        "/metrics": {"get": _probe("Metrics for Prometheus")},
    }


_BATCH = (
    "Customers that cannot be scored get errors of their own; the others are scored. The results "
    "are in the order of the request."
)


def _operation(
    settings: ServingSettings,
    summary: str,
    scope: str | None,
    gives: str,
    answers: Schema | None,
    takes: str | None = None,
    body: Schema | None = None,
    *,
    status: int = 200,
    tag: str = "scores",
    about: str = "",
) -> Schema:
    """Describe one route: its scope, the schema it takes with an example, and those it gives."""
    refusals = [400, 413, 415, 422] if takes else []
    if settings.authentication:
        refusals += [401, 429]
    if settings.allowed_networks or (settings.authentication and scope):
        refusals.append(403)
    operation: Schema = {
        "summary": summary,
        "description": " ".join(
            filter(None, [about, f"Needs a key with the scope `{scope}`." if scope else ""])
        ),
        "operationId": summary.lower().replace(" ", "_"),
        "tags": [tag],
        "responses": {
            str(status): {"description": "Done.", "content": _json(gives, answers)},
            **{str(code): _refusal(code) for code in sorted([*refusals, 503])},
        },
    }
    if settings.authentication:
        operation["security"] = [{"key": [scope] if scope else []}]
    if takes:
        operation["requestBody"] = {"required": True, "content": _json(takes, body)}
    return operation


def _json(schema: str, example: Schema | None) -> Schema:
    content: Schema = {"schema": {"$ref": f"#/components/schemas/{schema}"}}
    if example is not None:
        content["example"] = example
    return {"application/json": content}


def _refusal(status: int) -> Schema:
    description, sentence = _REFUSALS[status]
    error: Schema = {"error": sentence, "request_id": _REQUEST_ID}
    if status == 422:
        error["errors"] = [{"field": None, "message": sentence}]
    refusal: Schema = {"description": description, "content": _json("Error", error)}
    if status == 429:
        refusal["headers"] = {
            "Retry-After": {
                "description": "Seconds to wait.",
                "schema": {"type": "integer", "minimum": 1},
            }
        }
    return refusal


def _probe(summary: str, *others: int) -> Schema:
    text = {"text/plain": {"schema": {"type": "string"}}}
    return {
        "summary": summary,
        "operationId": summary.lower().replace(" ", "_"),
        "tags": ["health"],
        "responses": {
            "200": {"description": "It does.", "content": text},
            **{str(code): {"description": "It does not.", "content": text} for code in others},
        },
    }
