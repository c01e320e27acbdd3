"""Calibration: do the churn probabilities mean what they say?"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from churn_pipeline.statistics.bootstrap import Bootstrap

_SCALES = np.linspace(0, 2, 81)


def calibration_bin(churn_probability: NDArray[np.float64], n_bins: int) -> NDArray[np.int64]:
    """Return the equal-width bin of each probability: 0 … n_bins - 1."""
    return np.minimum((churn_probability * n_bins).astype(np.int64), n_bins - 1)


def calibration_error_interval(
    churned: ArrayLike,
    churn_probability: ArrayLike,
    n_bins: int,
    bootstrap: Bootstrap,
) -> tuple[float, float]:
    """Compute an interval for the expected calibration error by inverting a test.

    The error is a sum of absolute values: noise alone makes it positive, and a bootstrap adds its
    own noise to that of the sample, so that its intervals lie too high and never reach 0. Instead,
    churn rates of the bins are assumed that lie between perfect calibration and (twice) the
    observed departure from it; data are drawn from them, and an assumed error is kept if the
    observed one would not surprise among the drawn. At perfect calibration this is consistency
    resampling (Bröcker and Smith, 2007).

    Parameters
    ----------
    churned : array-like of 0 and 1, (n,)
    churn_probability : array-like of float, (n,)
    n_bins : int
        Equal-width bins.
    bootstrap : Bootstrap
        ``replicates`` data sets are drawn for each assumed error. With ``customer_numbers`` the
        noise of the drawn churn rates is that of resampled customers, not binomial.

    Returns
    -------
    low, high : float
        Ends of the interval; it holds the observed error, and 0 where the probabilities may well
        be perfectly calibrated.
    """
    p = np.asarray(churn_probability, dtype=np.float64)
    in_bin = calibration_bin(p, n_bins)
    counts = np.bincount(in_bin, minlength=n_bins)
    filled = counts > 0
    counts, share = counts[filled], counts[filled] / len(p)
    mean = np.bincount(in_bin, weights=p, minlength=n_bins)[filled] / counts
    y = np.asarray(churned, dtype=np.float64)
    found = np.bincount(in_bin, weights=y, minlength=n_bins)
    rates = found[filled] / counts
    gap = rates - mean
    observed = float(share @ np.abs(gap))

    generator = np.random.default_rng(bootstrap.seed)
    kept = [observed]
    noise = None
    if bootstrap.customer_numbers is not None:
        which = np.cumsum(filled)[in_bin] - 1  # bin of each row, empty ones left out
        members = np.eye(len(rates))[which] * ((y - rates[which]) / counts[which])[:, None]
        noise = np.concatenate([weights @ members for weights in bootstrap.samples(len(p))])
    for scale in _SCALES:
        rate = np.clip(mean + scale * gap, 0, 1)
        if noise is None:
            size = (bootstrap.replicates, len(counts))
            drawn = generator.binomial(counts, rate, size=size) / counts
        else:
            drawn = rate + noise
        low, high = np.quantile(np.abs(drawn - mean) @ share, [bootstrap.tail, 1 - bootstrap.tail])
        if low <= observed <= high:
            kept.append(float(share @ np.abs(rate - mean)))
    return min(kept), max(kept)
