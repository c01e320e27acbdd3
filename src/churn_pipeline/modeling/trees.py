"""Fitted tree ensembles as plain arrays, whichever library grew them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

_LEAF = -1
_CELLS_A_CHUNK = 1_000_000  # bounds the memory to some 50 MB


class Tree(NamedTuple):
    """One tree as a library has it: an entry a node, the root first, lists or arrays.

    The meaning is that of :class:`TreeEnsemble`, but that children are counted within the tree and
    a leaf is a node whose ``left`` is negative. What a library has at leaves for ``feature``,
    ``threshold`` and ``right``, and at inner nodes for ``value``, does not matter.
    """

    feature: Any
    threshold: Any
    left: Any
    right: Any
    missing_left: Any
    value: Any
    cover: Any


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
    def of(cls, base: float, trees: Iterable[Tree]) -> Self:
        """Put the trees of a library together."""
        grown = list(trees)
        sizes = [len(tree.feature) for tree in grown]
        roots = np.cumsum([0, *sizes[:-1]], dtype=np.int64)
        feature, threshold, left, right, missing_left, value, cover = map(
            np.concatenate, zip(*grown, strict=True)
        )
        is_leaf, offset = left < 0, np.repeat(roots, sizes)
        return cls(
            base,
            roots,
            feature=np.where(is_leaf, _LEAF, feature).astype(np.int64),
            threshold=np.where(is_leaf, 0.0, threshold.astype(np.float64)),
            left=np.where(is_leaf, 0, left).astype(np.int64) + offset,
            right=np.where(is_leaf, 0, right).astype(np.int64) + offset,
            missing_left=missing_left.astype(bool),
            value=np.where(is_leaf, value.astype(np.float64), 0.0),
            cover=cover.astype(np.float64),
        )

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
