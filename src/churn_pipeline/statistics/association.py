"""How much the columns of a table say the same."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from scipy.stats import rankdata

Floats = NDArray[np.float64]


def associations(table: pd.DataFrame) -> Floats:
    """Measure how strongly each two columns go together, whichever their types.

    Two columns of numbers: the absolute rank correlation (Spearman, 1904). Two of categories:
    Cramér's V, corrected for its bias (Bergsma, 2013), missing being a category. A number and a
    category: the root of the share of the ranks' variance that lies between the categories, again
    corrected (epsilon squared, Kelley, 1935). Without the corrections many categories go together
    by chance. Rows where a number is missing do not count for its pairs.

    Parameters
    ----------
    table : DataFrame, (n, n_columns)

    Returns
    -------
    ndarray of float, (n_columns, n_columns)
        From 0, independent, to 1, one tells the other; 0 where a column has one value only, and
        where each row has a category of its own, which could be chance.
    """
    columns = [_Column(table[name]) for name in table]
    found = np.eye(len(columns))
    for i, one in enumerate(columns):
        for j in range(i):
            found[i, j] = found[j, i] = _association(one, columns[j])
    return found


def groups_of(found: Floats, least: float) -> NDArray[np.int64]:
    """Group columns of which each two are associated at least so much.

    By complete linkage: a chain of similar columns does not join its ends.

    Parameters
    ----------
    found : ndarray of float, (n, n)
        See :func:`associations`.
    least : float

    Returns
    -------
    ndarray of int, (n,)
        The group of each column; a column that is like no other has one to itself.
    """
    if len(found) < 2:
        return np.zeros(len(found), dtype=np.int64)
    distance = squareform(np.clip(1 - found, 0, 1), checks=False)
    return fcluster(linkage(distance, "complete"), 1 - least, "distance").astype(np.int64)


class _Column:
    """Numbers with NaN where missing, or the codes of categories."""

    def __init__(self, values: pd.Series) -> None:
        self.is_numeric = pd.api.types.is_numeric_dtype(values)
        if self.is_numeric:
            self.values = values.to_numpy(dtype=np.float64, na_value=np.nan)
        elif pd.api.types.is_datetime64_any_dtype(values):
            days = values.to_numpy(dtype="datetime64[D]")
            self.values = np.where(np.isnat(days), np.nan, days.astype(np.float64))
            self.is_numeric = True
        else:
            self.values = pd.factorize(values)[0].astype(np.float64)
        self.is_known = ~np.isnan(self.values)


def _association(one: _Column, other: _Column) -> float:
    known = one.is_known & other.is_known
    a, b = one.values[known], other.values[known]
    if len(a) < 2 or (a == a[0]).all() or (b == b[0]).all():
        return 0.0
    if one.is_numeric and other.is_numeric:
        return abs(float(np.corrcoef(rankdata(a), rankdata(b))[0, 1]))
    if not one.is_numeric and not other.is_numeric:
        return _cramers_v(a, b)
    numbers, codes = (a, b) if one.is_numeric else (b, a)
    return _correlation_ratio(rankdata(numbers), codes)


def _cramers_v(a: Floats, b: Floats) -> float:
    """Return Cramér's V, less what independent columns would have; clipped at 0."""
    n = len(a)
    (of_a, sizes_a), (of_b, sizes_b) = (
        np.unique(codes, return_inverse=True, return_counts=True)[1:] for codes in (a, b)
    )
    cells, counts = np.unique(of_a * len(sizes_b) + of_b, return_counts=True)  # but empty ones
    row, column = np.divmod(cells, len(sizes_b))
    phi_squared = float((counts**2 / (sizes_a[row] * sizes_b[column])).sum()) - 1
    free_a, free_b = len(sizes_a) - 1, len(sizes_b) - 1
    # the number of categories less one, corrected
    most = min(free * (n - 1 - free) / (n - 1) for free in (free_a, free_b))
    if not most:
        return 0.0
    return float(np.sqrt(max(0.0, phi_squared - free_a * free_b / (n - 1)) / most))


def _correlation_ratio(ranks: Floats, codes: Floats) -> float:
    """Return the root of epsilon squared, clipped at 0."""
    _, group = np.unique(codes, return_inverse=True)
    sizes = np.bincount(group)
    means = np.bincount(group, weights=ranks) / sizes
    n, n_groups = len(ranks), len(sizes)
    if n == n_groups:
        return 0.0
    within = float(((ranks - means[group]) ** 2).sum()) / (n - n_groups)
    total = float(((ranks - ranks.mean()) ** 2).sum()) / (n - 1)
    return float(np.sqrt(max(0.0, 1 - within / total)))
