"""The figure of the metrics of every period."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from churn_pipeline.reporting.drawing import ACCENT, INK, SOFT

_PANELS = {
    "churn_rate": "Churn rate (line: mean probability)",
    "roc_auc": "ROC-AUC",
    "log_loss": "Log loss",
    "lift_at_top": "Lift in the top",
}
_SIDES = {"training": (SOFT, "training, out of fold"), "test": (ACCENT, "test")}
_MOST_LABELS = 8


def by_period(table: pd.DataFrame) -> Figure:
    """Draw four metrics against time, with intervals, the two sides in colours of their own.

    Parameters
    ----------
    table : DataFrame
        See :func:`churn_pipeline.modeling.period_metrics.measure_periods`.
    """
    periods = sorted(set(table["period"]))
    figure = Figure(figsize=(8.4, 6.2), dpi=120, layout="constrained")
    grid = figure.subplots(2, 2, sharex=True)
    for axes, (metric, title) in zip(grid.flat, _PANELS.items(), strict=True):
        for side, (color, label) in _SIDES.items():
            rows = table[table["side"] == side]
            if len(rows):
                _draw(axes, rows, metric, [periods.index(p) for p in rows["period"]], color, label)
        _name(axes, title, periods)
    grid.flat[0].legend(loc="best", frameon=False, fontsize=8)
    return figure


def _draw(
    axes: Axes, rows: pd.DataFrame, metric: str, places: list[int], color: str, label: str
) -> None:
    value, low, high = (rows[f"{metric}{end}"].to_numpy() for end in ("", "_low", "_high"))
    around = np.clip([value - low, high - value], 0, None)  # a draw may lie on one side only
    axes.errorbar(places, value, yerr=around, fmt="o", color=color, markersize=4, label=label)
    if metric == "churn_rate":
        axes.plot(places, rows["mean_churn_probability"], color=color, linewidth=1)


def _name(axes: Axes, title: str, periods: list[str]) -> None:
    axes.set_title(title, color=INK, fontsize=10, loc="left")
    shown = range(0, len(periods), -(-len(periods) // _MOST_LABELS))
    axes.set_xticks(list(shown), [periods[i] for i in shown], rotation=30, ha="right", fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
