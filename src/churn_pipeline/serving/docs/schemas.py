"""JSON Schemas of what the service takes and answers, made from the contract and the settings."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from churn_pipeline.contract import Column
from churn_pipeline.scorer import Scorer
from churn_pipeline.scorer.decisions import NO_ACTION
from churn_pipeline.scorer.refusals import MAX_TEXT
from churn_pipeline.serving.docs.record_schema import BLANK, Schema, record_schema
from churn_pipeline.serving.feedback import OUTCOMES
from churn_pipeline.serving.settings import Mode, ServingSettings


def component_schemas(scorer: Scorer, settings: ServingSettings) -> dict[str, Schema]:
    """Return the schemas of all requests and answers, by name."""
    identifier = scorer.contract.id.name
    columns = scorer.request_columns
    customer = record_schema(
        columns,
        identifier,
        scorer.contract.missing_values,
        settings.unseen_category,
    )
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
        "tier": {
            "enum": [tier.name for tier in scorer.tiers],
            "description": "Tier of the churn probability; it decides nothing by itself.",
        },
        "recommended_action": {
            "enum": [NO_ACTION, *dict.fromkeys(tier.action for tier in scorer.tiers)],
            "description": f"How to contact the customer, by their tier; {NO_ACTION!r} exactly "
            "where contact is false.",
        },
        "contact": {
            "type": "boolean",
            "description": "The decision: whether contacting the customer is expected to pay.",
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
        **_deployment_schemas(answer["request_id"]),
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
                            _closed(
                                {**index, **fields, "model_version": answer["model_version"]},
                                optional=("model_version",),
                            ),
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


def _about_records(scorer: Scorer, settings: ServingSettings) -> str:
    parts = ["One customer by the contract."]
    if any(column.nullable for column in scorer.request_columns):
        parts.append("A value that may be missing is left out, or null.")
    if settings.unseen_category == "missing":
        parts.append("A category that the contract does not list is scored as missing.")
    known = {column.name for column in scorer.request_columns}
    rules = [r for r in scorer.contract.row_rules if known.issuperset(r.check.columns)]
    conditions = [*_order_of_dates(scorer), *(rule.meaning for rule in rules)]
    if conditions:
        listed = "\n".join(f"- {condition}" for condition in conditions)
        parts.append(f"Besides, these conditions are checked:\n\n{listed}")
    return " ".join(parts)


def _order_of_dates(scorer: Scorer) -> list[str]:
    columns = [column for column in scorer.request_columns if column.is_date]
    snapshots = [column.name for column in columns if "snapshot" in column.roles]
    return [
        f"{column.name} is not later than {snapshot}."
        for snapshot in snapshots
        for column in columns
        if column.name != snapshot
    ]


def _feedback(identifier: Column) -> Schema:
    return _closed(
        {
            identifier.name: {
                "type": "string",
                "minLength": 1,
                "maxLength": MAX_TEXT,
                "pattern": f"[^{BLANK}]",
                "description": identifier.meaning,
            },
            "outcome": {"enum": list(OUTCOMES)},
            "date": {
                "type": "string",
                "format": "date",
                "description": "When it was so; not in the future.",
            },
        }
    )


def _deployment_schemas(request_id: Schema) -> dict[str, Schema]:
    text = {"type": "string"}
    optional_text = {"type": ["string", "null"]}
    share = {"type": "number", "minimum": 0, "maximum": 1}
    mode = {"enum": list(get_args(Mode))}
    count = {"type": "integer", "minimum": 0}
    bundle = _closed({"folder": text, "version": text, "gates_passed": count})
    return {
        "Model": {
            "type": "object",
            "properties": {
                "mode": mode,
                "challenger_version": optional_text,
                "request_id": request_id,
            },
            "required": ["mode", "challenger_version", "request_id"],
            "description": "What the bundle says of itself: candidate, data, contract, metrics.",
        },
        "Deployment": _closed(
            {
                "mode": mode,
                "champion": bundle,
                "challenger": {"anyOf": [bundle, {"type": "null"}]},
                "challenger_share": {**share, "type": ["number", "null"]},
                "previous": {
                    "anyOf": [
                        _closed({"champion": text, "challenger": optional_text}),
                        {"type": "null"},
                    ]
                },
                "request_id": request_id,
            }
        ),
        "Plan": _closed(
            {
                "champion": {**text, "description": "Folder of a bundle on the service's disk."},
                "challenger": {**optional_text, "description": "Likewise; null for none."},
                "mode": mode,
                "challenger_share": share,
            },
            optional=("champion", "challenger", "mode", "challenger_share"),
        ),
    }


def _closed(properties: Mapping[str, Any], optional: Sequence[str] = ()) -> Schema:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }
