"""The bootstrap (Efron and Tibshirani, 1993): customers drawn with replacement, as weights."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

_CELLS_A_CHUNK = 4_000_000  # bounds the memory of the weight matrix to some 100 MB


@dataclass(frozen=True)
class Interval:
    """A figure with its bootstrap interval."""

    value: float
    low: float
    high: float

    def rounded(self) -> dict[str, float]:
        """Return ``value``, ``low`` and ``high``, rounded to six decimals, for a JSON file."""
        return {key: round(value, 6) + 0.0 for key, value in asdict(self).items()}  # no -0.0


def percentile_interval(value: float, draws: NDArray[np.float64], confidence: float) -> Interval:
    """Make the percentile interval of a figure.

    Parameters
    ----------
    value : float
        The figure on the customers themselves.
    draws : ndarray of float, (n_replicates,)
        The figure on the replicates; NaN where it is not defined, which does not count.
    confidence : float
        Level, such as 0.95.

    Returns
    -------
    Interval
    """
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(draws, [tail, 1 - tail])
    return Interval(value, float(low), float(high))


def pivotal_interval(value: float, draws: NDArray[np.float64], confidence: float) -> Interval:
    """Make the pivotal interval of a figure (Davison and Hinkley, 1997, section 5.2).

    A figure that is a maximum is too high by chance on the customers, and its replicates are too
    high once more. The pivotal interval takes off what the replicates exceed the figure by, where
    the percentile interval adds it. The parameters are those of :func:`percentile_interval`.
    """
    around = percentile_interval(value, draws, confidence)
    return Interval(value, 2 * value - around.high, 2 * value - around.low)


def resamplings(
    n: int, replicates: int, seed: int, customer_numbers: NDArray[np.int64] | None = None
) -> Iterator[NDArray[np.int64]]:
    """Draw bootstrap replicates of the customers of ``n`` rows, some at a time.

    The same arguments give the same replicates, so that figures may be compared pair by pair.

    Parameters
    ----------
    n, replicates, seed : int
    customer_numbers : ndarray of int, (n,), optional
        Whose row it is, 0 … n_customers - 1: all rows of a customer are drawn together (the cluster
        bootstrap), since they are not independent. By default each row is another customer.

    Yields
    ------
    ndarray of int, (n_some, n)
        One line a replicate: how often it has each row.
    """
    generator = np.random.default_rng(seed)
    rows = max(1, _CELLS_A_CHUNK // n)
    n_customers = n if customer_numbers is None else int(customer_numbers.max()) + 1
    with tqdm(total=replicates, desc="bootstrap", unit="sample", disable=None, leave=False) as bar:
        for start in range(0, replicates, rows):
            size = min(rows, replicates - start)
            draws = generator.integers(0, n_customers, size=(size, n_customers))
            weights = np.stack([np.bincount(draw, minlength=n_customers) for draw in draws])
            yield weights if customer_numbers is None else weights[:, customer_numbers]
            bar.update(size)
