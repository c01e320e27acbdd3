"""Rows that equal another in everything but the id."""

import numpy as np
from numpy.typing import NDArray

from churn_pipeline.discovery.keys import Keys
from churn_pipeline.discovery.plan import Cost, Notes, percent

_LEAST_COPIES = 5
_LEAST_SHARE = 0.002
_TIMES_CHANCE = 10.0
_SAMPLE = 5000  # rows from which the chance of equal cells is estimated
_MIX = np.uint64(0x9E3779B97F4A7C15)


class Copies:
    """Counts equal rows, a column at a time, so that no second table is held.

    Parameters
    ----------
    churned : ndarray of float, (n_rows,)
        The target.
    """

    def __init__(self, churned: NDArray[np.float64]) -> None:
        self._hashes = np.zeros(len(churned), dtype=np.uint64)
        self._log_chance = 0.0
        self.add(churned)

    def add(self, values: NDArray[np.float64]) -> None:
        """Look at one more column, (n_rows,)."""
        some = values[:: max(1, len(values) // _SAMPLE)]
        counts = np.unique(some, return_counts=True)[1].astype(np.float64)
        alike = float((counts * (counts - 1)).sum()) / max(len(some) * (len(some) - 1), 1)
        self._log_chance += float(np.log(max(alike, 1 / _SAMPLE**2)))
        bits = (np.where(np.isnan(values), np.nan, values) + 0.0).view(np.uint64)
        with np.errstate(over="ignore"):
            mixed = (bits + self._hashes + np.uint64(1)) * _MIX
            self._hashes = mixed ^ (mixed >> np.uint64(29))

    @property
    def n_rows(self) -> int:
        """Rows that were looked at."""
        return len(self._hashes)

    def count(self) -> int:
        """Return how many rows equal an earlier one."""
        return len(self._hashes) - len(np.unique(self._hashes))

    def by_chance(self) -> float:
        """Return how many pairs of equal rows independent columns would have."""
        return float(np.exp(self._log_chance)) * len(self._hashes) ** 2 / 2


def ask_copies(copies: Copies, keys: Keys, customer: str | None, notes: Notes) -> None:
    """Ask about equal rows under different ids, if there are more than chance has."""
    n_copies, n = copies.count(), copies.n_rows
    if keys.id is None or n_copies < max(_LEAST_COPIES, _LEAST_SHARE * n):
        return
    if n_copies < _TIMES_CHANCE * copies.by_chance():
        return
    beside = f"the {keys.id}" if customer is None else f"{keys.id} and {customer}"
    notes.ask(
        f"{n_copies:,} of {n:,} rows equal another in everything but {beside} "
        f"({percent(n_copies / n)}): are they copies of one customer? Treated as different "
        "customers, they end up in both the training and the test set, and the test figures are "
        "too good.",
        "remove the copies from the file, or `--id COL` of a column that copies share",
        Cost.LEAK if n_copies > 0.02 * n else Cost.SPELLING,
    )
