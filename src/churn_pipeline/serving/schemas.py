"""JSON Schemas of what the service takes and answers, made from the contract and the settings.

A record that its schema accepts is one that the service scores, and the other way round; only the
contract's conditions across fields, which JSON Schema cannot say, stand in the description.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from churn_pipeline.contract import Column, Contract
from churn_pipeline.serving.settings import ServingSettings

Schema = dict[str, Any]

_LARGEST_EXACT_INTEGER = 2**53 - 1


class DescribedScorer(Protocol):
    """What the document needs of a scorer."""

    @property
    def version(self) -> str: ...  # noqa: D102
    @property
    def contract(self) -> Contract: ...  # noqa: D102
    @property
    def request_columns(self) -> Sequence[Column]: ...  # noqa: D102
    @property
    def tiers(self) -> Sequence[Any]: ...  # noqa: D102
    @property
    def example(self) -> Mapping[str, Any]: ...  # noqa: D102
    def read(self, record: object) -> Any: ...  # noqa: D102
    def score(self, customers: Any) -> Any: ...  # noqa: D102
    def explain(self, customers: Any, reasons: int = 3) -> Any: ...  # noqa: D102


def record_schema(columns: Sequence[Column], identifier: str, unseen_category: str) -> Schema:
    """Return the JSON Schema of one customer.

    Parameters
    ----------
    columns : sequence of Column
        The fields of a request.
    identifier : str
        Name of the id among them.
    unseen_category : {"refuse", "missing"}
        With ``missing`` a category may be any text.
    """
    return {
        "type": "object",
        "properties": {
            column.name: _id(column)
            if column.name == identifier
            else _field(column, unseen_category)
            for column in columns
        },
        "required": [column.name for column in columns if not column.nullable],
        "additionalProperties": False,
    }


def _id(column: Column) -> Schema:
    return {"type": "string", "minLength": 1, "pattern": r"\S", "description": column.meaning}


def _field(column: Column, unseen_category: str) -> Schema:
    schema: Schema = {"description": _meaning(column)}
    if column.is_numeric:
        schema["type"] = column.type
        least, most = column.minimum, column.maximum
        if column.type == "integer":
            # beyond these, neighbouring integers are one float64
            least = -_LARGEST_EXACT_INTEGER if least is None else least
            most = _LARGEST_EXACT_INTEGER if most is None else most
        schema |= {
            key: int(limit) if limit == int(limit) else limit
            for key, limit in (("minimum", least), ("maximum", most))
            if limit is not None
        }
    else:
        schema["type"] = "string"
        if column.values and unseen_category == "refuse":
            schema["enum"] = list(column.values)
        elif column.values:
            schema["examples"] = list(column.values)
    if column.nullable:
        schema["type"] = [schema["type"], "null"]
        if "enum" in schema:
            schema["enum"].append(None)
    return schema


def _meaning(column: Column) -> str:
    return f"{column.meaning} Unit: {column.unit}." if column.unit else column.meaning


def component_schemas(scorer: DescribedScorer, settings: ServingSettings) -> dict[str, Schema]:
    """Return the schemas of all requests and answers, by name."""
    identifier = scorer.contract.id.name
    customer = record_schema(scorer.request_columns, identifier, settings.unseen_category)
    customer["description"] = _about_records(scorer, settings)
    customer["examples"] = [dict(scorer.example)]
    text = {"type": "string"}
    number = {"type": "number"}
    score = {
        identifier: {**text, "description": scorer.contract.id.meaning},
        "churn_probability": {
            **number,
            "minimum": 0,
            "maximum": 1,
            "description": "Calibrated probability that the customer churns.",
        },
        "tier": {"enum": [tier.name for tier in scorer.tiers], "description": "Tier of risk."},
        "recommended_action": {**text, "description": "What is advised for the tier."},
        "contact": {
            "type": "boolean",
            "description": "Whether contacting the customer is expected to pay.",
        },
        "expected_profit": {**number, "description": "Of contacting the customer."},
    }
    why = {
        "log_odds": {**number, "description": "Log-odds of the churn probability."},
        "base_log_odds": {**number, "description": "Of the average customer."},
        "contributions": {
            "type": "object",
            "additionalProperties": number,
            "description": "What each input adds to the base, in log-odds.",
        },
        "reasons": {
            "type": "array",
            "items": _closed({"input": text, "text": text, "contribution": number}),
            "description": "The strongest contributions, in words.",
        },
    }
    answer = {
        "model_version": {**text, "description": "Model that answered."},
        "request_id": {"$ref": "#/components/schemas/RequestId"},
    }
    field_errors = {"type": "array", "items": {"$ref": "#/components/schemas/FieldError"}}
    schemas = {
        "Customer": customer,
        "Score": _closed({**score, **answer}),
        "Explanation": _closed({**score, **why, **answer}),
        "FieldError": _closed(
            {
                "field": {"type": ["string", "null"], "description": "Null: the whole record."},
                "message": text,
            }
        ),
        "RequestId": {**text, "description": "To be named when something is to be looked into."},
        "Error": _closed(
            {
                "error": {**text, "description": "What is wrong and how to mend it."},
                "errors": field_errors,
                "request_id": {"$ref": "#/components/schemas/RequestId"},
            },
            optional=("errors",),
        ),
        "Feedback": _feedback(scorer.contract.id),
        "Accepted": _closed({"request_id": {"$ref": "#/components/schemas/RequestId"}}),
        "Object": {"type": "object"},
    }
    index = {"index": {"type": "integer", "minimum": 0, "description": "Place in the request."}}
    count = {"type": "integer", "minimum": 0}
    for name, fields in (("Scores", score), ("Explanations", {**score, **why})):
        schemas[name] = _closed(
            {
                "results": {
                    "type": "array",
                    "items": {
                        "anyOf": [
                            _closed({**index, **fields}),
                            _closed({**index, "errors": field_errors}),
                        ]
                    },
                },
                "scored": count,
                "failed": count,
                **answer,
            }
        )
    schemas["Batch"] = _closed(
        {
            "customers": {
                "type": "array",
                "maxItems": settings.max_batch_customers,
                # any item is taken: one that cannot be scored gets errors of its own
                "items": {"anyOf": [{"$ref": "#/components/schemas/Customer"}, {}]},
            }
        }
    )
    return schemas


def _about_records(scorer: DescribedScorer, settings: ServingSettings) -> str:
    parts = ["One customer by the contract."]
    if any(column.nullable for column in scorer.request_columns):
        parts.append("A value that may be missing is left out, or null.")
    if settings.unseen_category == "missing":
        parts.append("A category that the contract does not list is scored as missing.")
    known = {column.name for column in scorer.request_columns}
    rules = [r for r in scorer.contract.row_rules if known.issuperset(r.check.columns)]
    if rules:
        listed = "\n".join(f"- {rule.meaning}" for rule in rules)
        parts.append(f"Besides, these conditions are checked:\n\n{listed}")
    return " ".join(parts)


def _feedback(identifier: Column) -> Schema:
    return _closed(
        {
            identifier.name: _id(identifier),
            "outcome": {"enum": ["churned", "stayed"]},
            "date": {"type": "string", "format": "date", "description": "When it was so."},
        }
    )


def _closed(properties: Mapping[str, Any], optional: Sequence[str] = ()) -> Schema:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }
