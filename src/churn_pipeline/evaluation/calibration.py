"""Calibration: do the churn probabilities mean what they say?"""

from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from churn_pipeline.contract.limits import CERTAIN
from churn_pipeline.statistics.bootstrap import Bootstrap, Interval
from churn_pipeline.statistics.clustered_tests import customer_sums
from churn_pipeline.statistics.losses import log_losses_of_odds

_SCALES = np.linspace(0, 2, 81)
_STEPS = 50  # of Newton's method, which takes less than twenty where there is a maximum
_STEEPEST = 50.0  # beyond it, the probabilities separate churners and others perfectly


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


def calibration_line(
    churned: ArrayLike,
    churn_probability: ArrayLike,
    confidence: float,
    customer_numbers: NDArray[np.int64] | None = None,
) -> dict[str, Interval]:
    """Return slope and intercept of the outcomes on the log-odds (Cox, 1958).

    ``calibration_slope`` is that of a logistic regression of the outcomes on the log-odds: below 1
    the probabilities are too extreme. ``calibration_intercept`` is that of one whose slope is 1:
    by how much the churn of all customers is underestimated, in log-odds (Van Calster et al.,
    2019). Neither grows by noise, as the expected calibration error does, and both are judged
    where churn is rare. The intervals are Wald's with the sandwich variance, over customers.

    Parameters
    ----------
    churned : array-like of 0 and 1, (n,)
    churn_probability : array-like of float, (n,)
    confidence : float
    customer_numbers : ndarray of int, (n,), optional
        Whose row it is, 0 … n_customers - 1; by default each row is another customer.

    Returns
    -------
    dict of str to Interval
        Without those that these customers do not determine: no outcome, or no probability,
        differs from the others, or the probabilities separate them perfectly.
    """
    y = np.asarray(churned, dtype=np.float64)
    p = np.clip(np.asarray(churn_probability, np.float64), CERTAIN, 1 - CERTAIN)
    log_odds = np.log(p / (1 - p))
    one = np.ones_like(y)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    found: dict[str, Interval] = {}
    for name, columns, offset in (
        ("calibration_slope", np.column_stack([log_odds, one]), 0.0 * log_odds),
        ("calibration_intercept", one[:, None], log_odds),
    ):
        if (fitted := _logistic(columns, y, offset, customer_numbers)) is not None:
            value, error = fitted
            found[name] = Interval(value, value - z * error, value + z * error)
    return found


def _probability(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-np.clip(log_odds, -700, 700)))  # exp overflows beyond


def _logistic(
    columns: NDArray[np.float64],
    y: NDArray[np.float64],
    offset: NDArray[np.float64],
    customer_numbers: NDArray[np.int64] | None,
) -> tuple[float, float] | None:
    """Return the first coefficient and its standard error; None where there is no maximum."""
    if np.ptp(y) == 0 or np.linalg.matrix_rank(columns) < columns.shape[1]:
        return None
    coefficients = np.zeros(columns.shape[1])
    coefficients[-1] = np.log(y.mean() / (1 - y.mean())) - offset.mean()
    loss = log_losses_of_odds(y, columns @ coefficients + offset).mean()
    for _ in range(_STEPS):
        fitted = _probability(columns @ coefficients + offset)
        information = columns.T @ (columns * (fitted * (1 - fitted))[:, None])
        step = np.linalg.pinv(information) @ (columns.T @ (y - fitted))
        # Newton's step may go too far where the fit is far off: halved, it lowers the loss
        for halvings in range(_STEPS):
            tried = coefficients + step / 2**halvings
            new = log_losses_of_odds(y, columns @ tried + offset).mean()
            if new <= loss + 1e-12:
                break
        coefficients, loss = tried, new
        if abs(coefficients[0]) > _STEEPEST:
            return None
        if np.abs(step).max() < 1e-9:
            break
    else:
        return None
    scores = columns * (y - _probability(columns @ coefficients + offset))[:, None]
    if customer_numbers is not None:
        scores = customer_sums(scores, customer_numbers)
    bread = np.linalg.pinv(information)
    variance = bread @ (scores.T @ scores) @ bread
    return float(coefficients[0]), float(np.sqrt(variance[0, 0]))
