"""Parse ``contract.yml`` into typed objects; every error names the key and the valid options."""

from collections.abc import Callable
from datetime import date

from churn_pipeline.contract.column_parsing import parse_column
from churn_pipeline.contract.expressions import Expression
from churn_pipeline.contract.file_format import FileFormat, parse_file_format
from churn_pipeline.contract.model import Column, Contract, DerivedColumn, Role, RowRule
from churn_pipeline.contract.reserved import why_reserved
from churn_pipeline.contract.sections import Section

# what quarantine calls the other reasons
_RESERVED_RULES = {
    "after_snapshot", "allowed_values", "duplicate_id", "field_count", "field_uniqueness",
    "missing", "not_a_date", "not_a_number", "not_an_integer", "not_nullable", "range",
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
    root = Section(document, source, "")
    root.only(
        {
            "name", "description", "file", "missing_values", "columns", "row_rules",
            "derived_columns",
        }
    )  # fmt: skip
    columns = {name: parse_column(name, section) for name, section in root.sections("columns")}
    if not columns:
        root.fail("columns", "is empty; describe at least an id, a target and a feature")
    contract = Contract(
        name=root.text("name"),
        description=root.text("description", default=""),
        missing_values=tuple(root.texts("missing_values", default=[""])),
        columns=columns,
        row_rules=tuple(_rule(name, section) for name, section in root.sections("row_rules")),
        derived_columns=tuple(
            _derived(name, section) for name, section in root.sections("derived_columns")
        ),
        file=_file(root),
    )
    _check_roles(contract, root)
    _check_names(contract, root)
    _check_expressions(contract, root)
    return contract


def _file(root: Section) -> FileFormat:
    return parse_file_format(Section(root.values.get("file") or {}, root.source, "file"))


def _rule(name: str, section: Section) -> RowRule:
    section.only({"check", "meaning"})
    return RowRule(name=name, check=section.expression("check"), meaning=section.text("meaning"))


def _derived(name: str, section: Section) -> DerivedColumn:
    section.only({"expression", "meaning", "unit"})
    return DerivedColumn(
        name=name,
        expression=section.expression("expression"),
        meaning=section.text("meaning"),
        unit=section.text("unit") if "unit" in section.values else None,
    )


def _check_roles(contract: Contract, root: Section) -> None:
    roles: tuple[Role, ...] = ("id", "target")
    for role in roles:
        found = [column.name for column in contract.with_role(role)]
        if len(found) != 1:
            root.fail("columns", f"must give role {role} to exactly one column, not {found}")
    for column in contract.columns.values():
        alone = {"id", "target", "ignored", "snapshot", "customer"} & set(column.roles)
        if alone and len(column.roles) > 1:
            root.fail(
                f"columns.{column.name}.role", f"{min(alone)} cannot be combined with another role"
            )
    if contract.id.nullable or contract.target.nullable:
        root.fail("columns", "of role id and target cannot be nullable")
    at_most_one: tuple[Role, ...] = ("snapshot", "customer")
    for role in at_most_one:
        found = [column.name for column in contract.with_role(role)]
        if len(found) > 1:
            root.fail("columns", f"may give role {role} to at most one column, not {found}")
    if contract.snapshot and contract.snapshot.nullable:
        root.fail(f"columns.{contract.snapshot.name}.nullable", "does not fit role snapshot")
    if contract.target.horizon_days is not None and not contract.snapshot:
        key = f"columns.{contract.target.name}.horizon_days"
        root.fail(key, "needs a column of role snapshot, from which the days are counted")
    if not contract.features:
        root.fail("columns", "must give role feature to at least one column")
    if not contract.model_inputs:
        root.fail(
            "columns",
            "has only dates as features, which the model does not use directly; derive a column "
            "from one",
        )
    for derived in contract.derived_columns:
        if derived.name in contract.columns:
            root.fail(f"derived_columns.{derived.name}", "has the name of a column of the file")


def _check_names(contract: Contract, root: Section) -> None:
    for column in contract.columns.values():
        if column.name != column.name.strip():
            root.fail(
                "columns", f"names {column.name!r}; blanks around names in the header are removed"
            )
        why = why_reserved(column.name, column.name in contract.key)
        if why is not None:
            root.fail(f"columns.{column.name}", f"cannot have its name: {why}; rename the column")
        for value in column.values:
            if value in contract.missing_values:
                root.fail(f"columns.{column.name}.values", f"holds {value!r}, a missing value")
        for texts in column.spellings.values():
            for text in texts:
                if text in contract.missing_values or not text:
                    key = f"columns.{column.name}.spellings"
                    root.fail(key, f"holds {text!r}, a missing value")
    for rule in contract.row_rules:
        if rule.name in _RESERVED_RULES:
            names = ", ".join(sorted(_RESERVED_RULES))
            root.fail(
                f"row_rules.{rule.name}", f"must have another name; these are reserved: {names}"
            )


def _check_expressions(contract: Contract, root: Section) -> None:
    inputs = [column.name for column in (*contract.features, *contract.with_role("snapshot"))]
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
        if column.is_date:
            if not isinstance(literal, date):
                fail(key, f"compares the date {name} with {literal!r}; write date('2026-01-31')")
        elif isinstance(literal, date):
            fail(key, f"compares the {column.type} {name} with a date")
        elif column.is_numeric:
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
    return 1.0 if column.is_numeric or column.is_date else "".join(column.values[:1])
