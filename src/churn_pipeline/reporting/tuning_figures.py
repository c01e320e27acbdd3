"""Figures of what tuning tried for a candidate."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, NullLocator
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import FrozenTrial, TrialState

from churn_pipeline.reporting.drawing import ACCENT, DPI, INK, QUIET, literal, style

_SIZE = (3.1, 2.3)  # inches: four beside each other on a desktop, one on a telephone
_FEWEST_TICKS = 2
_LONGEST = 34  # letters of a title


def history(trials: Sequence[FrozenTrial]) -> Figure:
    """Log loss of every complete trial in their order, and the lowest so far.

    Parameters
    ----------
    trials : sequence of FrozenTrial
        Those that were pruned show as crosses at what they had reached.
    """
    figure = Figure(figsize=_SIZE, dpi=DPI, layout="constrained")
    axes = figure.subplots()
    style(axes, "Trials in their order", size=9)
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    pruned = [trial for trial in trials if trial.state == TrialState.PRUNED]
    numbers = [trial.number + 1 for trial in complete]
    losses = [float(trial.value or 0.0) for trial in complete]
    lowest = np.minimum.accumulate(losses)
    axes.step(numbers, lowest, where="post", color=INK, linewidth=1, label="lowest so far")
    axes.scatter(numbers, losses, s=16, color=ACCENT, label="complete", zorder=3)
    if pruned:
        reached = [next(iter(trial.intermediate_values.values())) for trial in pruned]
        axes.scatter(
            [trial.number + 1 for trial in pruned],
            reached,
            s=18,
            marker="x",
            color=QUIET,
            label="stopped early",
            zorder=3,
        )
    axes.set_xlabel("Trial", color=INK, fontsize=8)
    axes.set_ylabel("Log loss", color=INK, fontsize=8)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.tick_params(labelsize=7.5)
    axes.legend(frameon=False, fontsize=7)
    return figure


def setting(
    name: str,
    distribution: BaseDistribution,
    trials: Sequence[FrozenTrial],
    importance: float | None,
) -> Figure:
    """Log loss against the values of a setting; the best trial is marked.

    Parameters
    ----------
    name : str
    distribution : BaseDistribution
        What was searched.
    trials : sequence of FrozenTrial
        The complete ones.
    importance : float or None
        The share of the differences that the setting explains; None if unknown.
    """
    figure = Figure(figsize=_SIZE, dpi=DPI, layout="constrained")
    axes = figure.subplots()
    shown = name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
    style(axes, literal(shown), size=9)
    values = [trial.params[name] for trial in trials]
    losses = [float(trial.value or 0.0) for trial in trials]
    if isinstance(distribution, CategoricalDistribution):
        choices = [str(choice) for choice in distribution.choices]
        places = [float(distribution.choices.index(value)) for value in values]
        axes.set_xticks(range(len(choices)), [literal(choice[:12]) for choice in choices])
        axes.set_xlim(-0.5, len(choices) - 0.5)
    else:
        places = [float(value) for value in values]
        if getattr(distribution, "log", False):
            axes.set_xscale("log")
            _plain_log_ticks(axes, min(places), max(places))
    best = int(np.argmin(losses))
    axes.scatter(places, losses, s=16, color=ACCENT, alpha=0.7, linewidths=0)
    axes.scatter([places[best]], [losses[best]], s=40, facecolors="none", edgecolors=INK)
    label = "Value" if importance is None else f"Value ({importance:.0%} of the differences)"
    axes.set_xlabel(label, color=INK, fontsize=8)
    axes.set_ylabel("Log loss", color=INK, fontsize=8)
    axes.tick_params(labelsize=7.5)
    return figure


def _plain_log_ticks(axes: Axes, low: float, high: float) -> None:
    """Label a logarithmic axis by a few round numbers as people write them."""
    steps = [digit * 10.0**power for power in range(-9, 10) for digit in (1, 2, 5)]
    ticks = [step for step in steps if low <= step * 1.0000001 and step <= high * 1.0000001]
    if len(ticks) < _FEWEST_TICKS:
        ticks = [low] if low == high else [low, high]
    while len(ticks) > 5:
        ticks = ticks[::2]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(FixedFormatter([f"{tick:.3g}" for tick in ticks]))
    axes.xaxis.set_minor_locator(NullLocator())
