"""What expressions compute: each operator and function on whole columns and on single values.

:class:`~churn_pipeline.contract.expressions.Expression` works on the arrays of a table,
:func:`~churn_pipeline.contract.record_expressions.compile_for_record` on the values of one record.
Both take their functions from the one table :data:`FUNCTIONS`, and give the same bits.
"""

import ast
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

Operand = Any  # a numpy array, or a literal of the expression
Value = float | str  # of a record; NaN where missing

_INFINITY = math.inf
_NAN = math.nan


def is_missing(values: Operand) -> NDArray[np.bool_]:
    """Say which values are missing: NaN or None."""
    array = np.asarray(values)
    # NaN is the one value that differs from itself
    is_nan = np.asarray(array != array, dtype=bool)
    return is_nan | np.asarray(array == None, dtype=bool)  # noqa: E711 (elementwise)


def truth(values: Operand) -> NDArray[np.bool_]:
    """Say which conditions hold; a missing one does not."""
    array = np.asarray(values)
    return array.astype(bool) & ~is_missing(array)


def _count(*conditions: Operand) -> NDArray[np.float64]:
    return reduce(np.add, [truth(condition).astype(np.float64) for condition in conditions])


def _where(condition: Operand, then: Operand, otherwise: Operand) -> Operand:
    return np.where(truth(condition), *_alike(then, otherwise))


def _alike(*operands: Operand) -> list[NDArray[Any]]:
    """Return the operands as numbers if all are, else as objects: numpy mixes texts with neither.

    A missing text of a record is NaN and so looks like a number.
    """
    arrays = [np.asarray(operand) for operand in operands]
    if all(is_number(array) for array in arrays):
        return arrays
    return [array.astype(object) for array in arrays]


def is_number(array: NDArray[Any]) -> bool:
    """Tell whether an array holds numbers or conditions."""
    return array.dtype.kind in "iufb"


def _equal(left: Operand, right: Operand) -> Operand:
    return np.equal(*_alike(left, right))


def _not_equal(left: Operand, right: Operand) -> Operand:
    return np.not_equal(*_alike(left, right))


def _ordering(compare: Callable[[Operand, Operand], Operand]) -> Callable[..., Operand]:
    def compare_numbers(left: Operand, right: Operand) -> Operand:
        left, right = np.asarray(left), np.asarray(right)
        if not (is_number(left) and is_number(right)):
            raise TypeError("texts have no order; compare them with ==, != or in")
        return compare(left, right)

    return compare_numbers


def _is_missing_value(value: Value) -> bool:
    return value != value


def truth_of_value(value: Value) -> bool:
    """Tell whether a condition holds; a missing one does not."""
    return value == value and bool(value)


def divide_values(left: float, right: float) -> float:
    """Divide as IEEE 754 does, where Python raises."""
    if right:
        return left / right
    if left != left or right != right or not left:
        return _NAN
    return math.copysign(_INFINITY, left) * math.copysign(1.0, right)


def _larger(left: float, right: float) -> float:
    if left != left or right != right:
        return _NAN
    return left if left >= right else right


def _smaller(left: float, right: float) -> float:
    if left != left or right != right:
        return _NAN
    return left if left <= right else right


def _log_of_value(value: float) -> float:
    # numpy's, whose last digit is not always that of math.log
    return float(np.log(value)) if value > 0 else (-_INFINITY if value == 0 else _NAN)


def _log1p_of_value(value: float) -> float:
    return float(np.log1p(value)) if value > -1 else (-_INFINITY if value == -1 else _NAN)


def _square_root(value: float) -> float:
    return math.sqrt(value) if value >= 0 else _NAN


def _limited(value: float, low: float, high: float) -> float:
    return _smaller(_larger(value, low), high)


def _count_values(*conditions: Value) -> float:
    return float(sum(map(truth_of_value, conditions)))


def _choose(condition: Value, then: Value, otherwise: Value) -> Value:
    return then if truth_of_value(condition) else otherwise


@dataclass(frozen=True)
class Function:
    """A function of expressions.

    Attributes
    ----------
    of_columns : callable
        Computes on arrays of one length.
    of_values : callable
        Computes on the values of one record, with the same bits.
    arity : int or None
        Number of arguments; None for one or more.
    meaning : str
    """

    of_columns: Callable[..., Operand]
    of_values: Callable[..., Value]
    arity: int | None
    meaning: str


FUNCTIONS: Mapping[str, Function] = {
    "abs": Function(np.abs, abs, 1, "absolute value"),
    "clip": Function(np.clip, _limited, 3, "clip(x, low, high): x limited to a range"),
    "count": Function(
        _count, _count_values, None, "count(a, b, …): how many of the conditions hold"
    ),
    "is_missing": Function(is_missing, _is_missing_value, 1, "whether the value is missing"),
    "log": Function(np.log, _log_of_value, 1, "natural logarithm"),
    "log1p": Function(np.log1p, _log1p_of_value, 1, "natural logarithm of 1 + x"),
    "maximum": Function(np.maximum, _larger, 2, "the larger of two numbers"),
    "minimum": Function(np.minimum, _smaller, 2, "the smaller of two numbers"),
    "sqrt": Function(np.sqrt, _square_root, 1, "square root"),
    "where": Function(
        _where, _choose, 3, "where(condition, a, b): a where the condition holds, else b"
    ),
}


def _arithmetic(compute: Callable[..., Operand]) -> Callable[..., Operand]:
    def compute_numbers(*operands: Operand) -> Operand:
        # to numpy, True + True is True
        arrays = [np.asarray(operand) for operand in operands]
        return compute(*(a.astype(np.float64) if a.dtype.kind == "b" else a for a in arrays))

    return compute_numbers


BINARY: Mapping[type[ast.operator], Callable[..., Operand]] = {
    ast.Add: _arithmetic(np.add),
    ast.Sub: _arithmetic(np.subtract),
    ast.Mult: _arithmetic(np.multiply),
    ast.Div: _arithmetic(np.divide),
}
NEGATIVE = _arithmetic(np.negative)
COMPARE: Mapping[type[ast.cmpop], Callable[[Operand, Operand], Operand]] = {
    ast.Eq: _equal,
    ast.NotEq: _not_equal,
    ast.Lt: _ordering(np.less),
    ast.LtE: _ordering(np.less_equal),
    ast.Gt: _ordering(np.greater),
    ast.GtE: _ordering(np.greater_equal),
}
