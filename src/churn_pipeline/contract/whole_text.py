"""Whole numbers that a program has written as floats: ids and codes such as ``100000.0``.

One missing cell turns a column of integers into floats in most tools, and the next file has
integers again; without this, the customers of the two files would not be the same.
"""

import re

_FLOAT = re.compile(r"([0-9]+)\.0+")
# the exponent is signed and the mantissa short of it, unlike in codes such as 12E5
_SCIENTIFIC = re.compile(r"([1-9])(?:\.([0-9]+))?[eE]\+([0-9]{2,3})")
_MOST_DIGITS = 40
SPELLED_AS_FLOAT = r"^(?:[0-9]+\.0+|[1-9](?:\.[0-9]+)?[eE]\+[0-9]{2,3})$"
"""What :func:`whole_text` may change."""


def whole_text(text: str) -> str:
    """Return the digits of a whole number that is written as a float; any other text unchanged.

    Examples
    --------
    >>> whole_text("100000.0"), whole_text("1.00E+05"), whole_text("12E5"), whole_text("1.5")
    ('100000', '100000', '12E5', '1.5')
    """
    if found := _FLOAT.fullmatch(text):
        return found.group(1)
    if found := _SCIENTIFIC.fullmatch(text):
        first, fraction, exponent = found.groups(default="")
        fraction = fraction.rstrip("0")
        if len(fraction) <= int(exponent) < _MOST_DIGITS:
            return first + fraction.ljust(int(exponent), "0")
    return text
