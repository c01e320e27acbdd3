"""Figures of the evaluation, drawn from the points of its curves."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from churn_pipeline.reporting.drawing import ACCENT, INK, SOFT, named_axes


def _with_interval(name: str, metric: Mapping[str, float]) -> str:
    return f"{name} {metric['value']:.3f} [{metric['low']:.3f}, {metric['high']:.3f}]"


def roc(points: pd.DataFrame, roc_auc: Mapping[str, float]) -> Figure:
    """ROC curve with the area and its interval."""
    figure, axes = named_axes("ROC curve", "False positive rate", "True positive rate (recall)")
    axes.plot([0, 1], [0, 1], color=SOFT, linestyle="--", linewidth=1, label="random")
    axes.plot(
        points["false_positive_rate"],
        points["true_positive_rate"],
        color=ACCENT,
        label=_with_interval("ROC-AUC", roc_auc),
    )
    axes.legend(loc="lower right", frameon=False, fontsize=8)
    return figure


def precision_recall(
    points: pd.DataFrame, average_precision: Mapping[str, float], churn_rate: float
) -> Figure:
    """Precision-recall curve with the average precision and its interval."""
    figure, axes = named_axes("Precision and recall", "Recall", "Precision")
    axes.axhline(churn_rate, color=SOFT, linestyle="--", linewidth=1, label="random")
    axes.plot(
        points["recall"],
        points["precision"],
        color=ACCENT,
        label=_with_interval("average precision", average_precision),
    )
    axes.set_ylim(0, 1.02)
    axes.legend(loc="lower left", frameon=False, fontsize=8)
    return figure


def calibration(points: pd.DataFrame, error: Mapping[str, float]) -> Figure:
    """Reliability diagram; the larger a point, the more customers are in its bin."""
    figure, axes = named_axes("Calibration", "Mean churn probability of the bin", "Churn rate")
    axes.plot([0, 1], [0, 1], color=SOFT, linestyle="--", linewidth=1, label="perfect")
    axes.plot(
        points["mean_churn_probability"],
        points["churn_rate"],
        color=ACCENT,
        label=_with_interval("expected error", error),
    )
    sizes = 20 + 280 * points["customers"] / points["customers"].max()
    axes.scatter(
        points["mean_churn_probability"], points["churn_rate"], s=sizes, color=ACCENT, alpha=0.5
    )
    axes.legend(loc="upper left", frameon=False, fontsize=8)
    return figure


def gains(points: pd.DataFrame, decision: tuple[float, float] | None = None) -> Figure:
    """Cumulative gains: share of churners found against share of customers contacted.

    ``decision`` holds both shares of the decision to contact.
    """
    figure, axes = named_axes(
        "How many churners are found", "Share of customers contacted", "Share of churners found"
    )
    axes.plot([0, 1], [0, 1], color=SOFT, linestyle="--", linewidth=1, label="at random")
    axes.plot(
        [0.0, *points["contacted_share"]],
        [0.0, *points["recall"]],
        color=ACCENT,
        label="by churn probability",
    )
    if decision is not None:
        contacted, found = decision
        label = f"decision: {contacted:.0%} find {found:.0%}"
        axes.plot([contacted], [found], "o", color=INK, label=label)
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.legend(loc="lower right", edgecolor="none", framealpha=1, fontsize=8)
    return figure


def confusion(classes: pd.DataFrame) -> Figure:
    """Confusion matrix in customers, with shares of the actual class."""
    names = ["churned", "stayed"]
    table = (
        pd.crosstab(classes["actual"], classes["predicted"])
        .reindex(index=names, columns=names, fill_value=0)
        .to_numpy()
    )
    share = table / table.sum(axis=1, keepdims=True)
    figure, axes = named_axes("Confusion matrix of the decision", "Predicted", "Actual")
    axes.grid(False)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks([0, 1], names)
    axes.set_yticks([0, 1], names)
    for row in range(2):
        for column in range(2):
            axes.text(
                column,
                row,
                f"{table[row, column]}\n{share[row, column]:.0%}",
                ha="center",
                va="center",
                color="white" if share[row, column] > 0.5 else INK,
            )
    return figure
