"""A contract as the document that it can be parsed from again."""

from typing import Any

from churn_pipeline.contract.model import Column, Contract


def contract_document(contract: Contract) -> dict[str, Any]:
    """Return what :func:`churn_pipeline.contract.parse_contract` makes an equal contract of.

    The order of its keys is the order of the columns.
    """
    file = contract.file.document()
    return {
        "name": contract.name,
        "description": contract.description,
        **({"file": file} if file else {}),
        "missing_values": list(contract.missing_values),
        "columns": {name: _column(column) for name, column in contract.columns.items()},
        "row_rules": {
            rule.name: {"check": rule.check.text, "meaning": rule.meaning}
            for rule in contract.row_rules
        },
        "derived_columns": {
            column.name: _given(
                expression=column.expression.text, meaning=column.meaning, unit=column.unit
            )
            for column in contract.derived_columns
        },
    }


def _column(column: Column) -> dict[str, Any]:
    return _given(
        type=column.type,
        role=list(column.roles),
        meaning=column.meaning,
        unit=column.unit,
        values=list(column.values) or None,
        minimum=column.minimum,
        maximum=column.maximum,
        nullable=(column.nullable and not column.is_open) or None,
        positive=column.positive,
        open=column.is_open or None,
        spellings={value: list(texts) for value, texts in column.spellings.items()} or None,
        decimal=None if column.decimal == "." else column.decimal,
        thousands=column.thousands,
        strip=list(column.strip) or None,
        negative=list(column.negative) or None,
        formats=list(column.formats) or None,
        default=column.default,
        generated=column.is_generated or None,
        horizon_days=column.horizon_days,
        missing_values=list(column.missing_values) or None,
        stored_as=column.stored_as,
    )


def _given(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
