"""The fitted pipeline as an ONNX graph: from a row of inputs to calibrated log-odds, in float64.

Written by hand, since converters work in float32, where sums lose digits and values cross the
thresholds of trees, and make a matrix of ones and zeros of the categories. Here a category is one
number, which a linear model looks a weight up by and a tree compares with its level. Probabilities
are left to the scorer: ONNX Runtime's sigmoid gives a row other last bits in a batch than alone.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from sklearn.compose import ColumnTransformer

from churn_pipeline.contract import Contract
from churn_pipeline.errors import BundleError
from churn_pipeline.modeling.families.base import LinearForm
from churn_pipeline.modeling.model import ChurnModel
from churn_pipeline.modeling.recalibration import IsotonicCalibrator, SigmoidCalibrator
from churn_pipeline.modeling.trees import TreeEnsemble
from churn_pipeline.named_files import params_yaml
from churn_pipeline.packaging.terms import LinearTerms, linear_terms
from churn_pipeline.packaging.tree_nodes import level_tables, tree_attributes

Floats = NDArray[np.float64]

_OPSET, _ML_OPSET, _IR = 21, 5, 10
_DOUBLE = TensorProto.DOUBLE
_HUGE = 1e150


class _Graph:
    """Nodes and constants in the order in which they are added."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, values: Any) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def add(
        self, operator: str, *inputs: Any, output: str = "", domain: str = "", **attributes: Any
    ) -> str:
        """Add a node; an input is a name or a constant."""
        name = output or f"t{len(self.nodes)}"
        names = [item if isinstance(item, str) else self.constant(item) for item in inputs]
        node = helper.make_node(operator, names, [name], name=name, domain=domain, **attributes)
        self.nodes.append(node)
        return name

    def rename(self, name: str, new: str) -> None:
        """Give the last node's output its final name."""
        assert self.nodes[-1].output[0] == name
        self.nodes[-1].output[0] = self.nodes[-1].name = new

    def columns(self, start: int, end: int) -> str:
        """Take columns of the rows."""
        bounds = (np.array([bound], dtype=np.int64) for bound in (start, end, 1))
        return self.add("Slice", "rows", *bounds)


def to_onnx(model: ChurnModel, contract: Contract) -> bytes:
    """Return the ONNX model of a fitted candidate and its calibrator.

    Its input ``rows``, (n, n_inputs) of float64, are the contract's model inputs: numbers, NaN
    where missing, then the position of each category's value, -1 where missing. Its outputs are
    ``log_odds``, (n,), and of a linear model ``terms``, (n, n_terms), which add up to the
    classifier's log-odds less the intercept.

    Raises
    ------
    BundleError
        If no ONNX form of the classifier is known.
    """
    graph = _Graph()
    shapes: dict[str, Sequence[str | int]] = {"log_odds": ["n"]}
    encoder, form = model.pipeline[0], model.form
    if isinstance(form, TreeEnsemble):
        raw = _trees(graph, form, encoder, contract)
    elif isinstance(form, LinearForm):
        terms = linear_terms(encoder, form, contract)
        raw = _linear(graph, terms, contract)
        shapes["terms"] = ["n", len(terms.weights) + len(terms.categories)]
    else:
        raise BundleError(
            f"the candidate {model.candidate} cannot be packaged: its family does not say what it "
            "is shipped as; give the family in churn_pipeline/modeling/families a method `form`, "
            f"or take it out of candidates in {params_yaml()}"
        )
    _calibrate(graph, raw, model.calibrator)
    rows = helper.make_tensor_value_info("rows", _DOUBLE, ["n", len(contract.model_inputs)])
    outputs = [helper.make_tensor_value_info(name, _DOUBLE, list(s)) for name, s in shapes.items()]
    proto = helper.make_model(
        helper.make_graph(graph.nodes, "churn", [rows], outputs, graph.constants),
        opset_imports=[
            helper.make_opsetid("", _OPSET),
            helper.make_opsetid("ai.onnx.ml", _ML_OPSET),
        ],
        ir_version=_IR,
        producer_name="churn_pipeline",
    )
    onnx.checker.check_model(proto, full_check=True)
    return bytes(proto.SerializeToString(deterministic=True))


def _linear(graph: _Graph, terms: LinearTerms, contract: Contract) -> str:
    n_numeric = len(contract.numeric_inputs)
    parts = []
    if len(terms.weights):
        numbers = graph.columns(0, n_numeric)
        missing = graph.add("IsNaN", numbers)
        imputed = graph.add("Where", missing, terms.medians, numbers)
        # nobody has such numbers, but they are floats: their terms must not add up to inf - inf
        imputed = graph.add("Clip", imputed, np.array(-_HUGE), np.array(_HUGE))
        flags = graph.add("Cast", missing, to=_DOUBLE)
        columns = graph.add("Concat", imputed, flags, axis=1)
        bent = graph.add("Gather", columns, terms.sources, axis=1)
        bent = graph.add("Max", graph.add("Sub", bent, terms.knots), terms.floors)
        parts.append(graph.add("Mul", bent, terms.weights))
    if terms.categories:
        codes = graph.columns(n_numeric, len(contract.model_inputs))
        sizes = [len(weights) for weights in terms.categories]
        first = np.cumsum([0, *sizes[:-1]], dtype=np.int64) + 1  # a missing one has code -1
        places = graph.add("Add", graph.add("Cast", codes, to=TensorProto.INT64), first)
        parts.append(graph.add("Gather", np.concatenate(terms.categories), places, axis=0))
    graph.add("Concat", *parts, output="terms", axis=1)
    # one after the other; ReduceSum adds the last row of an odd number in another order
    sums = graph.add("CumSum", "terms", np.array(1, dtype=np.int64))
    total = graph.add("Gather", sums, np.array(-1, dtype=np.int64), axis=1)
    return graph.add("Add", total, np.array([terms.intercept]))


def _trees(
    graph: _Graph, trees: TreeEnsemble, encoder: ColumnTransformer, contract: Contract
) -> str:
    # rounded as the libraries round what they compare
    rows = _with_numbers_of_levels(graph, encoder, contract)
    rounded = graph.add("Cast", rows, to=TensorProto.FLOAT)
    values = graph.add("Cast", rounded, to=_DOUBLE)
    attributes = tree_attributes(trees, contract)
    total = graph.add("TreeEnsemble", values, domain="ai.onnx.ml", **attributes)
    total = graph.add("Squeeze", total, np.array([1], dtype=np.int64))
    return graph.add("Add", total, np.array([trees.base]))


def _with_numbers_of_levels(graph: _Graph, encoder: ColumnTransformer, contract: Contract) -> str:
    """Put a number for the code of each category of many levels."""
    tables = level_tables(encoder, contract)
    parts, start = [], 0
    for place, table in sorted(tables.items()):
        if place > start:
            parts.append(graph.columns(start, place))
        code = graph.add("Cast", graph.columns(place, place + 1), to=TensorProto.INT64)
        position = graph.add("Add", code, np.array([1], dtype=np.int64))
        parts.append(graph.add("Gather", table, position, axis=0))
        start = place + 1
    if not parts:
        return "rows"
    if start < len(contract.model_inputs):
        parts.append(graph.columns(start, len(contract.model_inputs)))
    return graph.add("Concat", *parts, axis=1)


def _calibrate(graph: _Graph, raw: str, calibrator: Any) -> None:
    if calibrator is None:
        graph.rename(raw, "log_odds")
    elif isinstance(calibrator, SigmoidCalibrator):
        scaled = graph.add("Mul", raw, np.array([calibrator.slope], dtype=np.float64))
        graph.add(
            "Add", scaled, np.array([calibrator.intercept], dtype=np.float64), output="log_odds"
        )
    elif isinstance(calibrator, IsotonicCalibrator):
        points, values = (
            np.array(x, dtype=np.float64) for x in (calibrator.points, calibrator.values)
        )
        _interpolate(graph, raw, points, values)
    else:
        raise BundleError(
            f"the calibrator {calibrator.method} cannot be packaged; give it an ONNX form in "
            "churn_pipeline/packaging/graph.py, or take it out of training.calibrators"
        )


def _interpolate(graph: _Graph, raw: str, points: Floats, values: Floats) -> None:
    """Join the points by straight lines, constant outside."""
    if len(points) == 1:
        zero = graph.add("Mul", raw, np.array([0.0]))
        graph.add("Add", zero, values, output="log_odds")
        return
    slopes = np.diff(values) / np.diff(points)
    inside = graph.add("Clip", raw, points[0], points[-1])
    column = graph.add("Unsqueeze", inside, np.array([1], dtype=np.int64))
    passed = graph.add("GreaterOrEqual", column, points[1:-1][None, :])
    passed = graph.add("Cast", passed, to=TensorProto.INT64)
    place = graph.add("ReduceSum", passed, np.array([1], dtype=np.int64), keepdims=0)
    start = graph.add("Gather", points[:-1], place, axis=0)
    beyond = graph.add("Sub", inside, start)
    rise = graph.add("Mul", beyond, graph.add("Gather", slopes, place, axis=0))
    graph.add("Add", graph.add("Gather", values[:-1], place, axis=0), rise, output="log_odds")
