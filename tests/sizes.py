"""How much the tests try: the small sizes of ``make test`` or the full ones of ``make test-all``.

Only amounts differ between the two: examples, rows, kills. What is asserted does not. The small
size draws the same examples in each run, so that CI says the same twice; the full one draws new
ones.
"""

from __future__ import annotations

import os
from typing import TypeVar

from hypothesis import settings

FULL = "CHURN_TESTS_FULL"  # set by the option --full, for the workers of xdist as well
_FEWER = 4
_FEWEST = 10

T = TypeVar("T")


def is_full() -> bool:
    return os.environ.get(FULL) == "1"


def size(small: T, full: T) -> T:
    """Return the one of the two that this run is of."""
    return full if is_full() else small


def examples(full: int) -> int:
    """Return how many examples Hypothesis draws in this run where the full size draws ``full``."""
    return size(max(full // _FEWER, min(full, _FEWEST)), full)


def load_profile() -> None:
    """Set how many examples Hypothesis draws where a test does not say."""
    settings.register_profile("small", max_examples=examples(100), deadline=None, derandomize=True)
    settings.register_profile("full", max_examples=100, deadline=None)
    settings.load_profile(size("small", "full"))
