"""SHAP values in log-odds: exact ones of linear models and trees, sampled ones of any other."""

from collections.abc import Callable, Iterable

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from churn_pipeline.modeling.trees import TreeEnsemble

Floats = NDArray[np.float64]

_CELLS_A_CHUNK = 200_000  # at a time, so that they stay in the processor's cache


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
    by_column = np.ascontiguousarray(matrix.T, dtype=np.float64)
    contributions = np.zeros((n_columns, len(matrix)))
    for group in _paths(trees):
        base += float(group.value @ group.cover_share.prod(axis=0))
        group.add_contributions(by_column, contributions)
    return base, np.ascontiguousarray(contributions.T)


class _PathGroup:
    """All paths from a root to a leaf that ask the same number of columns.

    All conditions of a path on one column make one interval ``low < x <= high``. Arrays have one
    line a column asked and one column a path; customers come last.
    """

    def __init__(self, paths: list[tuple[float, dict[int, list[float]]]]) -> None:
        conditions = np.array([list(path.values()) for _, path in paths])
        low, high, takes_missing, cover_share = conditions.transpose(2, 1, 0)
        self.value = np.array([value for value, _ in paths])
        self.column = np.array([list(path) for _, path in paths]).T
        self.low, self.high, self.cover_share = low, high, cover_share
        self.takes_missing = takes_missing.astype(bool)

    def add_contributions(self, by_column: Floats, contributions: Floats) -> None:
        """Add the paths' contributions to ``contributions``; both (n_columns, n_customers)."""
        depth, n_paths = self.column.shape
        n_customers = by_column.shape[1]
        n_patterns = 2**depth
        width = max(1, min(n_patterns, n_customers))
        step = max(1, _CELLS_A_CHUNK // (depth * width))
        for start in range(0, n_paths, step):
            paths = slice(start, start + step)
            if n_patterns > n_customers:
                met = self._met(by_column, paths)
                self._add(self._shares(met, paths), paths, contributions)
                continue
            # customers who meet the same conditions of a path get the same from it
            patterns = np.arange(n_patterns) >> np.arange(depth)[:, None] & 1
            table = self._shares(patterns[:, None, :].astype(bool), paths)
            rows = max(1, _CELLS_A_CHUNK // (depth * table.shape[1]))
            for first in range(0, n_customers, rows):
                part = slice(first, first + rows)
                met = self._met(by_column[:, part], paths)
                place = np.arange(table.shape[1])[:, None] * n_patterns
                for bit, is_met in enumerate(met):
                    place = place + (is_met.astype(np.intp) << bit)
                shares = [line.ravel()[place] for line in table]
                self._add(shares, paths, contributions[:, part])

    def _met(self, by_column: Floats, paths: slice) -> NDArray[np.bool_]:
        """Say which conditions each customer meets, (depth, n_paths, n_customers)."""
        values = by_column[self.column[:, paths]]
        met = values > self.low[:, paths, None]
        met &= values <= self.high[:, paths, None]
        missing = np.isnan(values)
        if missing.any():
            met |= missing & self.takes_missing[:, paths, None]
        return met

    def _shares(self, met: NDArray[np.bool_], paths: slice) -> Floats:
        """Share the leaves' values out, (depth, n_paths, n_customers)."""
        depth = len(self.column)
        z = self.cover_share[:, paths, None]
        points, weights = np.polynomial.legendre.leggauss((depth + 1) // 2)
        integral: Floats = np.zeros(np.broadcast_shapes(met.shape, z.shape))
        for point, weight in zip((points + 1) / 2, weights / 2, strict=True):
            factors = np.where(met, point + (1 - point) * z, (1 - point) * z)
            integral += weight * factors.prod(axis=0) / factors
        return self.value[paths, None] * (met - z) * integral

    def _add(self, shares: Iterable[Floats], paths: slice, contributions: Floats) -> None:
        for column, share in zip(self.column[:, paths], shares, strict=True):
            n_paths = len(column)
            to_columns = sp.csr_array(
                (np.ones(n_paths), (column, np.arange(n_paths))),
                shape=(len(contributions), n_paths),
            )
            contributions += to_columns @ share


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
