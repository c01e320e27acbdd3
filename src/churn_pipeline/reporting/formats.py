"""Numbers as people read them."""

import math
from collections.abc import Mapping, Sequence

UNDEFINED = "–"
_MOST_DECIMALS = 6  # what the outputs are rounded to
_NO_BREAK = "\u00a0"


def _decimals(size: float, digits: int) -> int:
    return max(0, _place(size, digits))


def _fixed(value: float, decimals: int, sign: bool = False) -> str:
    text = f"{value:{'+' if sign else ''},.{decimals}f}"
    if float(text.replace(",", "")) == 0:
        text = text.lstrip("+-")
    return text.replace("-", "−")


def count(value: int) -> str:
    """Write a whole number with commas between thousands."""
    return f"{value:,}"


def number(value: float | None, digits: int = 3) -> str:
    """Write a number with this many significant digits and commas between thousands."""
    if value is None:
        return UNDEFINED
    return _fixed(value, _decimals(abs(value), digits))


def about(value: float, digits: int = 3) -> str:
    """Write an amount with so many significant digits, the others zero."""
    return _rounded(value, _place(abs(value), digits))


def about_bounds(metric: Mapping[str, float], digits: int = 3) -> str:
    """Write the interval of such an amount, rounded as its larger end."""
    low, high = metric["low"], metric["high"]
    place = _place(max(abs(low), abs(high)), digits)
    return _between(_rounded(low, place), _rounded(high, place))


def bounds(metric: Mapping[str, float], digits: int = 3) -> str:
    """Write the interval of a value alone, as :func:`interval` writes both."""
    size = max(abs(metric[key]) for key in ("value", "low", "high"))
    decimals = _decimals(size, digits)
    return _between(*(_fixed(metric[key], decimals) for key in ("low", "high")))


def _place(size: float, digits: int) -> int:
    """Return the decimals that so many digits need, below 0 if they end before the point."""
    return 0 if size == 0 else min(_MOST_DECIMALS, digits - 1 - math.floor(math.log10(size)))


def _rounded(value: float, place: int) -> str:
    return _fixed(round(value, place), max(0, place))


def fixed(value: float | None, decimals: int = 4) -> str:
    """Write a number with so many decimals."""
    return UNDEFINED if value is None else _fixed(value, decimals)


def signed(value: float | None, decimals: int = 4) -> str:
    """Write a difference, its sign always shown."""
    return UNDEFINED if value is None else _fixed(value, decimals, sign=True)


def plain(value: float | None, digits: int = 6) -> str:
    """Write a setting as a person would have typed it, whole numbers in full."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    text = f"{value:,}" if isinstance(value, int) else f"{value:,.{digits}g}"
    return text.replace("-", "−")


def percent(share: float | None, decimals: int = 1) -> str:
    """Write a share as a percentage."""
    return UNDEFINED if share is None else f"{_fixed(100 * share, decimals)}%"


def exact_percent(share: float) -> str:
    """Write a share that a person has set as a percentage, with the decimals it needs."""
    return f"{100 * share:g}%"


def points(share: float | None) -> str:
    """Write a difference of shares in percentage points."""
    return UNDEFINED if share is None else _fixed(100 * share, 1, sign=True)


def p_value(value: float) -> str:
    """Write a p-value with two significant digits; small ones by their bound."""
    return f"<{_NO_BREAK}0.0001" if value < 0.0001 else number(value, 2)


def interval(metric: Mapping[str, float] | None, digits: int = 3) -> str:
    """Write a value and its interval with the decimals that the largest of the three needs."""
    if metric is None:
        return UNDEFINED
    size = max(abs(metric[key]) for key in ("value", "low", "high"))
    decimals = _decimals(size, digits)
    return _bracketed(*(_fixed(metric[key], decimals) for key in ("value", "low", "high")))


def difference_interval(metric: Mapping[str, float], key: str = "difference") -> str:
    """Write a difference with its interval, signs always shown."""
    return _bracketed(*(signed(metric[name]) for name in (key, "low", "high")))


def share_interval(metric: Mapping[str, float] | None) -> str:
    """Write a share and its interval as percentages."""
    if metric is None:
        return UNDEFINED
    return _bracketed(*(percent(metric[key]) for key in ("value", "low", "high")))


def points_interval(metric: Mapping[str, float] | None) -> str:
    """Write a difference of shares and its interval in percentage points."""
    if metric is None:
        return UNDEFINED
    return _bracketed(*(points(metric[key]) for key in ("value", "low", "high")))


def _bracketed(value: str, low: str, high: str) -> str:
    return f"{value} {_between(low, high)}"


def _between(low: str, high: str) -> str:
    return f"[{low},{_NO_BREAK}{high}]"


def count_passed(verdicts: Sequence[bool | None]) -> str:
    """Say how many gates passed of those that were judged, such as ``3 of 3 passed, 1 not judged``.

    Parameters
    ----------
    verdicts : sequence of bool or None
        ``passed`` of each gate that is switched on.
    """
    if not verdicts:
        return "all are switched off"
    judged = [passed for passed in verdicts if passed is not None]
    text = f"{sum(judged)} of {len(judged)} passed"
    rest = len(verdicts) - len(judged)
    return f"{text}, {rest} not judged" if rest else text
