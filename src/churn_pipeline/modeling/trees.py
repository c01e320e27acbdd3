"""Fitted tree ensembles as plain arrays, whichever library grew them."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LEAF = -1
_CELLS_A_CHUNK = 1_000_000  # bounds the memory to some 50 MB


@dataclass(frozen=True)
class TreeEnsemble:
    """Trees whose leaves add up to the log-odds of churn.

    All arrays have one entry a node, the trees one after the other; children are node numbers.
    A customer goes left if ``value <= threshold``, or if the value is missing and ``missing_left``.

    Attributes
    ----------
    base : float
        Log-odds before any tree.
    roots : ndarray of int, (n_trees,)
    feature : ndarray of int
        Column of the matrix, -1 at leaves.
    threshold : ndarray of float64
    left, right : ndarray of int
    missing_left : ndarray of bool
    value : ndarray of float64
        Contribution of a leaf to the log-odds; 0 at inner nodes.
    cover : ndarray of float64
        Training customers (or the sum of their weights) that reach the node.
    """

    base: float
    roots: NDArray[np.int64]
    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    missing_left: NDArray[np.bool_]
    value: NDArray[np.float64]
    cover: NDArray[np.float64]

    def log_odds(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the log-odds, (n,), of customers given as the encoder's matrix.

        (n, n_columns), float32 as the libraries compare it.
        """
        rows = max(1, _CELLS_A_CHUNK // len(self.roots))
        log_odds = np.empty(len(matrix))
        for start in range(0, len(matrix), rows):
            part = slice(start, start + rows)
            log_odds[part] = self.base + self.value[self._leaves(matrix[part])].sum(axis=1)
        return log_odds

    def _leaves(self, matrix: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the leaf of each customer in each tree, (n, n_trees)."""
        node = np.tile(self.roots, (len(matrix), 1))
        rows = np.arange(len(matrix))[:, None]
        while (inner := self.feature[node] != _LEAF).any():
            values = matrix[rows, np.maximum(self.feature[node], 0)]
            left = np.where(
                np.isnan(values), self.missing_left[node], values <= self.threshold[node]
            )
            node = np.where(inner, np.where(left, self.left[node], self.right[node]), node)
        return node

    def mean_comparisons(self) -> float:
        """Return how many comparisons and additions the mean training customer takes."""
        inner = self.feature != _LEAF
        trees = np.searchsorted(self.roots, np.flatnonzero(inner), side="right") - 1
        share = self.cover[inner] / self.cover[self.roots][trees]
        return float(share.sum()) + len(self.roots)


def has_trees(classifier: Any) -> bool:
    """Say whether :func:`tree_ensemble` knows the classifier."""
    return any(hasattr(classifier, name) for name in ("get_booster", "booster_", "leaf_log_odds_"))


def tree_ensemble(classifier: Any) -> TreeEnsemble:
    """Take the trees out of a fitted XGBoost, LightGBM or :class:`LogOddsForest` classifier.

    Raises
    ------
    TypeError
        If it is none of them.
    """
    if hasattr(classifier, "get_booster"):
        return _from_xgboost(classifier)
    if hasattr(classifier, "booster_"):
        return _from_lightgbm(classifier)
    if hasattr(classifier, "leaf_log_odds_"):
        return _from_forest(classifier)
    raise TypeError(f"{type(classifier).__name__} is not a supported tree ensemble")


_Tree = Mapping[str, NDArray[Any]]


def _join(base: float, trees: Iterable[_Tree]) -> TreeEnsemble:
    parts: dict[str, list[NDArray[Any]]] = {}
    roots, offset = [], 0
    for tree in trees:
        roots.append(offset)
        for key, values in tree.items():
            moved = values + offset if key in ("left", "right") else values
            parts.setdefault(key, []).append(moved)
        offset += len(tree["feature"])
    return TreeEnsemble(
        base,
        np.array(roots, dtype=np.int64),
        **{key: np.concatenate(values) for key, values in parts.items()},
    )


def _tree(
    feature: Any, threshold: Any, left: Any, right: Any, missing_left: Any, value: Any, cover: Any
) -> _Tree:
    feature = np.asarray(feature, dtype=np.int64)
    is_leaf = feature == _LEAF
    return {
        "feature": feature,
        "threshold": np.where(is_leaf, 0.0, np.asarray(threshold, dtype=np.float64)),
        "left": np.where(is_leaf, 0, np.asarray(left, dtype=np.int64)),
        "right": np.where(is_leaf, 0, np.asarray(right, dtype=np.int64)),
        "missing_left": np.asarray(missing_left, dtype=bool),
        "value": np.where(is_leaf, np.asarray(value, dtype=np.float64), 0.0),
        "cover": np.asarray(cover, dtype=np.float64),
    }


def _from_xgboost(classifier: Any) -> TreeEnsemble:
    booster = classifier.get_booster()
    learner = json.loads(booster.save_raw("json"))["learner"]
    base_score = float(str(learner["learner_model_param"]["base_score"]).strip("[]"))
    trees = []
    for tree in learner["gradient_booster"]["model"]["trees"]:
        left = np.array(tree["left_children"])
        is_leaf = left == -1
        # XGBoost goes left if value < threshold, in float32
        threshold = np.nextafter(np.array(tree["split_conditions"], dtype=np.float32), -np.inf)
        trees.append(
            _tree(
                np.where(is_leaf, _LEAF, tree["split_indices"]),
                threshold,
                left,
                tree["right_children"],
                np.array(tree["default_left"], dtype=bool),
                np.array(tree["split_conditions"], dtype=np.float32),
                tree["sum_hessian"],
            )
        )
    return _join(float(np.log(base_score / (1 - base_score))), trees)


def _from_lightgbm(classifier: Any) -> TreeEnsemble:
    trees = []
    for info in classifier.booster_.dump_model()["tree_info"]:
        nodes: list[dict[str, Any]] = []
        children: list[tuple[int, int]] = []
        waiting: list[tuple[dict[str, Any], int | None, str]] = [(info["tree_structure"], None, "")]
        while waiting:
            node, parent, side = waiting.pop()
            index = len(nodes)
            nodes.append(node)
            children.append((0, 0))
            if parent is not None:
                pair = children[parent]
                children[parent] = (index, pair[1]) if side == "left" else (pair[0], index)
            if "split_feature" in node:
                waiting.append((node["right_child"], index, "right"))
                waiting.append((node["left_child"], index, "left"))
        trees.append(
            _tree(
                [node.get("split_feature", _LEAF) for node in nodes],
                [node.get("threshold", 0.0) for node in nodes],
                [left for left, _ in children],
                [right for _, right in children],
                [_lightgbm_missing_left(node) for node in nodes],
                [node.get("leaf_value", 0.0) for node in nodes],
                [node.get("internal_count", node.get("leaf_count", 1)) for node in nodes],
            )
        )
    return _join(0.0, trees)


def _lightgbm_missing_left(node: Mapping[str, Any]) -> bool:
    if node.get("missing_type") == "NaN":
        return bool(node["default_left"])
    return float(node.get("threshold", 0.0)) >= 0  # it takes a NaN for 0


def _from_forest(classifier: Any) -> TreeEnsemble:
    n_trees = len(classifier.estimators_)
    trees = []
    for estimator, log_odds in zip(classifier.estimators_, classifier.leaf_log_odds_, strict=True):
        tree = estimator.tree_
        is_leaf = tree.children_left == -1
        trees.append(
            _tree(
                np.where(is_leaf, _LEAF, tree.feature),
                tree.threshold,
                tree.children_left,
                tree.children_right,
                tree.missing_go_to_left,
                log_odds / n_trees,
                tree.weighted_n_node_samples,
            )
        )
    return _join(0.0, trees)
