"""The curves behind the figures: points of ROC, precision-recall, calibration and gains."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from churn_pipeline.evaluation.calibration import calibration_bin

_MAX_POINTS = 1000


def roc_curve(churned: ArrayLike, churn_probability: ArrayLike) -> pd.DataFrame:
    """Points of the ROC curve: ``false_positive_rate``, ``true_positive_rate``, ``threshold``."""
    from sklearn import metrics  # two seconds, which those who only decide need not wait

    false_positives, true_positives, thresholds = metrics.roc_curve(churned, churn_probability)
    return thinned(
        {
            "false_positive_rate": false_positives,
            "true_positive_rate": true_positives,
            "threshold": np.minimum(thresholds, 1.0),
        }
    )


def precision_recall_curve(churned: ArrayLike, churn_probability: ArrayLike) -> pd.DataFrame:
    """Points of the precision-recall curve: ``recall``, ``precision``, ``threshold``."""
    from sklearn import metrics

    precision, recall, thresholds = metrics.precision_recall_curve(churned, churn_probability)
    return thinned(
        {"recall": recall, "precision": precision, "threshold": np.append(thresholds, 1.0)}
    )


def calibration_curve(
    churned: ArrayLike, churn_probability: ArrayLike, n_bins: int
) -> pd.DataFrame:
    """Reliability of the probabilities in equal-width bins; empty bins are left out.

    Returns
    -------
    DataFrame
        ``mean_churn_probability``, ``churn_rate``, ``customers``.
    """
    p = np.asarray(churn_probability, dtype=float)
    points = pd.DataFrame({"bin": calibration_bin(p, n_bins), "p": p, "churned": churned})
    return (
        points.groupby("bin")
        .agg(
            mean_churn_probability=("p", "mean"),
            churn_rate=("churned", "mean"),
            customers=("p", "size"),
        )
        .reset_index(drop=True)
    )


def gains_curve(churned: ArrayLike, churn_probability: ArrayLike) -> pd.DataFrame:
    """Share of the churners found by contacting the customers of highest probability first.

    Returns
    -------
    DataFrame
        ``contacted_share``, ``recall``, ``lift`` (recall over contacted share).
    """
    y = np.asarray(churned, dtype=float)
    p = np.asarray(churn_probability, dtype=float)
    order = np.argsort(-p, kind="stable")
    ends = np.flatnonzero(np.r_[np.diff(p[order]) != 0, True])  # equal scores come as one step
    contacted = (ends + 1) / len(y)
    recall = y[order].cumsum()[ends] / y.sum()
    return thinned({"contacted_share": contacted, "recall": recall, "lift": recall / contacted})


def confusion(churned: ArrayLike, contacted: ArrayLike) -> pd.DataFrame:
    """One line a customer: ``actual`` and ``predicted``, each ``churned`` or ``stayed``.

    Whoever is contacted counts as predicted to churn.
    """
    names = np.array(["stayed", "churned"])
    return pd.DataFrame(
        {
            "actual": names[np.asarray(churned, dtype=int)],
            "predicted": names[np.asarray(contacted, dtype=int)],
        }
    )


def thinned(columns: dict[str, np.ndarray]) -> pd.DataFrame:
    """Make a table of at most 1000 evenly spread points of a curve, both ends among them."""
    frame = pd.DataFrame(columns)
    if len(frame) > _MAX_POINTS:
        frame = frame.iloc[np.linspace(0, len(frame) - 1, _MAX_POINTS).round().astype(int)]
    return frame.reset_index(drop=True)
