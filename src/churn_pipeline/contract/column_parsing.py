"""Parse one column of ``contract.yml``."""

from datetime import datetime
from re import findall
from typing import get_args

from churn_pipeline.contract.model import Column, ColumnType, Role
from churn_pipeline.contract.sections import Section

_TYPES = get_args(ColumnType)
_ROLES = get_args(Role)
_KEYS_OF_TYPES = {
    "values": ("category",), "open": ("category",), "spellings": ("category",),
    "decimal": ("integer", "number"), "thousands": ("integer", "number"),
    "strip": ("integer", "number"), "negative": ("integer", "number"),
    "formats": ("date",), "default": ("date",), "stored_as": ("text",),
}  # fmt: skip
_KEYS = {
    "type", "role", "meaning", "unit", "minimum", "maximum", "nullable", "positive", "generated",
    "horizon_days", "missing_values", *_KEYS_OF_TYPES,
}  # fmt: skip
_THOUSANDS = (",", ".", " ", "'")
_CODES = "%" + "abBdfHIjmMpSyY"  # of strptime, all that pandas takes too, but for time zones


def parse_column(name: str, section: Section) -> Column:
    """Build a column from its section of the document.

    Raises
    ------
    ContractError
        With one sentence that names the key and the valid options.
    """
    section.only(_KEYS)
    kind = section.choice("type", section.values.get("type"), _TYPES)
    role = section.values.get("role", "feature")
    roles = tuple(
        section.choice("role", item, _ROLES)
        for item in (role if isinstance(role, list) else [role])
    )
    if not roles:
        section.fail("role", f"is empty; valid options: {', '.join(_ROLES)}")
    is_open = section.flag("open")
    column = Column(
        name=name,
        type=kind,
        roles=roles,
        meaning=section.text("meaning"),
        unit=section.text("unit") if "unit" in section.values else None,
        values=tuple(section.texts("values")),
        minimum=section.number("minimum"),
        maximum=section.number("maximum"),
        nullable=section.flag("nullable") or is_open,
        positive=section.text("positive") if "positive" in section.values else None,
        is_open=is_open,
        spellings={value: tuple(texts) for value, texts in section.text_lists("spellings").items()},
        decimal=section.choice("decimal", section.values.get("decimal", "."), (".", ",")),
        thousands=section.text("thousands") if "thousands" in section.values else None,
        strip=tuple(section.texts("strip")),
        negative=tuple(section.texts("negative")),
        formats=tuple(section.texts("formats")),
        default=section.date("default"),
        is_generated=section.flag("generated"),
        horizon_days=section.whole("horizon_days", least=1),
        missing_values=tuple(section.texts("missing_values")),
        stored_as=_stored_as(section),
    )
    _check_type(column, section)
    _check_spellings(column, section)
    _check_roles(column, section)
    return column


def _stored_as(section: Section) -> str | None:
    if "stored_as" not in section.values:
        return None
    return section.choice("stored_as", section.values["stored_as"], ("integer",))


def _check_type(column: Column, section: Section) -> None:
    if column.type == "category" and not column.values:
        section.fail("values", "is missing; a category lists its allowed values")
    for key, types in _KEYS_OF_TYPES.items():
        if section.values.get(key) and column.type not in types:
            section.fail(key, f"only fits type {' and '.join(types)}, not {column.type}")
    if not column.is_numeric and (column.minimum is not None or column.maximum is not None):
        section.fail("minimum/maximum", f"only fit types integer and number, not {column.type}")
    if column.minimum is not None and column.maximum is not None:
        if column.minimum > column.maximum:
            section.fail("minimum", f"({column.minimum:g}) is above maximum ({column.maximum:g})")


def _check_spellings(column: Column, section: Section) -> None:
    """Refuse spellings of which it is not sure what they mean."""
    meant = {value: value for value in column.values}
    for value, texts in column.spellings.items():
        section.choice("spellings", value, column.values)
        for text in texts:
            if meant.setdefault(text, value) != value:
                section.fail("spellings", f"reads {text!r} as {value!r} and as {meant[text]!r}")
    if column.thousands is not None:
        if column.thousands not in _THOUSANDS:
            options = " ".join(map(repr, _THOUSANDS))
            section.fail("thousands", f"is {column.thousands!r}; valid options: {options}")
        if column.thousands == column.decimal:
            section.fail("thousands", f"is {column.thousands!r}, which is the decimal separator")
    for text in column.missing_values:
        if text in meant:
            section.fail("missing_values", f"holds {text!r}, which is a value as well")
    for key, texts in (("strip", column.strip), ("negative", column.negative)):
        for text in texts:
            is_sign = not text.strip(" .,")
            if is_sign or any(sign.isdigit() or sign in "+-,'" for sign in text):
                section.fail(key, f"holds {text!r}; only texts without digits and signs fit")
    for text in column.formats:
        _check_format(text, section)


def _check_format(text: str, section: Section) -> None:
    for code in findall("%(.?)", text):
        if code not in tuple(_CODES):
            codes = " ".join(f"%{known}" for known in _CODES)
            section.fail("formats", f"holds {text!r} with the code %{code}; valid codes: {codes}")
    day = datetime(1999, 11, 23)
    try:
        found = datetime.strptime(day.strftime(text), text)
    except ValueError:
        found = datetime.min
    # a format without a day, such as '%Y-%m', means the first of the month
    if found not in (day, day.replace(day=1)):
        section.fail(
            "formats", f"holds {text!r}, which does not give a month; an example is '%d/%m/%Y'"
        )


def _check_roles(column: Column, section: Section) -> None:
    roles = set(column.roles)
    if column.type == "text" and "feature" in roles:
        section.fail("role", "feature does not fit type text; use category, or role ignored")
    if column.is_date and roles & {"id", "sensitive"}:
        role = min(roles & {"id", "sensitive"})
        section.fail("role", f"{role} does not fit type date; use feature, snapshot or ignored")
    if "customer" in roles and column.type != "text":
        section.fail("type", f"of a customer must be text, not {column.type}")
    if "snapshot" in roles and not column.is_date:
        section.fail("type", f"of a snapshot must be date, not {column.type}")
    if column.is_open and roles & {"id", "target"}:
        section.fail("open", f"does not fit role {min(roles & {'id', 'target'})}")
    if "target" in roles:
        if column.type != "category" or len(column.values) != 2:
            section.fail("type", "of a target must be category with exactly two values")
        section.choice("positive", column.positive, column.values)
    elif column.positive is not None:
        section.fail("positive", "only fits the target")
    elif column.horizon_days is not None:
        section.fail("horizon_days", "only fits the target")
    if column.default is not None and "snapshot" not in roles:
        section.fail("default", "only fits the snapshot")
    if column.is_generated and ("id" not in roles or column.type != "text"):
        section.fail("generated", "only fits an id of type text")
