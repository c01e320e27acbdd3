"""Spellings of numbers by people and accounting systems, rewritten to one form.

Inference and ingestion both read numbers through :func:`uniform`, so that what one takes for a
number the other does too.
"""

import unicodedata

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

PLAIN = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
"""A number as programs write it."""

_MINUS = "\u2010\u2011\u2012\u2013\u2014\u2212\ufe58\ufe63"
_APOSTROPHES = "\u2018\u2019\u02bc\u00b4`"
_FULL_WIDTH = {"\uffe0": "¢", "\uffe1": "£", "\uffe5": "¥", "\uffe6": "₩"}
_ARABIC = {"\u066b": ".", "\u066c": ","}  # decimal and thousands separators
# ASCII, and no sign but the one in front
_ORDINARY = r"^(?:[+-]?[!-'*,.-~][ -'*,.-~]*)?$"
# applied in this order to the cells that are not ordinary; (12) $ is -12 $
_SIGNS = (
    (r"^([^0-9()+-]*)\(([^()+-]*[0-9][^()+-]*)\)([^0-9()+-]*)$", r"-\1\2\3"),
    (r"^([^+-]*[0-9][^+-]*?) *- *([^0-9+-]*)$", r"-\1\2"),
    (r"^([^0-9+-]+)([+-]) *([0-9.,])", r"\2\1\3"),
    (r"^([+-]) +", r"\1"),
)


class _Characters(dict[int, str]):
    """Maps code points to ASCII where they mean the same; grows with what is looked up."""

    def __missing__(self, code: int) -> str:
        self[code] = found = _ascii(chr(code))
        return found


def _ascii(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if character in _MINUS:
        return "-"
    if character in _APOSTROPHES:
        return "'"
    if category == "Zs":
        return " "
    if category == "Cf":  # zero-width characters, marks of the writing direction
        return ""
    if "\uff01" <= character <= "\uff5e":
        return chr(ord(character) - 0xFEE0)
    return _FULL_WIDTH.get(character) or _ARABIC.get(character) or character


_CHARACTERS = _Characters()


def uniform(text: pd.Series) -> pd.Series:
    """Rewrite digits, blanks, apostrophes and signs to ASCII, with the sign in front.

    Parameters
    ----------
    text : Series of str, (n,)
        Trimmed cells; missing ones stay missing.

    Returns
    -------
    Series of str, (n,)
        ``(12.50)``, ``12.50-`` and ``−12.50`` become ``-12.50``; ``$-12`` and ``$(12)`` become
        ``-$12``; digits of any script become 0 … 9, and blanks of any width become ordinary ones.
        Texts without a number may be changed too, and remain without one.

    Examples
    --------
    >>> uniform(pd.Series(["(12.50)", "7 €-", "+3"], dtype="str")).tolist()
    ['-12.50', '-7 €', '+3']
    """
    is_odd = ~_matches(text, _ORDINARY)
    if not is_odd.any():
        return text
    odd = text[is_odd]
    is_ascii = pc.string_is_ascii(pa.array(odd)).fill_null(True).to_numpy(zero_copy_only=False)
    if not is_ascii.all():
        translated = [cell.translate(_CHARACTERS).strip() for cell in odd[~is_ascii]]
        odd = odd.copy()
        odd[~is_ascii] = translated
    for pattern, by in _SIGNS:
        odd = odd.str.replace(pattern, by, regex=True)
    text = text.copy()
    text[is_odd] = odd
    return text


def _matches(text: pd.Series, pattern: str) -> "pd.Series[bool]":
    """Say which cells match; missing ones do."""
    found = pc.match_substring_regex(pa.array(text), pattern).fill_null(True)
    return pd.Series(found.to_numpy(zero_copy_only=False), index=text.index)
