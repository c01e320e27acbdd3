"""The bootstrap (Efron and Tibshirani, 1993): customers drawn with replacement, as weights."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

_CELLS_A_CHUNK = 4_000_000  # bounds the memory of the weight matrix to some 100 MB


@dataclass(frozen=True)
class Interval:
    """A figure with its interval."""

    value: float
    low: float
    high: float

    def rounded(self) -> dict[str, float]:
        """Return ``value``, ``low`` and ``high``, rounded to six decimals, for a JSON file."""
        return {key: round(value, 6) + 0.0 for key, value in asdict(self).items()}  # no -0.0


@dataclass(frozen=True)
class Bootstrap:
    """Replicates of the customers, and the intervals made of them.

    Equal ones draw the same replicates, so that figures may be compared pair by pair.

    Attributes
    ----------
    replicates : int
        How many samples of customers to draw with replacement.
    confidence : float
        Level of the intervals, such as 0.95.
    seed : int
    customer_numbers : ndarray of int, (n,), optional
        Whose row it is, 0 … n_customers - 1: all rows of a customer are drawn together (the cluster
        bootstrap), since they are not independent. By default each row is another customer.
    """

    replicates: int
    confidence: float
    seed: int
    customer_numbers: NDArray[np.int64] | None = None

    @classmethod
    def of(
        cls, evaluation: Mapping[str, Any], customer_numbers: NDArray[np.int64] | None = None
    ) -> Self:
        """Take the section ``evaluation`` of the parameters."""
        return cls(
            evaluation["replicates"], evaluation["confidence"], evaluation["seed"], customer_numbers
        )

    @property
    def tail(self) -> float:
        """What is left out of an interval at either end."""
        return (1 - self.confidence) / 2

    def samples(self, n: int) -> Iterator[NDArray[np.int64]]:
        """Draw the replicates of ``n`` rows, some at a time.

        Yields
        ------
        ndarray of int, (n_some, n)
            One line a replicate: how often it has each row.
        """
        generator = np.random.default_rng(self.seed)
        rows = max(1, _CELLS_A_CHUNK // n)
        numbers, total = self.customer_numbers, self.replicates
        n_customers = n if numbers is None else int(numbers.max()) + 1
        with tqdm(total=total, desc="bootstrap", unit="sample", disable=None, leave=False) as bar:
            for start in range(0, total, rows):
                size = min(rows, total - start)
                draws = generator.integers(0, n_customers, size=(size, n_customers))
                weights = np.stack([np.bincount(draw, minlength=n_customers) for draw in draws])
                yield weights if numbers is None else weights[:, numbers]
                bar.update(size)

    def percentile_interval(self, value: float, draws: NDArray[np.float64]) -> Interval:
        """Make the percentile interval of a figure.

        Parameters
        ----------
        value : float
            The figure on the customers themselves.
        draws : ndarray of float, (n_replicates,)
            The figure on the replicates; NaN where it is not defined, which does not count.
        """
        low, high = np.nanquantile(draws, [self.tail, 1 - self.tail])
        return Interval(value, float(low), float(high))

    def pivotal_interval(self, value: float, draws: NDArray[np.float64]) -> Interval:
        """Make the pivotal interval of a figure (Davison and Hinkley, 1997, section 5.2).

        A figure that is a maximum is too high by chance on the customers, and its replicates are
        too high once more. The pivotal interval takes off what the replicates exceed the figure by,
        where :meth:`percentile_interval` adds it.
        """
        around = self.percentile_interval(value, draws)
        return Interval(value, 2 * value - around.high, 2 * value - around.low)
