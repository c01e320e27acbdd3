"""What all figures have in common."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, SOFT, ACCENT = "#1f2937", "#9ca3af", "#2563eb"
QUIET = "#5b6573"  # of words beside the marks
DPI = 160  # pages show an inch as 96 pixels, so that this is sharp on dense screens too


def named_axes(title: str, x_label: str, y_label: str) -> tuple[Figure, Axes]:
    """Make a figure of one pair of axes with a title and labels.

    It is as wide as a telephone, so that its words stay readable there.
    """
    figure = Figure(figsize=(4.6, 3.5), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    style(axes, title)
    axes.set_xlabel(x_label, color=INK)
    axes.set_ylabel(y_label, color=INK)
    return figure, axes


def style(axes: Axes, title: str, size: float = 11) -> None:
    """Give axes their title, a light grid and no frame."""
    axes.set_title(title, color=INK, fontsize=size, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    axes.set_axisbelow(True)


def literal(text: str) -> str:
    """Keep the dollar signs of a text that comes from outside from starting a formula."""
    return text.replace("$", r"\$")
