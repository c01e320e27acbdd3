"""Values of a category that may be one: other accents, dots, hyphens, or an abbreviation."""

import re
import unicodedata
from itertools import combinations

from churn_pipeline.discovery.levels import Levels

_MOST_LEVELS = 200  # of a category whose values are compared
_SHORT = 3  # letters of an abbreviation
_LEAST_LETTERS = 5  # of words of which one may be a slip of the pen
_RARE = 0.05  # share of the other's rows up to which it may be one
_NO_WORD = frozenset(("yes", "no", "y", "n", "true", "false", "t", "f"))


def near_equal(known: Levels) -> list[tuple[str, str]]:
    """Return pairs of values that may be meant to be one, the more frequent one first.

    Parameters
    ----------
    known : Levels
        Of the cells that are not missing. Spellings that differ in case alone are one already.

    Returns
    -------
    list of tuple of str
        Such as ``("Ontario", "Ont.")``, ``("NY", "N.Y.")``, ``("Málaga", "Malaga")``.
    """
    if not 2 <= len(known) <= _MOST_LEVELS:
        return []
    levels = known.by_frequency()
    words: dict[str, tuple[str, int]] = {}
    for text, count in zip(levels.texts, levels.counts.tolist(), strict=True):
        key = text.casefold()
        first, rows = words.get(key, (text, 0))
        words[key] = (first, rows + count)
    bare = {text: _bare(text) for text, _ in words.values()}
    found = []
    for (a, rows_a), (b, rows_b) in combinations(words.values(), 2):
        is_same = bare[a] == bare[b] != ""
        if is_same or _abbreviates(a, b) or _is_slip(a, b, rows_a, rows_b):
            found.append((a, b) if rows_a >= rows_b else (b, a))
    return found


def numbers_among_words(known: Levels) -> list[str]:
    """Return the one or two numbers among a category's words, such as ``0`` beside ``Phone``."""
    if not 3 <= len(known) <= _MOST_LEVELS:
        return []
    is_number = known.texts.str.contains(r"^[+-]?[0-9]+(?:\.0*)?$", regex=True)
    is_word = known.texts.str.contains(r"^[^\W\d_][^\d]*$", regex=True)
    if not 1 <= is_number.sum() <= 2 or is_word.sum() < len(known) - is_number.sum():
        return []
    return known.texts[is_number].tolist()


def _bare(text: str) -> str:
    """Return letters and digits without accents or marks; a sign at the end, as in A+, stays."""
    plain = "".join(
        c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c)
    )
    plain = plain.replace("ß", "ss").replace("&", "and")
    return re.sub(r"[.,'’`´\"\s_/]+|-(?=\w)", "", plain)


def _abbreviates(a: str, b: str) -> bool:
    if min(len(a), len(b)) > _SHORT + 1:
        return False
    short, long = sorted((a.casefold().rstrip("."), b.casefold()), key=len)
    if not short.isalpha() or len(short) > _SHORT or len(long) <= len(short):
        return False
    if short in _NO_WORD and not (short == "f" or long in _NO_WORD):
        return False
    parts = re.findall(r"\w+", long)
    if len(parts) > 1:
        return len(short) > 1 and "".join(part[0] for part in parts) == short
    return long.startswith(short) and long.isalpha()


def _is_slip(a: str, b: str, rows_a: int, rows_b: int) -> bool:
    """Whether a rare word is a frequent one but for one letter."""
    if min(rows_a, rows_b) > _RARE * max(rows_a, rows_b):
        return False
    if min(len(a), len(b)) < _LEAST_LETTERS or not (_is_wordy(a) and _is_wordy(b)):
        return False
    short, long = sorted((a.casefold(), b.casefold()), key=len)
    if len(long) - len(short) > 1:
        return False
    start = next((i for i, (x, y) in enumerate(zip(short, long, strict=False)) if x != y), None)
    if start is None:
        return True
    rest = long[start + 1 :]
    if len(short) < len(long):
        return short[start:] == rest
    swapped = short[start : start + 2] == long[start : start + 2][::-1]
    return short[start + 1 :] == rest or (swapped and short[start + 2 :] == long[start + 2 :])


def _is_wordy(text: str) -> bool:
    return not any(character.isdigit() for character in text)
