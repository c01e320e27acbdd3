"""Typed objects of the data contract; built by :mod:`churn_pipeline.contract.parsing`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from churn_pipeline.contract.expressions import Expression
from churn_pipeline.contract.file_format import UNKNOWN, FileFormat
from churn_pipeline.contract.limits import LARGEST_NUMBER

ColumnType = Literal["text", "category", "integer", "number", "date"]
Role = Literal["id", "target", "feature", "sensitive", "ignored", "snapshot", "customer"]


@dataclass(frozen=True)
class Column:
    """One column of the customer table.

    Attributes
    ----------
    name : str
        Name as written in the file's header.
    type : {"text", "category", "integer", "number", "date"}
        How the cells are read.
    roles : tuple of str
        ``id``, ``target``, ``feature`` (the model sees it; a date only through derived columns),
        ``sensitive`` (audited for fairness; seen by the model only when it is a ``feature`` too),
        ``ignored``, ``snapshot`` (the day on which the row describes the customer), ``customer``
        (whose row it is, where the id is that of the row, so that a customer has several).
    meaning : str
        One sentence for people: the data dictionary, the API's documentation.
    unit : str or None
        Unit of a numeric column, such as ``months`` or ``USD``.
    values : tuple of str
        Allowed values of a ``category``, in their display order.
    minimum, maximum : float or None
        Allowed range of a numeric column, both ends included.
    nullable : bool
        Whether the cell may be missing.
    positive : str or None
        The value of the target that means the customer churned.
    is_open : bool
        Whether a category takes values that it does not list, and reads them as missing.
    spellings : mapping of str to tuple of str
        Allowed value → how files spell it besides.
    decimal : {".", ","}
        The decimal separator of numbers in files.
    thousands : str or None
        The thousands separator of numbers in files, if there is one.
    strip : tuple of str
        Texts that may precede or follow a number in files, such as ``$``.
    negative : tuple of str
        What makes a number in files negative, such as ``DR``.
    formats : tuple of str
        How files write a date besides ISO 8601, in the codes of ``strptime``; the first that fits.
    default : str or None
        The snapshot, as an ISO date, of a file that has no such column.
    is_generated : bool
        Whether ids are made of the row's cells, since the file has none.
    horizon_days : int or None
        How many days after the snapshot the target is known.
    missing_values : tuple of str
        Spellings that mean "missing" in this column, besides those of the contract.
    stored_as : {"integer"} or None
        The type that databases hold a text in, such as an id's.
    """

    name: str
    type: ColumnType
    roles: tuple[Role, ...]
    meaning: str
    unit: str | None = None
    values: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    nullable: bool = False
    positive: str | None = None
    is_open: bool = False
    spellings: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    decimal: str = "."
    thousands: str | None = None
    strip: tuple[str, ...] = ()
    negative: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    default: str | None = None
    is_generated: bool = False
    horizon_days: int | None = None
    missing_values: tuple[str, ...] = ()
    stored_as: str | None = None

    @property
    def is_numeric(self) -> bool:
        """Whether the cells are numbers."""
        return self.type in ("integer", "number")

    @property
    def lowest(self) -> float:
        """The least number that is allowed."""
        return max(-LARGEST_NUMBER, -LARGEST_NUMBER if self.minimum is None else self.minimum)

    @property
    def highest(self) -> float:
        """The largest number that is allowed."""
        return min(LARGEST_NUMBER, LARGEST_NUMBER if self.maximum is None else self.maximum)

    @property
    def is_date(self) -> bool:
        """Whether the cells are dates."""
        return self.type == "date"


@dataclass(frozen=True)
class RowRule:
    """A condition across the columns of one row that every accepted customer meets."""

    name: str
    check: Expression
    meaning: str


@dataclass(frozen=True)
class DerivedColumn:
    """A numeric model input computed from other columns of the same row."""

    name: str
    expression: Expression
    meaning: str
    unit: str | None = None


@dataclass(frozen=True)
class Contract:
    """The whole data contract of one customer table.

    Attributes
    ----------
    name, description : str
        What the table is.
    missing_values : tuple of str
        Spellings that mean "missing" in any column, compared after trimming blanks.
    columns : mapping of str to Column
        In the order of the file.
    row_rules : tuple of RowRule
    derived_columns : tuple of DerivedColumn
    file : FileFormat
        How its files are laid out.
    """

    name: str
    description: str
    missing_values: tuple[str, ...]
    columns: Mapping[str, Column]
    row_rules: tuple[RowRule, ...] = ()
    derived_columns: tuple[DerivedColumn, ...] = ()
    file: FileFormat = UNKNOWN

    def with_role(self, role: Role) -> tuple[Column, ...]:
        """Return the columns that have ``role``, in the order of the file."""
        return tuple(column for column in self.columns.values() if role in column.roles)

    @cached_property
    def id(self) -> Column:
        """The column that identifies a customer."""
        return self.with_role("id")[0]

    @cached_property
    def target(self) -> Column:
        """The column that says whether the customer churned."""
        return self.with_role("target")[0]

    @cached_property
    def snapshot(self) -> Column | None:
        """The column of the day on which a row describes the customer, if there is one."""
        return next(iter(self.with_role("snapshot")), None)

    @cached_property
    def customer(self) -> Column | None:
        """The column of the customers, if the id is that of a row, else None."""
        return next(iter(self.with_role("customer")), None)

    @cached_property
    def key(self) -> tuple[str, ...]:
        """Names of the columns that no two rows have alike: the id, and the snapshot if any."""
        return (self.id.name, self.snapshot.name) if self.snapshot else (self.id.name,)

    @cached_property
    def features(self) -> tuple[Column, ...]:
        """The columns of the file that the model sees, dates included."""
        return self.with_role("feature")

    @cached_property
    def dates(self) -> tuple[Column, ...]:
        """The columns that hold dates, of whatever role."""
        return tuple(column for column in self.columns.values() if column.is_date)

    @cached_property
    def read_columns(self) -> tuple[Column, ...]:
        """The columns that the model's inputs are made of.

        These are the features, and the snapshot where a derived column reads it.
        """
        read = {name for column in self.derived_columns for name in column.expression.columns}
        return tuple(
            column
            for column in self.columns.values()
            if "feature" in column.roles or ("snapshot" in column.roles and column.name in read)
        )

    @cached_property
    def categorical_inputs(self) -> tuple[str, ...]:
        """Names of the model's categorical inputs."""
        return tuple(column.name for column in self.features if column.type == "category")

    @cached_property
    def numeric_inputs(self) -> tuple[str, ...]:
        """Names of the model's numeric inputs: those of the file, then the derived ones."""
        from_file = tuple(column.name for column in self.features if column.is_numeric)
        return from_file + tuple(column.name for column in self.derived_columns)

    @cached_property
    def model_inputs(self) -> tuple[str, ...]:
        """Names of everything the model sees, numeric inputs first."""
        return self.numeric_inputs + self.categorical_inputs
