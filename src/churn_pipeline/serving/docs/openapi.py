"""The OpenAPI 3.1 document of the service, made from the contract and the settings."""

from collections.abc import Mapping
from typing import Any

import msgspec

from churn_pipeline.scorer import InvalidRecord, Scorer
from churn_pipeline.serving.docs.record_schema import Schema
from churn_pipeline.serving.docs.schemas import component_schemas
from churn_pipeline.serving.settings import ServingSettings

_REQUEST_ID = "5f0c7d0c9a3b4f6e"
_REFUSALS = {
    400: ("The body is no JSON.", "the body is no JSON"),
    401: ("The key or token is missing or not good.", "the Authorization header is missing"),
    403: (
        "The key lacks the scope, or the address is not allowed.",
        "the key lacks the scope of this route",
    ),
    408: ("The body came too slowly.", "the body was not complete in time"),
    409: ("The models cannot be put to work; those before stay.", "the bundle was changed"),
    413: ("The body or the batch is too large.", "the body is larger than the limit"),
    415: ("The body is declared as something else than JSON.", "the body must be application/json"),
    422: ("A value is not what it has to be.", "the body is not what this route takes"),
    429: ("The key's limit is reached.", "too many requests"),
    503: ("The service starts, stops or has too much to do.", "the service is not ready"),
}


def build_openapi(scorer: Scorer, settings: ServingSettings) -> Schema:
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
        "tags": [
            {"name": name, "description": text}
            for name, text in (
                ("scores", "How likely customers are to churn, and what to do about it."),
                ("model", "Which model answers, and what became of the customers."),
                ("admin", "For the service's operators."),
                ("health", "For the machines that run the service."),
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
        if settings.tokens is not None:
            document["components"]["securitySchemes"]["token"] = {  # type: ignore[index]
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": f"An access token of {settings.tokens.issuer}.",
            }
    return document


def _about(scorer: Scorer, settings: ServingSettings) -> str:
    parts = [scorer.contract.description]
    if settings.authentication:
        token = (
            "" if settings.tokens is None else f", or an access token of {settings.tokens.issuer}"
        )
        parts.append(
            f"Each request brings a key: `Authorization: Bearer churn_<key id>_<secret>`{token}."
        )
    parts.append(
        f"Limits: {settings.requests_per_second:g} requests per second and {settings.burst} at "
        f"once, unless a key has its own; {settings.max_batch_customers:,} customers in one "
        f"request; {settings.max_body_bytes:,} bytes in one body."
    )
    return "\n\n".join(filter(None, parts))


def _paths(scorer: Scorer, settings: ServingSettings) -> Schema:
    identifier = scorer.contract.id.name
    example = dict(scorer.example)
    customer = scorer.read_fields(example)
    score = {identifier: customer.id, **msgspec.to_builtins(scorer.score([customer])[0])}
    explanation = {**score, **msgspec.to_builtins(scorer.explain([customer])[0])}
    answer = {"model_version": scorer.version, "request_id": _REQUEST_ID}
    batch = {"customers": [example]}
    feedback = {identifier: customer.id, "outcome": "churned", "date": "2026-01-31"}

    def results(fields: Mapping[str, Any]) -> Schema:
        return {"results": [{"index": 0, **fields}], "scored": 1, "failed": 0, **answer}

    mistakes = _mistakes(scorer, example)

    def post(
        summary: str, scope: str, takes: str, body: Schema, gives: str, answers: Schema, **more: Any
    ) -> Schema:
        operation = _operation(settings, summary, scope, gives, answers, takes, body, **more)
        if takes == "Customer":
            content = operation["responses"]["422"]["content"]["application/json"]
            content["example"] = mistakes
        return {"post": operation}

    def admin(summary: str, **more: Any) -> Schema:
        return _operation(settings, summary, "admin", "Deployment", tag="admin", **more)

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
                settings, "Describe the model that answers", None, "Model", tag="model"
            )
        },
        "/v1/admin/models": {"get": admin("Say which models answer")},
        "/v1/admin/reload": {
            "post": admin(
                "Load the configured bundles again, or others",
                takes="Plan",
                body={},
                is_required=False,
                refusals=(409,),
            )
        },
        "/v1/admin/rollback": {
            "post": admin("Return to the models before", refusals=(409,)),
        },
        "/livez": {"get": _probe("Whether the process lives")},
        "/readyz": {"get": _probe("Whether requests are answered", 503)},
        "/metrics": {"get": _metrics(settings)},
    }


def _mistakes(scorer: Scorer, example: Schema) -> Schema:
    """Return the answer to a customer of whom a field is missing: a feature, or else the id."""
    needed = [column.name for column in scorer.contract.features if not column.nullable]
    missing = [*needed, scorer.contract.id.name][0]
    try:
        scorer.read({name: value for name, value in example.items() if name != missing})
    except InvalidRecord as invalid:
        errors = [{"field": e.field, "message": e.message} for e in invalid.errors]
        return {"error": errors[0]["message"], "errors": errors, "request_id": _REQUEST_ID}
    raise AssertionError(f"{missing} may be missing")


_BATCH = (
    "Customers that cannot be scored get errors of their own; the others are scored. The results "
    "are in the order of the request."
)


def _operation(
    settings: ServingSettings,
    summary: str,
    scope: str | None,
    gives: str,
    answers: Schema | None = None,
    takes: str | None = None,
    body: Schema | None = None,
    *,
    is_required: bool = True,
    refusals: tuple[int, ...] = (),
    status: int = 200,
    tag: str = "scores",
    about: str = "",
) -> Schema:
    """Describe one route: its scope, the schema it takes with an example, and those it gives."""
    codes = {*refusals, 503}
    if takes:
        codes |= {400, 408, 413, 415, 422}
    if settings.authentication:
        codes |= {401, 429}
    if settings.allowed_networks:
        codes |= {403, 429}
    if scope == "admin" or (settings.authentication and scope):
        codes.add(403)
    needs = f"Needs a key with the scope `{scope}`." if scope and settings.authentication else ""
    operation: Schema = {
        "summary": summary,
        "description": " ".join(filter(None, [about, needs])),
        "operationId": summary.lower().replace(" ", "_").replace(",", ""),
        "tags": [tag],
        "responses": {
            str(status): {"description": "Done.", "content": _json(gives, answers)},
            **{str(code): _refusal(code) for code in sorted(codes)},
        },
    }
    if settings.authentication:
        schemes = ["key"] if settings.tokens is None else ["key", "token"]
        operation["security"] = [{scheme: [scope] if scope else []} for scheme in schemes]
    if takes:
        operation["requestBody"] = {"required": is_required, "content": _json(takes, body)}
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
    if status in (429, 503):
        refusal["headers"] = {
            "Retry-After": {
                "description": "Seconds to wait.",
                "schema": {"type": "integer", "minimum": 1},
            }
        }
    return refusal


def _metrics(settings: ServingSettings) -> Schema:
    operation = _probe("Metrics for Prometheus")
    if settings.authentication and "/metrics" not in settings.public_routes:
        operation["security"] = [{"key": ["metrics"]}]
        operation["responses"] |= {str(code): _refusal(code) for code in (401, 403, 429)}
    return operation


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
