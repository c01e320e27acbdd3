"""What all figures have in common."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, SOFT, ACCENT = "#1f2937", "#9ca3af", "#2563eb"


def named_axes(title: str, x_label: str, y_label: str) -> tuple[Figure, Axes]:
    """Make a figure of one pair of axes with a title and labels."""
    figure = Figure(figsize=(5.2, 4.6), dpi=120, layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, color=INK, fontsize=11, loc="left")
    axes.set_xlabel(x_label, color=INK)
    axes.set_ylabel(y_label, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    return figure, axes
