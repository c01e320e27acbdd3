"""The contract's expression language: row rules and derived columns, on tables and on records.

An expression is a small subset of Python. :class:`Expression` evaluates it on the columns of a
table, :mod:`churn_pipeline.contract.record_expressions` on the values of one record, with the same
bits; what both compute is defined in :mod:`churn_pipeline.contract.operators`.

Operators: ``+ - * / == != < <= > >= in (…) not in (…) and or not``. Names are columns;
``col('Any name')`` reaches a column whose name is not a Python identifier. Functions are listed in
:data:`~churn_pipeline.contract.operators.FUNCTIONS`. A date is a number of days, so that two of
them can be compared and subtracted; ``date('2026-01-31')`` is such a number.

Missing values: a missing number is NaN and spreads through arithmetic; a comparison with a missing
value is false, except ``!=`` and ``not in``, which are true. ``is_missing(x)`` asks for it.
"""

import ast
import keyword
import operator
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from churn_pipeline.contract.dates import day_of, days_of_array, days_of_text
from churn_pipeline.contract.limits import LARGEST_NUMBER
from churn_pipeline.contract.operators import (
    BINARY,
    COMPARE,
    FUNCTIONS,
    NEGATIVE,
    Operand,
    is_missing,
    is_number,
    truth,
)

Evaluator = Callable[[Mapping[str, Operand]], Operand]


class Expression:
    """A parsed expression over the columns of one row.

    Parameters
    ----------
    text : str
        The expression as written in the contract.

    Attributes
    ----------
    columns : tuple of str
        Names of the columns it reads, in order of first use.

    Raises
    ------
    ValueError
        If the text is not of the language; the message says what is allowed.

    Examples
    --------
    >>> ratio = Expression("charges / (months + 1)")
    >>> ratio.columns
    ('charges', 'months')
    >>> ratio({"charges": [10.0, 30.0], "months": [0, 2]})
    array([10., 10.])
    >>> float(ratio({"charges": 30.0, "months": 2}))
    10.0
    """

    def __init__(self, text: str) -> None:
        self.text = " ".join(line.strip() for line in text.strip().splitlines())
        try:
            self._tree = ast.parse(self.text, mode="eval").body
            self._evaluate = _compile(self._tree)
            self.columns = tuple(dict.fromkeys(_names(self._tree)))
        except SyntaxError as error:
            raise ValueError(f"{self.text!r} is not an expression ({error.msg})") from None
        except (RecursionError, MemoryError):
            raise ValueError(f"{self.text[:60]!r}… is nested too deeply") from None

    def __call__(self, values: Mapping[str, ArrayLike]) -> NDArray[np.float64]:
        """Evaluate over columns (arrays of one length) or over one record (scalars).

        Parameters
        ----------
        values : mapping of str to array-like or scalar
            Numbers, dates (of numpy, or as days since 1970-01-01), or strings with ``None`` or NaN
            where missing.

        Returns
        -------
        ndarray of float64, of the shape of the operands
            Conditions are 1.0 or 0.0; a result beyond ±1e30 is NaN (missing).

        Raises
        ------
        TypeError
            If a text is used where a number is needed.
        """
        operands = {name: _operand(values[name]) for name in self.columns}
        with np.errstate(all="ignore"):
            result = np.asarray(self._evaluate(operands))
        if not is_number(result):
            raise TypeError("the result is a text, not a number or a condition")
        result = result.astype(np.float64)
        return np.where(np.abs(result) <= LARGEST_NUMBER, result, np.nan)

    def holds(self, values: Mapping[str, ArrayLike]) -> NDArray[np.bool_]:
        """Evaluate as a condition; a missing result does not hold."""
        return truth(self(values))

    def comparisons(self) -> Iterator[tuple[str, str | float | date]]:
        """Yield every (column, literal) pair that the expression compares."""
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Compare):
                sides = [node.left, *node.comparators]
                columns = [name for side in sides if _is_column(side) for name in _names(side)]
                for side in sides:
                    options = side.elts if isinstance(side, ast.Tuple | ast.List) else [side]
                    for option in options:
                        if isinstance(option, ast.Constant):
                            value = ast.literal_eval(option)
                            yield from ((name, value) for name in columns)
                        elif (days := literal_days(option)) is not None:
                            yield from ((name, day_of(days)) for name in columns)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"


def reference(column: str) -> str:
    """Return how an expression names a column."""
    # Python would change the letters of some other words
    is_plain = column.isascii() and column.isidentifier() and not keyword.iskeyword(column)
    return column if is_plain and column not in FUNCTIONS else f"col({column!r})"


def _operand(values: ArrayLike) -> NDArray[Any]:
    # from a list of texts and NaN, numpy would make the text "nan"
    array = values if isinstance(values, np.ndarray) else np.asarray(values, dtype=object)
    if is_number(array):
        return array.astype(np.float64)
    if array.dtype.kind == "M":
        return days_of_array(array)
    array = array.astype(object)
    missing = is_missing(array)
    if all(isinstance(value, int | float | np.number | np.bool_) for value in array[~missing]):
        return np.where(missing, np.nan, array).astype(np.float64)
    return np.where(missing, np.nan, array)


def literal_days(node: ast.AST) -> float | None:
    """Return the days of ``date('2026-01-31')``, None of anything else.

    Raises
    ------
    ValueError
        If that is no date.
    """
    match node:
        case ast.Call(func=ast.Name(id="date"), args=args, keywords=[]):
            text = args[0].value if len(args) == 1 and isinstance(args[0], ast.Constant) else None
            days = days_of_text(text) if isinstance(text, str) else None
            if days is None:
                raise ValueError(f"{ast.unparse(node)!r} is not a date; write date('2026-01-31')")
            return days
    return None


def _is_column(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "col"
    return isinstance(node, ast.Name)


def _names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        if node.func.id == "col":
            yield node.args[0].value  # type: ignore[attr-defined]  # checked by _compile
            return
        for argument in node.args:
            yield from _names(argument)
    elif isinstance(node, ast.Name):
        yield node.id
    else:
        for child in ast.iter_child_nodes(node):
            yield from _names(child)


def _compile(node: ast.expr) -> Evaluator:
    match node:
        case ast.Constant(value=bool() | int() | float() | str() as value):
            return lambda _: value
        case ast.Name(id=name):
            return lambda columns: columns[name]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in BINARY:
            return _apply(BINARY[type(op)], [left, right])
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _apply(NEGATIVE, [operand])
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _apply(lambda x: ~truth(x), [operand])
        case ast.BoolOp(op=ast.And(), values=values):
            return _apply(lambda *xs: reduce(operator.and_, map(truth, xs)), values)
        case ast.BoolOp(op=ast.Or(), values=values):
            return _apply(lambda *xs: reduce(operator.or_, map(truth, xs)), values)
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _compile_comparison(left, op, right)
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            sides = [left, *comparators]
            links = [
                ast.Compare(left=a, ops=[op], comparators=[b])
                for a, op, b in zip(sides, ops, sides[1:], strict=False)
            ]
            return _compile(ast.BoolOp(op=ast.And(), values=list(links)))
        case ast.Call(func=ast.Name(id="col"), args=[ast.Constant(value=str() as name)]):
            return lambda columns: columns[name]
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
            days = literal_days(node)
            return _compile_call(name, args) if days is None else lambda _: days
    raise ValueError(
        f"{ast.unparse(node)!r} is not allowed in an expression; use columns, numbers, "
        f"quoted texts, + - * / comparisons, in, and, or, not, date, and {', '.join(FUNCTIONS)}"
    )


def _compile_comparison(left: ast.expr, op: ast.cmpop, right: ast.expr) -> Evaluator:
    if isinstance(op, ast.In | ast.NotIn) and isinstance(right, ast.Tuple | ast.List):
        if not right.elts:
            raise ValueError(f"{ast.unparse(right)!r}: 'in' needs at least one value")
        equals = [ast.Compare(left=left, ops=[ast.Eq()], comparators=[v]) for v in right.elts]
        found = _compile(ast.BoolOp(op=ast.Or(), values=list(equals)))
        if isinstance(op, ast.In):
            return found
        return lambda columns: ~truth(found(columns))
    if type(op) in COMPARE:
        return _apply(COMPARE[type(op)], [left, right])
    if isinstance(op, ast.Is | ast.IsNot):
        raise ValueError("'is' is not allowed in an expression; use ==, != or is_missing(x)")
    raise ValueError(f"{ast.unparse(right)!r}: 'in' needs a list of values in parentheses")


def _compile_call(name: str, args: list[ast.expr]) -> Evaluator:
    if name not in FUNCTIONS:
        raise ValueError(f"{name!r} is not a function; valid functions: {', '.join(FUNCTIONS)}")
    function = FUNCTIONS[name]
    if not args or function.arity not in (None, len(args)):
        wanted = function.arity or "at least 1"
        raise ValueError(f"{name!r} takes {wanted} argument(s), not {len(args)}")
    return _apply(function.of_columns, args)


def _apply(function: Callable[..., Operand], nodes: list[ast.expr]) -> Evaluator:
    evaluators = [_compile(node) for node in nodes]
    return lambda columns: function(*(evaluate(columns) for evaluate in evaluators))
