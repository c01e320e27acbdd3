"""The part of a large training set that searches and comparisons look at."""

import numpy as np
from numpy.typing import NDArray

_FEWEST = 500  # customers with the rarer outcome that a sample should have
_LARGEST = 4  # times as many as asked for, however few of these there are ...
_FEWEST_OF_ALL = 50  # ... as long as there are this many


def first_customers(churned: NDArray[np.int8], most: int | None) -> slice:
    """Return the rows to look at: the first ``most``, and more where churners are rare.

    The training set is ordered by a hash of the customer, so that its first rows are a random
    sample, which only grows with ``most``.

    Parameters
    ----------
    churned : ndarray of 0 and 1, (n,)
    most : int or None
        None takes all.

    Returns
    -------
    slice
        From 0 to at least ``most``: until there are 500 customers of the rarer kind, or 50 of them
        and four times ``most`` in all, which bounds time and memory where churn is very rare.

    Examples
    --------
    >>> first_customers(np.array([0, 1, 0, 1], dtype=np.int8), 2)
    slice(0, 4, None)
    """
    if most is None or most >= len(churned):
        return slice(0, len(churned))
    rarer = 1 if churned.mean() < 0.5 else 0
    places = np.flatnonzero(churned == rarer)

    def reach(fewest: int) -> int:
        return int(places[fewest - 1]) + 1 if len(places) >= fewest else len(churned)

    return slice(0, max(most, min(reach(_FEWEST), max(_LARGEST * most, reach(_FEWEST_OF_ALL)))))
