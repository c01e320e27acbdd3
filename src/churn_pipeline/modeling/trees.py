"""Fitted tree ensembles as plain arrays, whichever library grew them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

LEAF = -1
"""What a leaf has for a column."""

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

    @classmethod
    def of(cls, base: float, trees: Iterable[Mapping[str, NDArray[Any]]]) -> Self:
        """Put trees together, each as :func:`tree_arrays` returns it."""
        parts: dict[str, list[NDArray[Any]]] = {}
        roots, offset = [], 0
        for tree in trees:
            roots.append(offset)
            for key, values in tree.items():
                moved = values + offset if key in ("left", "right") else values
                parts.setdefault(key, []).append(moved)
            offset += len(tree["feature"])
        joined = {key: np.concatenate(values) for key, values in parts.items()}
        return cls(base, np.array(roots, dtype=np.int64), **joined)

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
        while (inner := self.feature[node] != LEAF).any():
            values = matrix[rows, np.maximum(self.feature[node], 0)]
            left = np.where(
                np.isnan(values), self.missing_left[node], values <= self.threshold[node]
            )
            node = np.where(inner, np.where(left, self.left[node], self.right[node]), node)
        return node

    def mean_comparisons(self) -> float:
        """Return how many comparisons and additions the mean training customer takes."""
        inner = self.feature != LEAF
        trees = np.searchsorted(self.roots, np.flatnonzero(inner), side="right") - 1
        share = self.cover[inner] / self.cover[self.roots][trees]
        return float(share.sum()) + len(self.roots)


def tree_arrays(
    *,
    feature: Any,
    threshold: Any,
    left: Any,
    right: Any,
    missing_left: Any,
    value: Any,
    cover: Any,
) -> Mapping[str, NDArray[Any]]:
    """Return one tree as arrays of one entry a node, the root first.

    The meaning of each is that of :class:`TreeEnsemble`, children counted within the tree. What a
    library has at leaves for ``threshold``, ``left`` and ``right``, and at inner nodes for
    ``value``, does not matter.
    """
    feature = np.asarray(feature, dtype=np.int64)
    is_leaf = feature == LEAF
    return {
        "feature": feature,
        "threshold": np.where(is_leaf, 0.0, np.asarray(threshold, dtype=np.float64)),
        "left": np.where(is_leaf, 0, np.asarray(left, dtype=np.int64)),
        "right": np.where(is_leaf, 0, np.asarray(right, dtype=np.int64)),
        "missing_left": np.asarray(missing_left, dtype=bool),
        "value": np.where(is_leaf, np.asarray(value, dtype=np.float64), 0.0),
        "cover": np.asarray(cover, dtype=np.float64),
    }
