"""The columns drawn so far, and formulas over them."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn_pipeline.contract.expressions import Expression
from churn_pipeline.simulation.draws import LOGIT_UNIT

Formula = str | float
"""A number, or an expression of the contract's language over earlier columns and parameters."""

Rows = NDArray[np.intp]

_CHUNK = 2**15  # customers whose columns fit into a processor's cache
_EQUALITY = (ast.Eq, ast.NotEq, ast.In, ast.NotIn)


@dataclass(frozen=True)
class Population:
    """Customers whose columns are drawn one after the other.

    Attributes
    ----------
    size
        Number of customers n.
    values
        Per column shape (n,): a number, NaN where missing; for a category the position of the
        level, -1 where missing; for an identifier its text.
    levels
        Texts of each category's levels.
    constants
        What else formulas may name: the parameters, and in a panel ``month`` and ``snapshot``.
    chances
        Probability behind each column that was drawn from one.
    intercepts
        Those that were found for a rate; a panel's months share them.
    """

    size: int
    values: dict[str, NDArray[Any]] = field(default_factory=dict)
    levels: dict[str, tuple[str, ...]] = field(default_factory=dict)
    constants: Mapping[str, float] = field(default_factory=dict)
    chances: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    intercepts: dict[str, int] = field(default_factory=dict)

    def of(self, rows: Rows, constants: Mapping[str, float]) -> Population:
        """Population of some customers, with further constants."""
        return Population(
            size=rows.size,
            values={name: values[rows] for name, values in self.values.items()},
            levels=dict(self.levels),
            constants={**self.constants, **constants},
            intercepts=self.intercepts,
        )

    def having(self, column: str, code: int) -> Population:
        """The same customers, all of one level."""
        return replace(self, values={**self.values, column: np.full(self.size, code)})

    def code(self, column: str, level: str) -> int:
        """Position of a level.

        Raises
        ------
        ValueError
            If it is no level of the column.
        """
        return _code(level, column, self.levels[column])

    def evaluate(self, formula: Formula, rows: Rows | None = None) -> NDArray[np.float64]:
        """Value of a formula for each customer, NaN where it has none.

        Parameters
        ----------
        formula
            Number or expression.
        rows
            Positions of the customers to evaluate it for, shape (m,); all if None.

        Raises
        ------
        ValueError
            If the formula is not of the language, or names an unknown column or level.
        """
        size = self.size if rows is None else rows.size
        return np.broadcast_to(self._value(formula, _Operands(self, rows)), size)

    def holds(self, formula: Formula, rows: Rows | None = None) -> NDArray[np.bool_]:
        """Whether a formula is neither 0 nor missing."""
        return np.nan_to_num(self.evaluate(formula, rows)) != 0

    def log_odds(
        self, intercept: float, terms: Mapping[str, float], rows: Rows | None = None
    ) -> NDArray[np.int64]:
        """Sum of coefficient times term; a missing term counts as 0.

        Returns
        -------
        numpy.ndarray
            Shape (n,), or (m,) for the given rows; in whole ten-thousandths.
        """
        rows = np.arange(self.size) if rows is None else rows
        total = np.empty(rows.size, dtype=np.int64)
        for start in range(0, rows.size, _CHUNK):
            part = slice(start, start + _CHUNK)
            operands = _Operands(self, rows[part])
            odds = np.full(rows[part].size, float(round(intercept * LOGIT_UNIT)))
            for term, coefficient in terms.items():
                value = self._value(term, operands)
                odds += np.where(np.isnan(value), 0.0, round(coefficient * LOGIT_UNIT) * value)
            total[part] = np.rint(odds)
        return total

    def _value(self, formula: Formula, operands: _Operands) -> NDArray[np.float64]:
        if not isinstance(formula, str):
            return np.array(float(formula))
        expression = _compile(formula, tuple(self.levels.items()))
        try:
            return expression({name: operands[name] for name in expression.columns})
        except KeyError as error:
            known = ", ".join((*self.values, *self.constants))
            raise ValueError(f"{formula!r} names {error}, which is none of {known}") from None
        except TypeError as error:
            raise ValueError(f"{formula!r}: {error}") from None

    def operand(self, name: str, rows: Rows | None) -> Any:
        """Values of a column for some rows, or of a constant; NaN where missing.

        Raises
        ------
        KeyError
            If there is neither.
        """
        if name not in self.values:
            return self.constants[name]
        values = self.values[name] if rows is None else self.values[name][rows]
        if values.dtype.kind == "U":
            raise TypeError(f"{name} is an identifier; formulas cannot use it")
        values = values.astype(np.float64)
        return np.where(values < 0, np.nan, values) if name in self.levels else values


class _Operands(dict[str, Any]):
    """Columns of some rows, taken when they are first asked for."""

    def __init__(self, population: Population, rows: Rows | None) -> None:
        super().__init__()
        self._population = population
        self._rows = rows

    def __missing__(self, name: str) -> Any:
        self[name] = self._population.operand(name, self._rows)
        return self[name]


@lru_cache(maxsize=4096)
def _compile(formula: str, levels: tuple[tuple[str, tuple[str, ...]], ...]) -> Expression:
    """Parse a formula and let it compare positions of levels, ten times as fast as texts."""
    text = Expression(formula).text
    tree = _Positions(dict(levels)).visit(ast.parse(text, mode="eval"))
    return Expression(ast.unparse(tree))


class _Positions(ast.NodeTransformer):
    """Replaces a category's level by its position wherever the two are compared."""

    def __init__(self, levels: Mapping[str, tuple[str, ...]]) -> None:
        self._levels = levels

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        sides = [node.left, *node.comparators]
        names = [name for side in sides if (name := _column(side)) in self._levels]
        if not names:
            return self.generic_visit(node)
        if len(names) > 1 or not all(isinstance(op, _EQUALITY) for op in node.ops):
            raise ValueError(f"{ast.unparse(node)!r}: a text can only be compared with its levels")
        left, *others = (self._coded(side, str(names[0])) for side in sides)
        return ast.Compare(left=left, ops=node.ops, comparators=others)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        is_asked = isinstance(node.func, ast.Name) and node.func.id == "is_missing"
        if is_asked and _column(node.args[0]) in self._levels:
            return node
        node.args = [self.visit(argument) for argument in node.args]
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in self._levels:
            raise ValueError(f"{node.id} is a text; compare it with one of its levels")
        return node

    def _coded(self, side: ast.expr, column: str) -> ast.expr:
        if _column(side) == column:
            return side
        if isinstance(side, ast.Tuple | ast.List):
            return ast.Tuple([self._coded(item, column) for item in side.elts], ast.Load())
        if not isinstance(side, ast.Constant):
            raise ValueError(
                f"{ast.unparse(side)!r} is compared with {column}, but is not one of its levels"
            )
        return ast.Constant(_code(str(side.value), column, self._levels[column]))


def _column(node: ast.AST) -> str | None:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Call(func=ast.Name(id="col"), args=[ast.Constant(value=str() as name)]):
            return name
    return None


def _code(level: str, column: str, levels: tuple[str, ...]) -> int:
    if level not in levels:
        raise ValueError(f"{level!r} is not a level of {column}; levels: {', '.join(levels[:12])}")
    return levels.index(level)
