"""Figures of what moves the churn probability, drawn from SHAP values."""

import textwrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from churn_pipeline.reporting.drawing import ACCENT, DPI, INK, QUIET, SOFT, literal, style

_MOST_BARS = 15
_MOST_LEVELS = 5  # more would not fit side by side; numbers of more values are drawn as points
_LONGEST = 74  # letters of a line in the width of a telephone
_LONGEST_TITLE = 36
_MISSING, _OTHERS = "missing", "others"


def importance(table: pd.DataFrame) -> Figure:
    """Bars of the mean absolute SHAP values, the most important input on top.

    Parameters
    ----------
    table : DataFrame
        ``input``, ``meaning``, ``mean_absolute_shap``, ``share``, the largest first.
    """
    shown = table.head(_MOST_BARS)
    figure = Figure(figsize=(4.6, 0.9 + 0.42 * len(shown)), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    style(axes, "What influences the churn probability most")
    axes.set_xlabel("Mean absolute SHAP value (log-odds)", color=INK)
    places = np.arange(len(shown))
    sizes = shown["mean_absolute_shap"].to_numpy(dtype=float)
    axes.barh(places + 0.2, sizes, height=0.3, color=ACCENT)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.set_xlim(0, max(float(sizes.max(initial=0)), 1e-6) * 1.02)
    for place, name, share, meaning in zip(
        places, shown["input"], shown["share"], shown["meaning"], strict=True
    ):  # labels above their bars, where long ones have room
        words = f"{share:.0%}  {name}"
        rest = shorten(str(meaning), _LONGEST - len(words) - 2) if meaning else ""
        words = f"{words}: {rest}" if rest else textwrap.shorten(words, _LONGEST, placeholder=" …")
        axes.text(0, float(place), literal(words), va="bottom", color=INK, fontsize=7.5)
    return figure


def shorten(meaning: str, longest: int) -> str:
    """Cut a column's meaning down to its first clause and so many letters; empty if none fit."""
    clause = meaning.partition(";")[0].rstrip(". ")
    cut = textwrap.shorten(clause, max(longest, 1), placeholder=" …")
    return "" if cut.strip() == "…" or len(cut) > longest else cut


def dependence(table: pd.DataFrame) -> Figure:
    """Values of each input against their SHAP values, one plot an input.

    Numbers are points along an axis, missing ones to the left of it. Categories and
    numbers of few values are strips with their median; rare levels share one.

    Parameters
    ----------
    table : DataFrame
        ``input``, ``value`` (text or number; empty or NaN where missing) and ``shap`` (log-odds).
    """
    inputs = list(dict.fromkeys(table["input"]))
    columns = min(len(inputs), 3)
    rows = -(-len(inputs) // columns)
    figure = Figure(figsize=(3.3 * columns, 2.9 * rows), dpi=DPI, layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    for axes, name in zip(grid, inputs, strict=False):
        part = table[table["input"] == name]
        shap = part["shap"].to_numpy(dtype=float)
        texts = part["value"].astype("object").where(part["value"].notna(), "").map(str)
        numbers = pd.to_numeric(texts.where(texts != "", "nan"), errors="coerce").to_numpy()
        style(axes, literal(_shortened(name)), size=10)
        axes.tick_params(labelleft=True, labelsize=7.5)
        axes.axhline(0, color=SOFT, linestyle="--", linewidth=1)
        if np.array_equal(np.isnan(numbers), texts == "") and _distinct(numbers) > _MOST_LEVELS:
            _draw_points(axes, numbers, shap)
        else:
            _draw_strips(axes, texts.to_numpy(dtype=object), shap)
        axes.set_xlabel("Value", color=INK, fontsize=8)
        axes.set_ylabel("SHAP value (log-odds)", color=INK, fontsize=8)
    for axes in grid[len(inputs) :]:
        axes.remove()
    return figure


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_TITLE else f"{name[: _LONGEST_TITLE - 1]}…"


def _distinct(numbers: NDArray[np.float64]) -> int:
    return len(np.unique(numbers[~np.isnan(numbers)]))


def _draw_points(axes: Axes, numbers: NDArray[np.float64], shap: NDArray[np.float64]) -> None:
    missing = np.isnan(numbers)
    axes.scatter(numbers[~missing], shap[~missing], s=10, color=ACCENT, alpha=0.4, linewidths=0)
    if missing.any():
        low, high = np.nanmin(numbers), np.nanmax(numbers)
        place = low - 0.18 * (high - low)
        axes.scatter(np.full(missing.sum(), place), shap[missing], s=18, marker="x", color=QUIET)
        ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
        axes.set_xticks([place, *ticks], [_MISSING, *(f"{tick:,g}" for tick in ticks)])


def _draw_strips(axes: Axes, texts: NDArray[np.object_], shap: NDArray[np.float64]) -> None:
    levels = pd.Series(texts).map(lambda text: text or _MISSING)
    frequent = levels.value_counts().index
    if len(frequent) > _MOST_LEVELS:
        levels = levels.where(levels.isin(frequent[: _MOST_LEVELS - 1]), _OTHERS)
    medians = pd.Series(shap).groupby(levels).median()
    order = sorted(medians.index, key=lambda level: _place(level, float(medians[level])))
    for place, level in enumerate(order):
        values = shap[levels == level]
        spread = np.arange(len(values)) * 0.618 % 1 - 0.5  # even and without a random draw
        axes.scatter(place + 0.5 * spread, values, s=10, color=ACCENT, alpha=0.4, linewidths=0)
        axes.hlines(medians[level], place - 0.35, place + 0.35, color=INK, linewidth=1.5)
    width = 42 // len(order)  # letters that fit
    labels = [
        literal(textwrap.fill(level, width, max_lines=3, placeholder=" …")) for level in order
    ]
    axes.set_xticks(range(len(order)), labels, fontsize=7 if len(order) < _MOST_LEVELS else 6)
    axes.set_xlim(-0.6, len(order) - 0.4)
    axes.grid(False, axis="x")


def _place(level: str, median: float) -> tuple[int, float, str]:
    if level in (_OTHERS, _MISSING):
        return (1 if level == _OTHERS else 2), 0.0, level
    try:
        return 0, float(level), level
    except ValueError:
        return 0, median, level
