"""Parse ``contract.yml`` into typed objects; every error names the key and the valid options."""

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any, get_args

from churn_pipeline.contract.expressions import Expression
from churn_pipeline.contract.model import (
    Column,
    ColumnType,
    Contract,
    DerivedColumn,
    Role,
    RowRule,
)
from churn_pipeline.errors import ContractError

_TYPES = get_args(ColumnType)
_ROLES = get_args(Role)
_COLUMN_KEYS = {
    "type", "role", "meaning", "unit", "values", "minimum", "maximum", "nullable", "positive",
}  # fmt: skip
# what quarantine calls the other reasons
_RESERVED_RULES = {
    "allowed_values", "duplicate_id", "field_count", "field_uniqueness", "missing", "not_a_number",
    "not_an_integer", "not_nullable", "range",
}  # fmt: skip


def parse_contract(document: object, source: str = "contract.yml") -> Contract:
    """Build a :class:`Contract` from the loaded YAML document.

    Parameters
    ----------
    document : object
        What a YAML loader returned for the file.
    source : str
        Name of the file, for the messages.

    Raises
    ------
    ContractError
        With one sentence that names the key and the valid options.
    """
    root = _Section(document, source, "")
    root.only({"name", "description", "missing_values", "columns", "row_rules", "derived_columns"})
    columns = {name: _column(name, section) for name, section in root.sections("columns")}
    if not columns:
        root.fail("columns", "is empty; describe at least an id, a target and one feature")
    contract = Contract(
        name=root.text("name"),
        description=root.text("description", default=""),
        missing_values=tuple(root.texts("missing_values", default=[""])),
        columns=columns,
        row_rules=tuple(_rule(name, section) for name, section in root.sections("row_rules")),
        derived_columns=tuple(
            _derived(name, section) for name, section in root.sections("derived_columns")
        ),
    )
    _check_roles(contract, root)
    _check_names(contract, root)
    _check_expressions(contract, root)
    return contract


class _Section:
    """A mapping of the document together with the path of its key, for the messages."""

    def __init__(self, value: object, source: str, path: str) -> None:
        self.source = source
        self.path = path
        if not isinstance(value, Mapping):
            raise ContractError(f"{source}: {path or 'the file'} must be a mapping of keys")
        self.values: Mapping[str, Any] = value

    def fail(self, key: str, problem: str) -> None:
        path = f"{self.path}.{key}" if self.path else key
        raise ContractError(f"{self.source}: {path} {problem}")

    def only(self, keys: Collection[str]) -> None:
        for key in self.values:
            if key not in keys:
                self.fail(str(key), f"is not a key; valid keys: {', '.join(sorted(keys))}")

    def sections(self, key: str) -> list[tuple[str, "_Section"]]:
        path = f"{self.path}.{key}" if self.path else key
        inner = _Section(self.values.get(key) or {}, self.source, path)
        for name in inner.values:
            if not isinstance(name, str):
                self.fail(key, f"has the key {name!r}, which YAML does not read as text; quote it")
        return [
            (str(name), _Section(value, self.source, f"{path}.{name}"))
            for name, value in inner.values.items()
        ]

    def text(self, key: str, default: str | None = None) -> str:
        value = self.values.get(key, default)
        if value is None:
            self.fail(key, "is missing; a text is needed")
        if not isinstance(value, str):
            self.fail(key, f"must be a text in quotes, not {value!r}")
        return str(value)

    def texts(self, key: str, default: list[str] | None = None) -> list[str]:
        value = self.values.get(key, default if default is not None else [])
        if not isinstance(value, list):
            self.fail(key, f"must be a list of texts, not {value!r}")
        for item in value:
            if not isinstance(item, str):
                self.fail(
                    key, f"holds {item!r}, which YAML does not read as text; put it in quotes"
                )
        if len(set(value)) != len(value):
            self.fail(key, "names a value twice")
        for item in value:
            if item != item.strip():
                self.fail(key, f"holds {item!r}; cells are compared without blanks around them")
        return list(value)

    def number(self, key: str) -> float | None:
        value = self.values.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.fail(key, f"must be a number, not {value!r}")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            self.fail(key, "must be a finite number; leave it out where there is no limit")
        return number

    def flag(self, key: str) -> bool:
        value = self.values.get(key, False)
        if not isinstance(value, bool):
            self.fail(key, f"must be true or false, not {value!r}")
        return bool(value)

    def choice(self, key: str, value: object, options: Collection[str]) -> Any:
        if value not in options:
            self.fail(key, f"is {value!r}; valid options: {', '.join(options)}")
        return value

    def expression(self, key: str) -> Expression:
        try:
            return Expression(self.text(key))
        except ValueError as error:
            self.fail(key, f"cannot be read: {error}")
            raise


def _column(name: str, section: _Section) -> Column:
    section.only(_COLUMN_KEYS)
    kind = section.choice("type", section.values.get("type"), _TYPES)
    role = section.values.get("role", "feature")
    roles = tuple(
        section.choice("role", item, _ROLES)
        for item in (role if isinstance(role, list) else [role])
    )
    if not roles:
        section.fail("role", f"is empty; valid options: {', '.join(_ROLES)}")
    column = Column(
        name=name,
        type=kind,
        roles=roles,
        meaning=section.text("meaning"),
        unit=section.text("unit") if "unit" in section.values else None,
        values=tuple(section.texts("values")),
        minimum=section.number("minimum"),
        maximum=section.number("maximum"),
        nullable=section.flag("nullable"),
        positive=section.text("positive") if "positive" in section.values else None,
    )
    if column.type == "category" and not column.values:
        section.fail("values", "is missing; a category lists its allowed values")
    if column.type != "category" and column.values:
        section.fail("values", f"only fits type category, not {column.type}")
    if not column.is_numeric and (column.minimum is not None or column.maximum is not None):
        section.fail("minimum/maximum", f"only fit types integer and number, not {column.type}")
    if column.minimum is not None and column.maximum is not None:
        if column.minimum > column.maximum:
            section.fail("minimum", f"({column.minimum:g}) is above maximum ({column.maximum:g})")
    if column.type == "text" and "feature" in roles:
        section.fail("role", "feature does not fit type text; use category, or role ignored")
    if "target" in roles:
        if column.type != "category" or len(column.values) != 2:
            section.fail("type", "of a target must be category with exactly two values")
        section.choice("positive", column.positive, column.values)
    elif column.positive is not None:
        section.fail("positive", "only fits the target")
    return column


def _rule(name: str, section: _Section) -> RowRule:
    section.only({"check", "meaning"})
    return RowRule(name=name, check=section.expression("check"), meaning=section.text("meaning"))


def _derived(name: str, section: _Section) -> DerivedColumn:
    section.only({"expression", "meaning", "unit"})
    return DerivedColumn(
        name=name,
        expression=section.expression("expression"),
        meaning=section.text("meaning"),
        unit=section.text("unit") if "unit" in section.values else None,
    )


def _check_roles(contract: Contract, root: _Section) -> None:
    roles: tuple[Role, ...] = ("id", "target")
    for role in roles:
        found = [column.name for column in contract.with_role(role)]
        if len(found) != 1:
            root.fail("columns", f"must give role {role} to exactly one column, not {found}")
    for column in contract.columns.values():
        alone = {"id", "target", "ignored"} & set(column.roles)
        if alone and len(column.roles) > 1:
            root.fail(f"columns.{column.name}.role", f"{min(alone)} goes with no other role")
    if contract.id.nullable or contract.target.nullable:
        root.fail("columns", "of role id and target cannot be nullable")
    if not contract.features:
        root.fail("columns", "must give role feature to at least one column")
    for derived in contract.derived_columns:
        if derived.name in contract.columns:
            root.fail(f"derived_columns.{derived.name}", "has the name of a column of the file")


def _check_names(contract: Contract, root: _Section) -> None:
    for column in contract.columns.values():
        if column.name != column.name.strip():
            root.fail("columns", f"names {column.name!r}; the header is read without blanks")
        for value in column.values:
            if value in contract.missing_values:
                root.fail(f"columns.{column.name}.values", f"holds {value!r}, a missing value")
    for rule in contract.row_rules:
        if rule.name in _RESERVED_RULES:
            names = ", ".join(sorted(_RESERVED_RULES))
            root.fail(f"row_rules.{rule.name}", f"must be called otherwise; taken are {names}")


def _check_expressions(contract: Contract, root: _Section) -> None:
    inputs = [column.name for column in contract.features]
    for rule in contract.row_rules:
        key = f"row_rules.{rule.name}.check"
        _check_expression(rule.check, contract, list(contract.columns), key, root.fail)
    for derived in contract.derived_columns:
        key = f"derived_columns.{derived.name}.expression"
        _check_expression(derived.expression, contract, inputs, key, root.fail)


def _check_expression(
    expression: Expression,
    contract: Contract,
    readable: list[str],
    key: str,
    fail: Callable[[str, str], None],
) -> None:
    for name in expression.columns:
        if name not in readable:
            fail(key, f"reads {name!r}; valid columns: {', '.join(readable)}")
    for name, literal in expression.comparisons():
        column = contract.columns[name]
        if column.is_numeric:
            if isinstance(literal, str):
                fail(key, f"compares the number {name} with the text {literal!r}")
        elif not isinstance(literal, str):
            fail(key, f"compares the {column.type} {name} with {literal!r}; put it in quotes")
        elif column.values and literal not in column.values:
            fail(
                key,
                f"compares {name} with {literal!r}; valid values: {', '.join(column.values)}",
            )
    sample = {name: _sample(contract.columns[name]) for name in expression.columns}
    try:
        expression(sample)
    except (TypeError, ValueError) as error:
        fail(key, f"cannot be computed: {error}")


def _sample(column: Column) -> float | str:
    return 1.0 if column.is_numeric else "".join(column.values[:1])
