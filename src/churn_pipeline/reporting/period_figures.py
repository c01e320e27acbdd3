"""The figure of the metrics of every period."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from churn_pipeline.reporting.drawing import ACCENT, DPI, SOFT, style

_PANELS = {
    "churn_rate": "Churn rate",
    "roc_auc": "ROC-AUC",
    "log_loss": "Log loss",
    "lift_at_top": "Lift in the top",
}
_SIDES = {"training": (SOFT, "training, out of fold"), "test": (ACCENT, "test")}
_MOST_LABELS = 8


def by_period(table: pd.DataFrame) -> Figure:
    """Draw four metrics against time, with intervals, each side in its own colour.

    Where both sides share one period, they are drawn side by side instead.

    Parameters
    ----------
    table : DataFrame
        See :func:`churn_pipeline.evaluation.period_metrics.measure_periods`.
    """
    periods = sorted(set(table["period"]))
    sides = [side for side in _SIDES if side in set(table["side"])]
    single = len(periods) == 1
    places = {side: place for place, side in enumerate(sides)}
    ticks = [_SIDES[side][1] for side in sides] if single else periods
    figure = Figure(figsize=(6.6, 3.4 if single else 5), dpi=DPI, layout="constrained")
    grid = figure.subplots(*((1, 4) if single else (2, 2)), sharex=True)
    for axes, (metric, title) in zip(grid.flat, _PANELS.items(), strict=True):
        for side in sides:
            color, label = _SIDES[side]
            rows = table[table["side"] == side]
            at = [places[side] if single else periods.index(period) for period in rows["period"]]
            _draw(axes, rows, metric, at, color, label)
        _name(axes, title, ticks)
        if single:
            axes.set_xlim(-0.6, len(sides) - 0.4)
    if not single:
        grid.flat[0].legend(loc="best", frameon=False, fontsize=8)
    return figure


def _draw(
    axes: Axes, rows: pd.DataFrame, metric: str, places: list[int], color: str, label: str
) -> None:
    value, low, high = (rows[f"{metric}{end}"].to_numpy() for end in ("", "_low", "_high"))
    around = np.clip([value - low, high - value], 0, None)  # a replicate may lie on one side only
    axes.errorbar(places, value, yerr=around, fmt="o", color=color, markersize=4, label=label)
    if metric == "churn_rate":
        probability = rows["mean_churn_probability"]
        marker = "_" if len(places) == 1 else ""
        axes.plot(places, probability, color=color, linewidth=1, marker=marker, markersize=14)


def _name(axes: Axes, title: str, ticks: list[str]) -> None:
    style(axes, title, size=9)
    shown = range(0, len(ticks), -(-len(ticks) // _MOST_LABELS))
    axes.set_xticks(list(shown), [ticks[i] for i in shown], rotation=30, ha="right", fontsize=8)
    axes.tick_params(axis="y", labelsize=8)
