"""Metrics period by period: does the model hold as time goes on?"""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_pipeline.evaluation.metrics import MetricSettings, compute_metrics
from churn_pipeline.statistics.bootstrap import Bootstrap

Floats = NDArray[np.float64]

METRICS = (
    "churn_rate", "mean_churn_probability", "calibration_gap", "roc_auc", "average_precision",
    "log_loss", "lift_at_top",
)  # fmt: skip
_FROM_ALL = ("roc_auc", "average_precision", "log_loss", "lift_at_top")
_CELLS_A_PERIOD = 500_000  # bounds the time that a long history takes
_FEWEST_REPLICATES = 200


def measure_periods(
    predictions: pd.DataFrame,
    settings: MetricSettings,
    bootstrap: Bootstrap,
) -> pd.DataFrame:
    """Measure every period of either side, with bootstrap percentile intervals.

    Parameters
    ----------
    predictions : DataFrame, (n, …)
        ``side``, ``period``, ``churned``, ``churn_probability``, and ``customer_number`` where
        customers have several rows: these are drawn together.
    settings : MetricSettings
    bootstrap : Bootstrap
        A period of many rows has fewer replicates, at least 200.

    Returns
    -------
    DataFrame
        One line a side and period, training first: ``side``, ``period``, ``rows``, ``churners``
        and, each with ``<metric>_low`` and ``<metric>_high``, ``churn_rate``,
        ``mean_churn_probability``, ``calibration_gap`` (mean churn probability minus churn rate)
        and ``roc_auc``, ``average_precision``, ``log_loss`` and ``lift_at_top`` of
        :func:`churn_pipeline.evaluation.metrics.compute_metrics`. NaN where a metric is not
        defined.
    """
    lines = []
    for (side, period), rows in predictions.groupby(["side", "period"], observed=True):
        y = rows["churned"].to_numpy(dtype=np.float64)
        line: dict[str, Any] = {
            "side": side,
            "period": period,
            "rows": len(rows),
            "churners": int(y.sum()),
        }
        limit = max(_FEWEST_REPLICATES, _CELLS_A_PERIOD // len(rows))
        line |= _measure(
            rows, settings, replace(bootstrap, replicates=min(bootstrap.replicates, limit))
        )
        lines.append(line)
    table = pd.DataFrame(lines)
    order = np.lexsort((table["period"], table["side"] != "training"))
    return table.iloc[order].reset_index(drop=True)


def _measure(
    rows: pd.DataFrame, settings: MetricSettings, bootstrap: Bootstrap
) -> dict[str, float]:
    y = rows["churned"].to_numpy(dtype=np.float64)
    p = rows["churn_probability"].to_numpy(dtype=np.float64)
    if "customer_number" in rows:
        numbers = np.unique(rows["customer_number"], return_inverse=True)[1]
        bootstrap = replace(bootstrap, customer_numbers=numbers)
    values = _figures(y, p, settings, np.ones((1, len(y))))
    chunks = [_figures(y, p, settings, weights) for weights in bootstrap.samples(len(y))]
    found: dict[str, float] = {}
    for name in METRICS:
        value = float(values[name][0])
        draws = np.concatenate([chunk[name] for chunk in chunks])
        if np.isnan(value) or np.isnan(draws).all():
            low = high = np.nan
        else:
            interval = bootstrap.percentile_interval(value, draws)
            low, high = interval.low, interval.high
        found |= {name: value, f"{name}_low": low, f"{name}_high": high}
    return found


def _figures(
    y: Floats, p: Floats, settings: MetricSettings, weights: NDArray[Any]
) -> dict[str, Floats]:
    of_all = compute_metrics(y, p, np.zeros(len(y), dtype=np.bool_), settings, weights)
    total = weights.sum(axis=1)
    rate, mean = weights @ y / total, weights @ p / total
    return {
        "churn_rate": rate,
        "mean_churn_probability": mean,
        "calibration_gap": mean - rate,
        **{name: of_all[name] for name in _FROM_ALL},
    }
