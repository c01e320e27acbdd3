"""Numbers that can be computed with, and probabilities that count."""

import math

LARGEST_EXACT_INTEGER = 2.0**53
"""Whole numbers below this are exact as floats."""

LARGEST_NUMBER = 1e30
"""Largest magnitude of a cell, a field or a derived column.

Some models and the ONNX graph compute with 32-bit floats, which end at 3.4e38; the room is for the
sums and products that they build.
"""

CERTAIN = 1e-6
"""The closest to 0 or 1 that a churn probability counts: nobody is that sure of a customer."""

MAX_LOG_ODDS = math.log((1 - CERTAIN) / CERTAIN)
"""The log-odds of a churn probability that is as close to 1 as counts."""
