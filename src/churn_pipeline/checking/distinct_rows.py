"""The few different rows among many."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def distinct_rows(
    keys: Sequence[NDArray[Any]],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find the different combinations of some keys.

    Parameters
    ----------
    keys : sequence of ndarray of int or bool, (n,)
        At least one; -1 where missing.

    Returns
    -------
    first : ndarray of int, (n_distinct,)
        The first row of each combination.
    codes : ndarray of int, (n,)
        Which combination each row has.

    Examples
    --------
    >>> first, codes = distinct_rows([np.array([1, 1, -1, 1]), np.array([True, False, True, True])])
    >>> first.tolist(), codes.tolist()
    ([0, 1, 2], [0, 1, 2, 0])
    """
    codes = np.zeros(len(keys[0]), dtype=np.int64)
    for key in keys:
        number = key.astype(np.int64) + 1
        codes = pd.factorize(codes * (int(number.max(initial=0)) + 1) + number)[0]
    first = np.full(int(codes.max(initial=-1)) + 1, -1, dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes))[::-1]  # of several, the last that is written stays
    return first, codes.astype(np.int64)
