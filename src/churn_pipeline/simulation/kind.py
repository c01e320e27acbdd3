"""A kind of customers: the file that describes how they are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from churn_pipeline.errors import SimulationError
from churn_pipeline.simulation.any_column import DRAWS, AnyColumn
from churn_pipeline.simulation.chance_columns import Chance
from churn_pipeline.simulation.columns import Section

Parameter = date | bool | float
"""A date is to formulas the number of days since 1970-01-01."""

EPOCH = date(1970, 1, 1)


class Panel(Section):
    """Snapshots of the same accounts at the ends of months.

    Attributes
    ----------
    first
        Name of the parameter that holds the first snapshot's date, the last day of a month.
    snapshots
        Name of the parameter that holds their number.
    entry
        The column, in days since 1970-01-01, from which on an account is in the panel.
    date
        The column that holds the snapshot's date.
    columns
        Columns drawn again at each snapshot, including the target; accounts that churned are in no
        later one. Formulas may name ``month`` (0 for the first), ``snapshot`` and
        ``last_snapshot`` (days since 1970-01-01).
    """

    first: str
    snapshots: str
    entry: str
    date: str
    columns: dict[str, AnyColumn]


class Kind(Section):
    """A kind of customers.

    Attributes
    ----------
    source
        Name of the file, for messages.
    description
        What the customers are.
    id, target
        Columns. The target's second level is churn.
    treatment
        A column of two levels whose effect on the target is part of the truth.
    parameters
        Values that formulas may name.
    columns
        In the order in which they are drawn; formulas may name earlier ones and ``row``, the
        customer's number from 1 on.
    panel
        None for one row per customer.
    table
        Columns of the table in their order; the others are hidden.
    """

    source: str = "kind.yml"
    description: str
    id: str
    target: str
    treatment: str | None = None
    parameters: dict[str, Parameter] = Field(default_factory=dict)
    columns: dict[str, AnyColumn]
    panel: Panel | None = None
    table: Annotated[list[str], Field(min_length=1)]

    @property
    def all_columns(self) -> dict[str, AnyColumn]:
        """All columns by name, those of the panel last."""
        return {**self.columns, **(self.panel.columns if self.panel else {})}

    @property
    def positive(self) -> str:
        """Level of the target that means churn."""
        target = self.all_columns[self.target]
        assert isinstance(target, Chance)
        return target.levels[1]

    @property
    def constants(self) -> dict[str, float]:
        """The parameters as numbers."""
        return {
            name: float((value - EPOCH).days if isinstance(value, date) else value)
            for name, value in self.parameters.items()
        }

    def with_parameters(self, parameters: Mapping[str, Parameter]) -> Kind:
        """Return the kind with other values of some parameters.

        Raises
        ------
        SimulationError
            If the kind has no such parameter, or the value is not like the one it replaces.
        """
        for name, value in parameters.items():
            if name not in self.parameters:
                valid = ", ".join(self.parameters) or "none"
                raise SimulationError(
                    f"{self.source} has no parameter {name!r}; parameters: {valid}"
                )
            if isinstance(value, date) is not isinstance(self.parameters[name], date):
                like = self.parameters[name]
                raise SimulationError(f"{self.source}: {name} is {value}, but must be like {like}")
        return self.model_copy(update={"parameters": {**self.parameters, **parameters}})

    @field_validator("parameters", mode="before")
    @classmethod
    def _parameters(cls, parameters: object) -> object:
        return parameters or {}

    @model_validator(mode="after")
    def _names_are_known(self) -> Kind:
        columns = self.all_columns
        named: dict[str, str | None] = {
            "id": self.id,
            "target": self.target,
            "treatment": self.treatment,
        }
        if self.panel:
            named |= {"panel.entry": self.panel.entry, "panel.date": self.panel.date}
            for key, parameter in (
                ("first", self.panel.first),
                ("snapshots", self.panel.snapshots),
            ):
                if parameter not in self.parameters:
                    raise ValueError(f"panel.{key} is {parameter!r}, which is not a parameter")
        for key, name in [*named.items(), *(("table", name) for name in self.table)]:
            if name is not None and name not in columns:
                raise ValueError(f"{key} is {name!r}, which is not a column")
        for drawn in (self.target, self.treatment):
            if drawn is not None and not isinstance(columns[drawn], Chance):
                raise ValueError(f"{drawn} must be drawn by a chance")
        return self


def parse_kind(document: object, source: str = "kind.yml") -> Kind:
    """Build a :class:`Kind` from the loaded YAML document.

    Raises
    ------
    SimulationError
        With one sentence that names the key and what is wrong with it.
    """
    if not isinstance(document, Mapping):
        raise SimulationError(f"{source} must be a mapping of keys")
    try:
        return Kind.model_validate({**document, "source": source})
    except ValidationError as error:
        raise SimulationError(f"{source}: {_sentence(error.errors()[0])}") from None


def read_kind(path: Path) -> Kind:
    """Read a kind's file.

    Raises
    ------
    SimulationError
        If it does not exist, is no YAML or describes no kind.
    """
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except FileNotFoundError:
        known = sorted(file.stem for file in path.parent.glob("*.yml"))
        there = f"; kinds there: {', '.join(known)}" if known else ""
        raise SimulationError(f"{path} does not exist{there}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        problem = " ".join(str(error).split())
        raise SimulationError(f"{path.name} is not valid YAML: {problem}") from None
    return parse_kind(document, path.name)


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML itself lets the last of two equal keys win, in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} occurs twice", node.start_mark
                )
        return super().construct_mapping(node, deep)


def _sentence(problem: Any) -> str:
    path = [str(part) for part in problem["loc"]]
    if "columns" in path:
        # pydantic puts the chosen way of drawing behind the column's name
        place = path.index("columns") + 2
        path[place:] = [part for i, part in enumerate(path[place:]) if i or part not in DRAWS]
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        message = "is not a key there"
    elif problem["type"] == "missing":
        message = "is missing"
    return f"{'.'.join(path)}: {message[:1].lower()}{message[1:]}".removeprefix(": ")
