"""SHAP values of a tree ensemble, from the paths between its roots and its leaves."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_CELLS_A_CHUNK = 500_000  # at a time, so that they stay in the processor's cache
_TABLE_CELLS = 4_000_000  # 32 MB for all tables of a model
_LARGEST = float(np.finfo(np.float32).max)
_ARRAYS = ("value", "input", "level", "low", "high", "takes_missing", "cover_share", "explained")


@dataclass(frozen=True)
class PathGroup:
    """All paths from a root to a leaf that ask the same number of columns.

    A column is a number of the row, or one level of a category (1 where the category has it, else
    0). All conditions of a path on one column make one interval ``low < x <= high``. Arrays are of
    shape (depth, n_paths) but for ``value``, (n_paths,).

    Attributes
    ----------
    value : ndarray of float
        The leaf's contribution to the log-odds.
    input : ndarray of int
        Position of the number or the category in the row.
    level : ndarray of int
        The level of the category that the column represents; -1 for a number.
    low, high : ndarray of float
    takes_missing : ndarray of bool
        Whether a missing number meets the conditions.
    cover_share : ndarray of float
        Share of the training customers who go on where the path asks the column.
    explained : ndarray of int
        The explained input that the column counts for.
    """

    value: Floats
    input: Ints
    level: Ints
    low: Floats
    high: Floats
    takes_missing: NDArray[np.bool_]
    cover_share: Floats
    explained: Ints

    def part(self, paths: slice) -> "PathGroup":
        """Return some of the paths."""
        return PathGroup(self.value[paths], *(getattr(self, n)[:, paths] for n in _ARRAYS[1:]))


def path_arrays(groups: list[PathGroup]) -> dict[str, NDArray[Any]]:
    """Return the groups as arrays for ``explainer.npz``."""
    return {
        f"paths{number}_{name}": getattr(group, name)
        for number, group in enumerate(groups)
        for name in _ARRAYS
    }


def tree_paths(arrays: Mapping[str, NDArray[Any]]) -> list[PathGroup]:
    """Return the groups that :func:`path_arrays` took apart."""
    count = sum(name.startswith("paths") and name.endswith("_value") for name in arrays)
    return [PathGroup(*(arrays[f"paths{n}_{name}"] for name in _ARRAYS)) for n in range(count)]


def level_numbers(arrays: Mapping[str, NDArray[Any]]) -> dict[int, Floats]:
    """Return the numbers of categories of many levels, by position in the row."""
    prefix = "levels"
    return {
        int(name.removeprefix(prefix)): values
        for name, values in arrays.items()
        if name.startswith(prefix)
    }


class TreePaths:
    """Computes the path-dependent SHAP values of Lundberg et al. (2020).

    For a leaf of value ``v`` whose path asks ``d`` columns, column ``i`` gets
    ``v (o_i - z_i) ∫ Π_{j≠i} (t o_j + (1-t) z_j) dt`` over ``t`` from 0 to 1, where ``o_j`` says
    whether the customer meets the path's conditions on column ``j`` and ``z_j`` is the cover share:
    the integral is the sum over all orders of the columns. It is a polynomial, so that
    Gauss-Legendre quadrature is exact. A path of few columns has few patterns of conditions met:
    their shares are computed once.

    Parameters
    ----------
    groups : list of PathGroup
    n_explained : int
    level_numbers : mapping of int to ndarray of float, optional
        By position in the row, the numbers that represent a category with many levels: of a missing
        value, then of its levels.
    """

    def __init__(
        self,
        groups: list[PathGroup],
        n_explained: int,
        level_numbers: Mapping[int, Floats] | None = None,
    ) -> None:
        self._n_explained = n_explained
        self._level_numbers = level_numbers or {}
        left = _TABLE_CELLS
        self._parts: list[_Part] = []
        for group in groups:
            depth, n_paths = group.input.shape
            cells = depth * n_paths * 2**depth
            is_tabled = cells <= left
            left -= cells if is_tabled else 0
            step = n_paths if is_tabled else max(1, _CELLS_A_CHUNK // depth)
            for start in range(0, n_paths, step):
                part = group.part(slice(start, start + step))
                self._parts.append(_Part(part, is_tabled))

    def __call__(self, rows: Floats, terms: Floats) -> Floats:
        """Return what each explained input adds to the log-odds, (n, n_explained).

        Parameters
        ----------
        rows : ndarray of float, (n, n_inputs)
        terms : ndarray
            Not used.
        """
        if self._level_numbers:
            rows = rows.copy()
            for place, numbers in self._level_numbers.items():
                rows[:, place] = numbers[rows[:, place].astype(np.int64) + 1]
        # as the trees compare them; an infinity would lie in no interval
        rounded = np.clip(rows, -_LARGEST, _LARGEST).astype(np.float32)
        columns = np.ascontiguousarray(rounded.T, dtype=np.float64)
        found = np.zeros((self._n_explained, len(rows)))
        for part in self._parts:
            step = max(1, _CELLS_A_CHUNK // part.conditions)
            for start in range(0, len(rows), step):
                customers = slice(start, start + step)
                part.add(columns[:, customers], found[:, customers])
        return np.ascontiguousarray(found.T)


class _Part:
    """Some paths of one depth, and what is computed of them once."""

    def __init__(self, group: PathGroup, is_tabled: bool) -> None:
        depth, n_paths = group.input.shape
        self.conditions = depth * n_paths
        self._group = group
        self._input, self._level = group.input.ravel(), group.level.ravel()[:, None]
        self._is_level = (self._level >= 0).nonzero()[0]
        self._levels = self._level[self._is_level]
        self._low, self._high = group.low.ravel()[:, None], group.high.ravel()[:, None]
        self._takes_missing = group.takes_missing.ravel()[:, None]
        # the entries of one explained input lie side by side when they are added up
        self._order = np.argsort(group.explained.ravel(), kind="stable")
        self._inputs, self._starts = np.unique(
            group.explained.ravel()[self._order], return_index=True
        )
        self._table: Floats | None = None
        if is_tabled:
            patterns = np.arange(2**depth) >> np.arange(depth)[:, None] & 1
            met = np.broadcast_to(patterns[:, None, :].astype(bool), (depth, n_paths, 2**depth))
            self._table = np.ascontiguousarray(_shares(group, met))
            self._bits = (1 << np.arange(depth))[:, None, None]
            self._entry = np.arange(depth * n_paths)[:, None] * 2**depth

    def add(self, columns: Floats, found: Floats) -> None:
        """Add the paths' contributions to ``found``, (n_explained, n_customers)."""
        depth, n_paths = self._group.input.shape
        values = columns[self._input]
        values[self._is_level] = values[self._is_level] == self._levels
        met = (values > self._low) & (values <= self._high)
        missing = np.isnan(values)
        if missing.any():
            met |= missing & self._takes_missing
        met = met.reshape(depth, n_paths, -1)
        if self._table is None:
            shares = _shares(self._group, met).reshape(depth * n_paths, -1)
        else:
            pattern = (met * self._bits).sum(axis=0)
            place = self._entry + np.tile(pattern, (depth, 1))
            shares = self._table.ravel()[place]
        found[self._inputs] += np.add.reduceat(shares[self._order], self._starts, axis=0)


def _shares(group: PathGroup, met: NDArray[np.bool_]) -> Floats:
    """Share the leaves' values out, (depth, n_paths, n_customers)."""
    z = group.cover_share[:, :, None]
    points, weights = np.polynomial.legendre.leggauss((len(z) + 1) // 2)
    integral: Floats = np.zeros(met.shape)
    for point, weight in zip((points + 1) / 2, weights / 2, strict=True):
        factors = np.where(met, point + (1 - point) * z, (1 - point) * z)
        integral += weight * factors.prod(axis=0) / factors
    return group.value[None, :, None] * (met - z) * integral
