"""Results as Markdown: tables, and figures beside their targets."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """A figure and its target.

    Attributes
    ----------
    name
        What was measured.
    value
        The figure.
    limit
        The target.
    at_least
        Whether more is better; else the limit is the most that is allowed.
    unit
        Printed after both.
    """

    name: str
    value: float
    limit: float
    at_least: bool = False
    unit: str = ""

    @property
    def is_met(self) -> bool:
        """Whether the target is met; never, if the figure is not a number."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table, the first column left-aligned and the others right-aligned."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, rule, *rows))


def check_table(checks: Sequence[Check]) -> str:
    """Return a table of figures and targets."""
    rows = [
        [
            check.name,
            f"{number(check.value)}{check.unit}",
            f"{'≥' if check.at_least else '≤'} {number(check.limit)}{check.unit}",
            "yes" if check.is_met else "no",
        ]
        for check in checks
    ]
    return table(["figure", "measured", "target", "met"], rows)


def number(value: float) -> str:
    """Return a number with three significant digits, or all digits before the point."""
    if value == 0:
        return "0"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
