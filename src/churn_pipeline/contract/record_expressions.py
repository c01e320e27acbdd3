"""The contract's expressions compiled for one record: plain Python numbers, a hundred times faster.

:class:`~churn_pipeline.contract.expressions.Expression` works on numpy arrays, which cost some
microseconds a step even where they hold one value. A service has less time than that. The tree that
``Expression`` has checked becomes a Python function of the record's values, with the same bits.
"""

import ast
import math
from collections.abc import Callable, Mapping
from typing import Any

from churn_pipeline.contract.expressions import Expression, literal_days
from churn_pipeline.contract.limits import LARGEST_NUMBER
from churn_pipeline.contract.operators import FUNCTIONS, Value, divide_values, truth_of_value

RecordFunction = Callable[[Mapping[str, Value]], float]


_NAMES: dict[str, Any] = {
    **{name: function.of_values for name, function in FUNCTIONS.items()},
    "_divide": divide_values,
    "_truth": truth_of_value,
}


class _ForRecord(ast.NodeTransformer):
    """Rewrite columns as look-ups in ``values`` and what Python does otherwise than numpy."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return _column(node.id)

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        is_text = isinstance(node.value, str)
        return node if is_text else ast.Constant(float(node.value))  # type: ignore[arg-type]

    def visit_Call(self, node: ast.Call) -> ast.expr:
        assert isinstance(node.func, ast.Name)
        if node.func.id == "col":
            assert isinstance(node.args[0], ast.Constant)
            return _column(str(node.args[0].value))
        if (days := literal_days(node)) is not None:
            return ast.Constant(days)
        return ast.Call(node.func, [self.visit(argument) for argument in node.args], [])

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        left, right = self.visit(node.left), self.visit(node.right)
        if isinstance(node.op, ast.Div):
            return _call("_divide", left, right)
        return ast.BinOp(left, node.op, right)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        if isinstance(node.op, ast.Not):
            return ast.UnaryOp(node.op, self._condition(node.operand))
        # -False is 0 to Python, -0.0 to numpy
        return ast.BinOp(ast.Constant(-1.0), ast.Mult(), self.visit(node.operand))

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        return ast.BoolOp(node.op, [self._condition(value) for value in node.values])

    def _condition(self, node: ast.expr) -> ast.expr:
        """Rewrite what counts as true or false; all but a comparison may be a missing number."""
        condition = self.visit(node)
        return condition if isinstance(node, ast.Compare) else _call("_truth", condition)

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        if not all(map(_is_literal, _listed(node))):
            return self._one_by_one(node)
        sides = [self.visit(side) for side in node.comparators]
        return ast.Compare(self.visit(node.left), node.ops, sides)

    def _one_by_one(self, node: ast.Compare) -> ast.expr:
        """Write ``in`` as comparisons: Python's finds a missing value among missing ones."""
        links: list[ast.expr] = []
        sides = [node.left, *node.comparators]
        for left, op, right in zip(sides, node.ops, node.comparators, strict=False):
            if isinstance(op, ast.In | ast.NotIn):
                assert isinstance(right, ast.Tuple | ast.List)
                equals: list[ast.expr] = [
                    ast.Compare(self.visit(left), [ast.Eq()], [self.visit(value)])
                    for value in right.elts
                ]
                found = ast.BoolOp(ast.Or(), equals) if len(equals) > 1 else equals[0]
                links.append(found if isinstance(op, ast.In) else ast.UnaryOp(ast.Not(), found))
            else:
                links.append(ast.Compare(self.visit(left), [op], [self.visit(right)]))
        return ast.BoolOp(ast.And(), links) if len(links) > 1 else links[0]


def _listed(node: ast.Compare) -> list[ast.expr]:
    lists = [side for side in node.comparators if isinstance(side, ast.Tuple | ast.List)]
    return [value for values in lists for value in values.elts]


def _is_literal(node: ast.expr) -> bool:
    return all(isinstance(n, ast.Constant | ast.UnaryOp | ast.USub) for n in ast.walk(node))


def _column(name: str) -> ast.expr:
    return ast.Subscript(ast.Name("values", ast.Load()), ast.Constant(name), ast.Load())


def _call(name: str, *arguments: ast.expr) -> ast.expr:
    return ast.Call(ast.Name(name, ast.Load()), list(arguments), [])


def compile_for_record(expression: Expression) -> RecordFunction:
    """Return a function from a record's values to the expression's value.

    Parameters
    ----------
    expression : Expression
        Checked, so that nothing but the language of expressions reaches the compiler.

    Returns
    -------
    callable
        Takes a mapping of column names to floats (dates as days since 1970-01-01) or texts, NaN
        where missing. Gives what the expression gives for arrays of one value: conditions are 1.0
        or 0.0, a result beyond ±1e30 is NaN.

    Examples
    --------
    >>> ratio = compile_for_record(Expression("charges / (months + 1)"))
    >>> ratio({"charges": 30.0, "months": 2.0})
    10.0
    """
    parameters = ast.arguments([], [ast.arg("values")], None, [], [], None, [])
    body = _ForRecord().visit(ast.parse(expression.text, mode="eval").body)
    tree = ast.fix_missing_locations(ast.Expression(ast.Lambda(parameters, body)))
    evaluate = eval(compile(tree, "<contract>", "eval"), {"__builtins__": {}, **_NAMES})

    def compute(values: Mapping[str, Value]) -> float:
        result = float(evaluate(values))
        return result if -LARGEST_NUMBER <= result <= LARGEST_NUMBER else math.nan

    return compute
