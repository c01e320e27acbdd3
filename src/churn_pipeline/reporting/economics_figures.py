"""Figures of what the decisions are worth."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from churn_pipeline.reporting.drawing import ACCENT, INK, SOFT, literal, named_axes


def profit(points: pd.DataFrame, economics: Mapping[str, Any], currency: str) -> Figure:
    """Profit curve with the model's decision, the best share and the policies without a model.

    Parameters
    ----------
    points : DataFrame
        ``contacted_share`` and ``profit_per_customer``, see
        :func:`churn_pipeline.economics.profit.profit_curve`.
    economics : mapping
        ``policies`` and ``best_share``, as in ``economics.json``.
    currency : str
        Of the amounts.
    """
    figure, axes = named_axes(
        "What contacting customers earns",
        "Share of customers contacted",
        literal(f"Profit per customer ({currency})"),
    )
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    policies = economics["policies"]
    for name, style in (("contact_everyone", "--"), ("contact_no_one", ":")):
        level = policies[name]["profit_per_customer"]["value"]
        label = f"{name.replace('_', ' ')}: {level:.2f}"
        axes.axhline(level, color=SOFT, linestyle=style, linewidth=1, label=label)
    axes.plot(
        points["contacted_share"],
        points["profit_per_customer"],
        color=ACCENT,
        label="highest expected profit first",
    )
    best = economics["best_share"]
    axes.axvline(best, color=SOFT, linestyle="-.", linewidth=1, label=f"best share: {best:.0%}")
    model = policies["model"]
    share, value = model["contacted_share"], model["profit_per_customer"]["value"]
    axes.plot([share], [value], "o", color=INK, label=f"decision: {share:.0%}, {value:.2f}")
    axes.legend(loc="lower center", edgecolor="none", framealpha=1, fontsize=8)
    return figure
