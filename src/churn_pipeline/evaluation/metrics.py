"""Metrics of a probabilistic classifier, computed for many weightings of the customers at once.

A bootstrap replicate is a vector of integer weights (how often each customer was drawn), so the
metrics of all replicates are a few array operations over a (replicates, customers) matrix.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from churn_pipeline.evaluation.calibration import (
    calibration_bin,
    calibration_error_interval,
    calibration_line,
)
from churn_pipeline.statistics.bootstrap import Bootstrap, Interval
from churn_pipeline.statistics.shares import share_interval

Floats = NDArray[np.float64]

_EPSILON = 1e-15


@dataclass(frozen=True)
class MetricSettings:
    """What the metrics depend on besides the predictions.

    Attributes
    ----------
    top_share : float
        Share of customers in the top (recall and lift in the top).
    calibration_bins : int
        Equal-width bins of the expected calibration error.
    """

    top_share: float
    calibration_bins: int


def compute_metrics(
    churned: ArrayLike,
    churn_probability: ArrayLike,
    contacted: ArrayLike | None,
    settings: MetricSettings,
    weights: ArrayLike | None = None,
) -> dict[str, Floats]:
    """Compute all metrics for one or more weightings.

    Parameters
    ----------
    churned : array-like of 0 and 1, (n,)
    churn_probability : array-like of float, (n,)
    contacted : array-like of bool, (n,), or None
        The decision about each customer; None leaves out the metrics of the decision.
    settings : MetricSettings
    weights : array-like, (m, n), optional
        Non-negative weights, one row a weighting; by default one row of ones.

    Returns
    -------
    dict of str to ndarray, (m,)
        By the keys of :data:`churn_pipeline.evaluation.metric_definitions.METRICS`, without
        calibration slope and intercept. The expected calibration error is that of Naeini et al.
        (2015): mean absolute difference between mean prediction and churn rate over equal-width
        bins. Ties in the ranking count as broken at random. NaN where a metric is not defined
        (only one class has weight).
    """
    y = np.asarray(churned, dtype=np.float64)
    p = np.asarray(churn_probability, dtype=np.float64)
    order = np.argsort(-p, kind="stable")
    y, p = y[order], p[order]
    w = np.ones((1, len(p))) if weights is None else np.asarray(weights, dtype=np.float64)[:, order]
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            **_ranking_metrics(y, p, w, settings.top_share),
            **_probability_metrics(y, p, w, settings.calibration_bins),
            **({} if contacted is None else _decision_metrics(y, np.asarray(contacted)[order], w)),
        }


def _ranking_metrics(y: Floats, p: Floats, w: Floats, top_share: float) -> dict[str, Floats]:
    # customers of equal probability form one step of the ranking
    starts = np.flatnonzero(np.r_[True, np.diff(p) != 0])
    positives = np.add.reduceat(w * y, starts, axis=1)
    negatives = np.add.reduceat(w * (1 - y), starts, axis=1)
    true_positives, contacted = positives.cumsum(axis=1), (positives + negatives).cumsum(axis=1)
    n_positive, n_all = true_positives[:, -1], contacted[:, -1]
    pairs_won = (negatives * (true_positives - positives / 2)).sum(axis=1)
    steps = positives / n_positive[:, None]
    precision = np.where(contacted > 0, true_positives / contacted, 0.0)
    top = np.array(
        [
            np.interp(top_share * total, np.r_[0.0, reached], np.r_[0.0, found])
            for total, reached, found in zip(n_all, contacted, true_positives, strict=True)
        ]
    )
    recall_at_top = top / n_positive
    one_class = n_positive == 0
    average_precision = np.where(one_class, np.nan, (steps * precision).sum(axis=1))
    return {
        "roc_auc": pairs_won / (n_positive * (n_all - n_positive)),
        "average_precision": average_precision,
        "recall_at_top": recall_at_top,
        "lift_at_top": recall_at_top / top_share,
    }


def _probability_metrics(y: Floats, p: Floats, w: Floats, n_bins: int) -> dict[str, Floats]:
    total = w.sum(axis=1)
    clipped = np.clip(p, _EPSILON, 1 - _EPSILON)
    loss = -(y * np.log(clipped) + (1 - y) * np.log1p(-clipped))
    in_bin = calibration_bin(p, n_bins)
    gap = np.zeros(len(w))
    for index in np.unique(in_bin):
        members = in_bin == index
        gap += np.abs((w[:, members] * (p - y)[members]).sum(axis=1))
    return {
        "log_loss": (w * loss).sum(axis=1) / total,
        "brier_score": (w * (p - y) ** 2).sum(axis=1) / total,
        "expected_calibration_error": gap / total,
    }


def _decision_metrics(y: Floats, is_contacted: NDArray[np.bool_], w: Floats) -> dict[str, Floats]:
    is_contacted = is_contacted.astype(np.bool_)
    contacted = w[:, is_contacted].sum(axis=1)
    found = (w * y)[:, is_contacted].sum(axis=1)
    positive = (w * y).sum(axis=1)
    total = w.sum(axis=1)
    true_negatives = total - positive - (contacted - found)
    return {
        "accuracy": (found + true_negatives) / total,
        "precision": np.where(contacted > 0, found / contacted, 0.0),
        "recall": found / positive,
        "f1": 2 * found / (contacted + positive),
    }


def bootstrap_metrics(
    churned: ArrayLike,
    churn_probability: ArrayLike,
    contacted: ArrayLike | None,
    settings: MetricSettings,
    bootstrap: Bootstrap,
) -> dict[str, Interval]:
    """Compute all metrics with bootstrap percentile intervals (Efron and Tibshirani, 1993).

    Where the bootstrap fails, other intervals take its place: with few churners it makes that of
    the ROC-AUC too short, see :func:`churn_pipeline.statistics.delong.auc_interval`; noise alone
    moves the expected calibration error up, see
    :func:`churn_pipeline.evaluation.calibration.calibration_error_interval`.

    Parameters
    ----------
    churned, churn_probability, contacted, settings
        See :func:`compute_metrics`.
    bootstrap : Bootstrap

    Returns
    -------
    dict of str to Interval
        Replicates in which a metric is not defined do not count for its interval.
    """
    from churn_pipeline.statistics.delong import auc_interval  # loads scipy

    values = compute_metrics(churned, churn_probability, contacted, settings)
    chunks = [
        compute_metrics(churned, churn_probability, contacted, settings, weights)
        for weights in bootstrap.samples(len(np.asarray(churned)))
    ]
    intervals = {
        name: bootstrap.percentile_interval(
            float(value[0]), np.concatenate([chunk[name] for chunk in chunks])
        )
        for name, value in values.items()
    }
    error = intervals["expected_calibration_error"].value
    lowest, highest = calibration_error_interval(
        churned,
        churn_probability,
        settings.calibration_bins,
        bootstrap,
    )
    return {
        **intervals,
        "roc_auc": auc_interval(
            churned, churn_probability, bootstrap.confidence, bootstrap.customer_numbers
        ),
        "expected_calibration_error": Interval(error, min(lowest, error), max(highest, error)),
        **calibration_line(
            churned, churn_probability, bootstrap.confidence, bootstrap.customer_numbers
        ),
    }


def bootstrap_decisions(
    churned: ArrayLike,
    contacted: ArrayLike,
    bootstrap: Bootstrap,
) -> dict[str, Interval]:
    """Compute the metrics of the decision alone, over the replicates of :func:`bootstrap_metrics`.

    Returns
    -------
    dict of str to Interval
        As of :func:`bootstrap_metrics`; shares have score intervals, which the bootstrap makes too
        short where few customers are counted.
    """
    y, decided = np.asarray(churned, dtype=np.float64), np.asarray(contacted, dtype=np.bool_)
    with np.errstate(invalid="ignore", divide="ignore"):
        values = _decision_metrics(y, decided, np.ones((1, len(y))))
        chunks = [
            _decision_metrics(y, decided, np.asarray(weights, dtype=np.float64))
            for weights in bootstrap.samples(len(y))
        ]
    is_churner, numbers = y > 0, bootstrap.customer_numbers
    counted = {  # which rows count, among which
        "accuracy": (decided == is_churner, np.ones_like(decided)),
        "precision": (is_churner, decided),
        "recall": (decided, is_churner),
    }
    return {
        "f1": bootstrap.percentile_interval(
            float(values["f1"][0]), np.concatenate([chunk["f1"] for chunk in chunks])
        ),
        **{
            name: share_interval(
                hits[among], bootstrap.confidence, None if numbers is None else numbers[among]
            )
            for name, (hits, among) in counted.items()
        },
    }
