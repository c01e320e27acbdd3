"""Split customers by a hash of their id, so that nobody ever moves between the sets."""

import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

_RANGE = 2.0**64


def hash_to_unit_interval(ids: Iterable[str], seed: int) -> NDArray[np.float64]:
    """Map ids to reproducible, evenly spread numbers.

    Parameters
    ----------
    ids : iterable of str
    seed : int
        Another seed gives an independent assignment.

    Returns
    -------
    ndarray of float64, (n_ids,)
        In [0, 1): the first 64 bits of BLAKE2b over the id, keyed by the seed.
    """
    key = str(seed).encode()
    digests = (hashlib.blake2b(str(i).encode(), digest_size=8, key=key).digest() for i in ids)
    return np.array([int.from_bytes(digest, "big") for digest in digests], dtype=float) / _RANGE


def customer_keys(ids: Iterable[str], is_generated: bool) -> list[str]:
    """Return what tells customers apart, one a row.

    Parameters
    ----------
    ids : iterable of str
    is_generated : bool
        Whether the ids were made of the rows' cells, where ``-2``, ``-3`` … number equal rows.

    Returns
    -------
    list of str
        The ids; of generated ones what is before the ``-``, so that equal rows are one customer
        and cannot be in both parts of a split.
    """
    names = map(str, ids)
    return [name.partition("-")[0] for name in names] if is_generated else list(names)


def is_test_customer(ids: Iterable[str], test_share: float, seed: int) -> NDArray[np.bool_]:
    """Return which customers belong to the test set.

    The answer depends on the id and the seed alone: adding, removing or reordering customers moves
    nobody, and raising ``test_share`` only adds customers to the test set.

    Parameters
    ----------
    ids : iterable of str
    test_share : float
        Expected share of the test set, between 0 and 1.
    seed : int

    Returns
    -------
    ndarray of bool, (n_ids,)
    """
    return hash_to_unit_interval(ids, seed) < test_share
