"""SHAP values in log-odds: exact ones of linear models and trees, sampled ones of any other."""

from collections.abc import Callable

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from churn_pipeline.modeling.trees import TreeEnsemble

Floats = NDArray[np.float64]

_CELLS_A_CHUNK = 2_000_000  # bounds the memory to some 100 MB


def linear_shap(
    coefficients: Floats, intercept: float, background_mean: Floats, matrix: Floats
) -> tuple[float, Floats]:
    """SHAP values of a linear model whose columns are taken as independent.

    (Lundberg and Lee, 2017: ``coefficient * (value - mean)``.)

    Parameters
    ----------
    coefficients, background_mean : ndarray of float, (n_columns,)
    intercept : float
    matrix : ndarray of float, (n, n_columns)

    Returns
    -------
    base : float
        Log-odds of a customer of mean values.
    contributions : ndarray of float, (n, n_columns)
        They and ``base`` add up to the log-odds.
    """
    base = intercept + float(coefficients @ background_mean)
    return base, (matrix - background_mean) * coefficients


def permutation_shap(
    log_odds: Callable[[Floats], Floats],
    background_mean: Floats,
    matrix: Floats,
    *,
    orders: int = 10,
    seed: int = 0,
) -> tuple[float, Floats]:
    """Estimate the SHAP values of any classifier, its columns taken as independent.

    (Štrumbelj and Kononenko, 2014.) The customer's columns take the place of the background's one
    after the other, in random orders and their reverses (Mitchell et al., 2022); a column gets the
    mean change that its turn makes. Exact where columns interact in pairs at most.

    Parameters
    ----------
    log_odds : callable
        From a matrix to its log-odds, (n,).
    background_mean : ndarray of float, (n_columns,)
    matrix : ndarray of float, (n, n_columns)
    orders : int
        Random orders; each column is tried twice an order.
    seed : int

    Returns
    -------
    base : float
        Log-odds of a customer of mean values.
    contributions : ndarray of float, (n, n_columns)
        They and ``base`` add up to the log-odds.
    """
    generator = np.random.default_rng(seed)
    contributions = np.zeros(matrix.shape)
    start = np.tile(background_mean.astype(matrix.dtype), (len(matrix), 1))
    for _ in range(orders):
        order = generator.permutation(matrix.shape[1])
        for turns in (order, order[::-1]):
            current = start.copy()
            before = log_odds(current)
            for column in turns:
                current[:, column] = matrix[:, column]
                after = log_odds(current)
                contributions[:, column] += after - before
                before = after
    return float(log_odds(start[:1])[0]), contributions / (2 * orders)


def tree_shap(
    trees: TreeEnsemble, matrix: NDArray[np.float32], n_columns: int
) -> tuple[float, Floats]:
    """SHAP values of a tree ensemble, by the training customers at its nodes.

    The path-dependent values of Lundberg et al. (2020). For a leaf of value ``v`` whose path asks
    ``d`` columns, column ``i`` gets ``v (o_i - z_i) ∫ Π_{j≠i} (t o_j + (1-t) z_j) dt`` over
    ``t`` from 0 to 1, where ``o_j`` says whether the customer meets the path's conditions on column
    ``j``, and ``z_j`` is the share of training customers who go on where the path asks ``j``: the
    integral is the sum over all orders of the columns. It is a polynomial, so that Gauss-Legendre
    quadrature is exact.

    Parameters
    ----------
    trees : TreeEnsemble
    matrix : ndarray of float32, (n, n_columns)
        The encoder's.
    n_columns : int

    Returns
    -------
    base : float
        Expected log-odds over the training customers.
    contributions : ndarray of float, (n, n_columns)
        They and ``base`` add up to the log-odds.
    """
    base = trees.base
    contributions = np.zeros((len(matrix), n_columns))
    for group in _paths(trees):
        base += float(group.value @ group.cover_share.prod(axis=1))
        rows = max(1, _CELLS_A_CHUNK // group.column.size)
        for start in range(0, len(matrix), rows):
            part = slice(start, start + rows)
            contributions[part] += group.contributions(matrix[part], n_columns)
    return base, contributions


class _PathGroup:
    """All paths from a root to a leaf that ask the same number of columns.

    All conditions of a path on one column make one interval ``low < x <= high``.
    """

    def __init__(self, paths: list[tuple[float, dict[int, list[float]]]]) -> None:
        conditions = np.array([list(path.values()) for _, path in paths])
        self.value = np.array([value for value, _ in paths])
        self.column = np.array([list(path) for _, path in paths])  # (paths, columns asked)
        self.low, self.high = conditions[..., 0], conditions[..., 1]
        self.takes_missing = conditions[..., 2].astype(bool)
        self.cover_share = conditions[..., 3]

    def contributions(self, matrix: NDArray[np.float32], n_columns: int) -> Floats:
        depth = self.column.shape[1]
        values = matrix[:, self.column]
        met = np.where(
            np.isnan(values), self.takes_missing, (values > self.low) & (values <= self.high)
        ).astype(np.float64)
        points, weights = np.polynomial.legendre.leggauss(depth // 2 + 1)
        integral = np.zeros_like(met)
        for point, weight in zip((points + 1) / 2, weights / 2, strict=True):
            factors = point * met + (1 - point) * self.cover_share
            integral += weight * factors.prod(axis=2, keepdims=True) / factors
        shares = self.value[:, None] * (met - self.cover_share) * integral
        to_columns = sp.csr_array(
            (np.ones(self.column.size), (np.arange(self.column.size), self.column.ravel())),
            shape=(self.column.size, n_columns),
        )
        return shares.reshape(len(matrix), -1) @ to_columns


def _paths(trees: TreeEnsemble) -> list[_PathGroup]:
    by_depth: dict[int, list[tuple[float, dict[int, list[float]]]]] = {}
    constant = 0.0
    waiting: list[tuple[int, dict[int, list[float]]]] = [(int(root), {}) for root in trees.roots]
    while waiting:
        node, path = waiting.pop()
        column = int(trees.feature[node])
        if column < 0:
            if path:
                by_depth.setdefault(len(path), []).append((float(trees.value[node]), path))
            else:
                constant += float(trees.value[node])
            continue
        threshold = float(trees.threshold[node])
        for child, is_left in ((trees.left[node], True), (trees.right[node], False)):
            low, high, takes_missing, share = path.get(column, [-np.inf, np.inf, 1.0, 1.0])
            low, high = (low, min(high, threshold)) if is_left else (max(low, threshold), high)
            takes_missing *= float(trees.missing_left[node] == is_left)
            share *= float(trees.cover[child] / trees.cover[node])
            waiting.append((int(child), {**path, column: [low, high, takes_missing, share]}))
    groups = [_PathGroup(by_depth[depth]) for depth in sorted(by_depth)]
    if constant:
        groups.append(_constant(constant))
    return groups


def _constant(value: float) -> _PathGroup:
    """Return a path that everybody meets, for trees that are one leaf."""
    return _PathGroup([(value, {0: [-np.inf, np.inf, 1.0, 1.0]})])
