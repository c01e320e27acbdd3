"""An arithmetic combination of numbers: its values, and the derived column that it becomes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from churn_pipeline.contract import Contract, DerivedColumn, Expression
from churn_pipeline.contract.expressions import reference
from churn_pipeline.contract.limits import LARGEST_NUMBER

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Combination:
    """An arithmetic combination of columns.

    Attributes
    ----------
    operator : str
        ``+`` (a sum of signed columns), ``/`` or ``*`` of two columns.
    columns : tuple of str
    signs : tuple of int
        1 or -1 for each column of a sum; 1 for others.
    """

    operator: str
    columns: tuple[str, ...]
    signs: tuple[int, ...]

    def values(self, table: dict[str, Floats]) -> Floats:
        """Compute the combination, NaN where it is beyond ±1e30."""
        first, *others = (table[name] for name in self.columns)
        with np.errstate(all="ignore"):
            if self.operator == "+":
                result = self.signs[0] * first
                for sign, column in zip(self.signs[1:], others, strict=True):
                    result = result + sign * column
            else:
                result = first / others[0] if self.operator == "/" else first * others[0]
        return np.where(np.abs(result) <= LARGEST_NUMBER, result, np.nan)

    def derived_column(self, contract: Contract) -> DerivedColumn:
        """Return the combination as a derived column of the contract."""
        derived = {column.name: column for column in contract.derived_columns}
        units = {(derived.get(name) or contract.columns[name]).unit for name in self.columns}
        # a derived column reads the columns of the file only
        parts = [
            f"({derived[name].expression.text})" if name in derived else reference(name)
            for name in self.columns
        ]
        if self.operator == "+":
            text = "".join(
                f" {'+' if sign > 0 else '-'} {part}"
                for sign, part in zip(self.signs, parts, strict=True)
            )
            text = text.removeprefix(" + ")
            name = self._name_of_sum()
            unit = units.pop() if len(units) == 1 else None
        else:
            text = f" {self.operator} ".join(parts)
            name = ("_per_" if self.operator == "/" else "_times_").join(self.columns)
            unit = None
        return DerivedColumn(_plain(name), Expression(text), self._meaning(), unit)

    def _meaning(self) -> str:
        first, *others = self.columns
        if self.operator == "/":
            return f"{first} divided by {others[0]}."
        if self.operator == "*":
            return f"{first} times {others[0]}."
        signs = ["plus" if sign > 0 else "less" for sign in self.signs[1:]]
        rest = [f" {sign} {name}" for sign, name in zip(signs, others, strict=True)]
        return f"{first}{''.join(rest)}."

    def _name_of_sum(self) -> str:
        if len(self.columns) == 2:
            return ("_plus_" if self.signs[1] > 0 else "_minus_").join(self.columns)
        kind = "sum" if min(self.signs) > 0 else "balance"
        return f"{kind}_of_{self.columns[0]}_and_{len(self.columns) - 1}_more"


def _plain(name: str) -> str:
    return "_".join("".join(c if c.isalnum() else " " for c in name).split())
