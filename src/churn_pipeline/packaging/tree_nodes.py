"""A tree ensemble as the attributes of ONNX's ``TreeEnsemble`` operator.

The trees were grown on one column a level of each category; here they ask the category itself.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from onnx import numpy_helper
from sklearn.compose import ColumnTransformer

from churn_pipeline.contract import Contract
from churn_pipeline.features.levels import many_level_inputs, one_hot_inputs
from churn_pipeline.modeling.trees import TreeEnsemble

_AT_MOST, _NOT_EQUAL = 0, 5  # the operator's modes
_SUM = 1


class Asked(NamedTuple):
    """What a column of the encoder's matrix says.

    Attributes
    ----------
    input : int
        Position of the number or category among the model's inputs.
    level : int
        The category's level of which the column is 1; -1 for a number, also for one that stands for
        a category of many levels.
    """

    input: int
    level: int


def asked_columns(contract: Contract) -> list[Asked]:
    """Return what each column of the tree encoder's matrix says."""
    n_numeric = len(contract.numeric_inputs)
    numbers = [Asked(place, -1) for place in range(n_numeric)]
    places = {name: n_numeric + i for i, name in enumerate(contract.categorical_inputs)}
    levels = [
        Asked(places[name], level)
        for name in one_hot_inputs(contract)
        for level in range(len(contract.columns[name].values))
    ]
    return numbers + levels + [Asked(places[name], -1) for name in many_level_inputs(contract)]


def level_tables(encoder: ColumnTransformer, contract: Contract) -> dict[int, NDArray[np.float64]]:
    """Return, by position among the model's inputs, the numbers of categories of many levels.

    That of a missing value, then those of the levels.
    """
    many = many_level_inputs(contract)
    if not many:
        return {}
    tables = encoder.named_transformers_["many_levels"].tables_
    return {
        contract.model_inputs.index(name): np.asarray(table, dtype=np.float64)
        for name, table in zip(many, tables, strict=True)
    }


def tree_attributes(trees: TreeEnsemble, contract: Contract) -> dict[str, Any]:
    """Return the attributes of the operator; nodes keep the ensemble's order."""
    asked = asked_columns(contract)
    is_leaf = trees.feature < 0
    inner = np.flatnonzero(~is_leaf)
    # a tree that is one leaf asks something, and goes to that leaf either way
    stumps = [int(root) for root in trees.roots if is_leaf[root]]
    nodes = np.sort(np.concatenate([inner, np.array(stumps, dtype=np.int64)]))
    number = {int(node): place for place, node in enumerate(nodes)}
    leaves = np.flatnonzero(is_leaf)
    leaf_number = {int(leaf): place for place, leaf in enumerate(leaves)}
    columns: dict[str, list[Any]] = {
        key: []
        for key in ("input", "split", "mode", "true", "false", "true_leaf", "false_leaf", "missing")
    }
    for node in nodes.tolist():
        if is_leaf[node]:
            place, level, threshold = 0, -1, 0.0
            children = (node, node)
        else:
            place, level = asked[trees.feature[node]]
            threshold = float(trees.threshold[node])
            children = (int(trees.left[node]), int(trees.right[node]))
        mode, split = _AT_MOST, threshold
        if level >= 0:
            if 0 <= threshold < 1:  # left unless the category has the level
                mode, split = _NOT_EQUAL, float(level)
            else:  # all customers on one side
                split = np.inf if threshold >= 1 else -np.inf
        columns["input"].append(place)
        columns["split"].append(split)
        columns["mode"].append(mode)
        columns["missing"].append(int(trees.missing_left[node]))
        for side, child in zip(("true", "false"), children, strict=True):
            columns[side].append(leaf_number[child] if is_leaf[child] else number[child])
            columns[f"{side}_leaf"].append(int(is_leaf[child]))
    return {
        "n_targets": 1,
        "aggregate_function": _SUM,
        "post_transform": 0,
        "tree_roots": [number[int(root)] for root in trees.roots],
        "nodes_featureids": columns["input"],
        "nodes_splits": numpy_helper.from_array(np.array(columns["split"], dtype=np.float64)),
        "nodes_modes": numpy_helper.from_array(np.array(columns["mode"], dtype=np.uint8)),
        "nodes_truenodeids": columns["true"],
        "nodes_falsenodeids": columns["false"],
        "nodes_trueleafs": columns["true_leaf"],
        "nodes_falseleafs": columns["false_leaf"],
        "nodes_missing_value_tracks_true": columns["missing"],
        "leaf_targetids": [0] * len(leaves),
        "leaf_weights": numpy_helper.from_array(trees.value[leaves]),
    }
