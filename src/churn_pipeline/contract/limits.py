"""Numbers that can be computed with."""

LARGEST_EXACT_INTEGER = 2.0**53
"""Whole numbers below this are exact as floats."""

LARGEST_NUMBER = 1e30
"""Largest magnitude of a cell, a field or a derived column.

Some models and the ONNX graph compute with 32-bit floats, which end at 3.4e38; the room is for the
sums and products that they build.
"""
