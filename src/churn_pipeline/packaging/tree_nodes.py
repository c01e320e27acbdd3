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
    is_leaf = trees.feature < 0
    leaves = np.flatnonzero(is_leaf)
    # a tree that is one leaf asks something, and goes to that leaf either way
    nodes = np.union1d(np.flatnonzero(~is_leaf), trees.roots)
    is_stump = is_leaf[nodes]
    number = np.searchsorted(nodes, np.arange(len(is_leaf)))
    leaf_number = np.cumsum(is_leaf) - 1
    asked = np.array(asked_columns(contract))[trees.feature[nodes]]
    place, level = np.where(is_stump[:, None], [0, -1], asked).T
    threshold = trees.threshold[nodes]
    # left unless the category has the level, or all customers on one side
    is_between = (threshold >= 0) & (threshold < 1)
    one_side = np.where(threshold >= 1, np.inf, -np.inf)
    split = np.where(level < 0, threshold, np.where(is_between, level, one_side))
    mode = np.where((level >= 0) & is_between, _NOT_EQUAL, _AT_MOST)
    sides = [np.where(is_stump, nodes, children[nodes]) for children in (trees.left, trees.right)]
    true, false = (np.where(is_leaf[side], leaf_number[side], number[side]) for side in sides)
    return {
        "n_targets": 1,
        "aggregate_function": _SUM,
        "post_transform": 0,
        "tree_roots": number[trees.roots].tolist(),
        "nodes_featureids": place.tolist(),
        "nodes_splits": numpy_helper.from_array(split),
        "nodes_modes": numpy_helper.from_array(mode.astype(np.uint8)),
        "nodes_truenodeids": true.tolist(),
        "nodes_falsenodeids": false.tolist(),
        "nodes_trueleafs": is_leaf[sides[0]].astype(int).tolist(),
        "nodes_falseleafs": is_leaf[sides[1]].astype(int).tolist(),
        "nodes_missing_value_tracks_true": trees.missing_left[nodes].astype(int).tolist(),
        "leaf_targetids": [0] * len(leaves),
        "leaf_weights": numpy_helper.from_array(trees.value[leaves]),
    }
