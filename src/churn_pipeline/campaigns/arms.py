"""Who is contacted and who is held out, by lot that anyone can repeat."""

import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def held_out(campaign: str, customers: Iterable[str], share: float) -> NDArray[np.bool_]:
    """Say whom a campaign holds out: customers whose hash lies below the share.

    The same campaign and customer always give the same arm, whoever else is in the campaign; the
    arms of two campaigns are independent.

    Parameters
    ----------
    campaign : str
        Its name, the key of the hash.
    customers : iterable of str
        Ids.
    share : float
        From 0 to 1.

    Returns
    -------
    ndarray of bool, (n,)
    """
    key = hashlib.blake2b(campaign.encode(), digest_size=32).digest()
    limit = int(share * 2**64)
    return np.array(
        [
            int.from_bytes(hashlib.blake2b(c.encode(), digest_size=8, key=key).digest()) < limit
            for c in customers
        ],
        dtype=bool,
    )
