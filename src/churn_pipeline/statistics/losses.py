"""The log loss of each row."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def log_losses(churned: ArrayLike, churn_probability: ArrayLike) -> Floats:
    """Return the log loss of each row, for probabilities within 0 and 1.

    Parameters
    ----------
    churned : array-like of 0 and 1, (n,)
    churn_probability : array-like of float, (n,)
    """
    p = np.asarray(churn_probability, dtype=np.float64)
    return -np.log(np.where(np.asarray(churned) == 1, p, 1 - p))


def log_losses_of_odds(churned: ArrayLike, log_odds: ArrayLike) -> Floats:
    """Return the log loss of each row, however large its log-odds are.

    Parameters
    ----------
    churned : array-like of 0 and 1, that broadcasts with ``log_odds``
    log_odds : array-like of float
    """
    z = np.asarray(log_odds, dtype=np.float64)
    return np.logaddexp(0, z) - np.asarray(churned) * z
