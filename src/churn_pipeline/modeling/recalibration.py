"""Calibrators: maps from a model's log-odds to better ones, used only where they help."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from churn_pipeline.statistics.comparison import paired_test
from churn_pipeline.statistics.losses import log_losses_of_odds

Floats = NDArray[np.float64]


class Calibrator(Protocol):
    """A non-decreasing map of log-odds."""

    @property
    def method(self) -> str:
        """Its key in :data:`METHODS`."""

    def __call__(self, log_odds: Floats) -> Floats:
        """Return the calibrated log-odds."""


@dataclass(frozen=True)
class SigmoidCalibrator:
    """``slope * log_odds + intercept`` (Platt, 1999)."""

    slope: float
    intercept: float
    method: str = "sigmoid"

    def __call__(self, log_odds: Floats) -> Floats:
        """Return the calibrated log-odds."""
        return self.slope * log_odds + self.intercept


@dataclass(frozen=True)
class IsotonicCalibrator:
    """Piecewise linear through the steps of an isotonic regression (Zadrozny and Elkan, 2002).

    Attributes
    ----------
    points, values : tuple of float
        Log-odds before and after, both increasing; constant outside.
    """

    points: tuple[float, ...]
    values: tuple[float, ...]
    method: str = "isotonic"

    def __call__(self, log_odds: Floats) -> Floats:
        """Return the calibrated log-odds."""
        return np.interp(log_odds, self.points, self.values)


def fit_sigmoid(log_odds: Floats, churned: NDArray[np.int8]) -> Calibrator:
    """Fit a sigmoid calibrator by maximum likelihood, its slope at least 0.

    Out-of-fold log-odds that know nothing of the target go slightly against it; a falling slope
    would turn the model's ranking round by that noise.
    """
    model = LogisticRegression(C=np.inf).fit(log_odds[:, None], churned)
    slope, intercept = float(model.coef_[0, 0]), float(model.intercept_[0])
    if slope < 0:
        return SigmoidCalibrator(0.0, float(logit(churned.mean())))
    return SigmoidCalibrator(slope, intercept)


def fit_isotonic(log_odds: Floats, churned: NDArray[np.int8]) -> Calibrator:
    """Fit an isotonic calibrator.

    A step of an isotonic regression may have a churn rate of exactly 0 or 1, which no finite number
    of customers proves: each step is mixed with one customer of the overall churn rate.
    """
    steps = pd.DataFrame(
        {
            "level": IsotonicRegression().fit_transform(log_odds, churned),
            "log_odds": log_odds,
            "churned": churned,
        }
    )
    blocks = steps.groupby("level").agg(
        log_odds=("log_odds", "mean"), churners=("churned", "sum"), customers=("churned", "size")
    )
    rate = (blocks["churners"] + churned.mean()) / (blocks["customers"] + 1)
    values = np.maximum.accumulate(logit(rate.to_numpy(dtype=np.float64)))
    return IsotonicCalibrator(tuple(map(float, blocks["log_odds"])), tuple(map(float, values)))


METHODS = {"sigmoid": fit_sigmoid, "isotonic": fit_isotonic}


def choose_calibrator(
    log_odds: Sequence[Floats],
    churned: NDArray[np.int8],
    folds: Sequence[Sequence[NDArray[np.int64]]],
    methods: Sequence[str],
    confidence: float,
    customer_numbers: NDArray[np.int64] | None = None,
) -> tuple[Calibrator | None, dict[str, Any]]:
    """Fit the calibrator that improves the log loss most, if one does so beyond noise.

    Each method is cross-validated on out-of-fold log-odds: fitted on all folds but one, measured on
    that one. The improvement is tested customer by customer, one-sided, by
    :func:`churn_pipeline.statistics.comparison.paired_test`.

    Parameters
    ----------
    log_odds : sequence, n_repeats, of ndarray of float, (n,)
        Out-of-fold log-odds of the champion, one array a repeat of the cross-validation.
    churned : ndarray of 0 and 1, (n,)
    folds : sequence, n_repeats, of sequences of ndarray of int
        The customers of each fold of each repeat.
    methods : sequence of str
        Keys of :data:`METHODS`.
    confidence : float
        One minus the level of the test.
    customer_numbers : ndarray of int, (n,), optional
        Whose row it is; by default each row is another customer.

    Returns
    -------
    calibrator : Calibrator or None
    facts : dict
        ``method`` (``none`` or the chosen one) and, for every method, ``log_loss_before``,
        ``log_loss_after`` and ``p_value``.
    """
    trials: dict[str, dict[str, float]] = {}
    for method in methods:
        before, after = _cross_validate(METHODS[method], log_odds, churned, folds)
        test = paired_test(before - after, customer_numbers, alternative="greater")
        trials[method] = {
            "log_loss_before": round(float(before.mean()), 6),
            "log_loss_after": round(float(after.mean()), 6),
            "p_value": round(test.p_value, 6),
        }
    helpful = [m for m, trial in trials.items() if trial["p_value"] < 1 - confidence]
    best = min(helpful, key=lambda method: trials[method]["log_loss_after"], default=None)
    facts: dict[str, Any] = {"method": best or "none", "tried": trials}
    if best is None:
        return None, facts
    return METHODS[best](np.concatenate(log_odds), np.tile(churned, len(log_odds))), facts


def _cross_validate(
    fit: Any,
    log_odds: Sequence[Floats],
    churned: NDArray[np.int8],
    folds: Sequence[Sequence[NDArray[np.int64]]],
) -> tuple[Floats, Floats]:
    """Return the log loss of every row without and with the calibrator, means over the repeats."""
    before, after = np.zeros(len(churned)), np.zeros(len(churned))
    for row, parts in zip(log_odds, folds, strict=True):
        before += log_losses_of_odds(churned, row) / len(log_odds)
        for part in parts:
            rest = np.setdiff1d(np.arange(len(churned)), part)
            calibrator = fit(row[rest], churned[rest])
            after[part] += log_losses_of_odds(churned[part], calibrator(row[part])) / len(log_odds)
    return before, after


def describe(calibrator: Calibrator | None) -> Mapping[str, Any]:
    """Return the calibrator's parameters, rounded, for ``selection.json``."""
    if isinstance(calibrator, SigmoidCalibrator):
        return {
            "slope": round(calibrator.slope, 6),
            "intercept": round(calibrator.intercept, 6),
        }
    return {}
