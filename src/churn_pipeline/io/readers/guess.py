"""Which of the older encodings a text is likely to be in."""

import re
import unicodedata
from dataclasses import dataclass
from itertools import pairwise

# of equally likely ones, the first
ENCODINGS = (
    "cp1252", "cp1251", "gb18030", "cp932", "cp949", "big5", "euc_jp", "cp1250", "cp1254", "cp1253",
    "cp1255", "cp1256", "cp1257", "cp874", "koi8_r", "iso8859_2", "iso8859_5", "iso8859_7", "cp866",
    "mac_roman", "mac_cyrillic", "cp850", "cp852", "iso8859_15",
)  # fmt: skip
_MOST_GUESSES = 4
_LEAST_BYTES = 4000
_MOST_SAMPLES = 3
# lead bytes of the frequent characters; their second byte is above 0xa0 or, in two, any
_FREQUENT = {
    "gb18030": (range(0xB0, 0xD8), 0xA1),
    "cp949": (range(0xB0, 0xC9), 0xA1),
    "euc_jp": ((0xA4, 0xA5, *range(0xB0, 0xD0)), 0xA1),
    "big5": (range(0xA4, 0xC7), 0x40),
    "cp932": ((0x82, 0x83, *range(0x88, 0x98)), 0x40),
}
_FREQUENT_SHARE = 0.9
_BONUS = 0.5
_DOUBT = 0.1  # of a text with few letters beyond ASCII, the usual encoding
_TOO_FEW_TO_TELL = 3  # bytes beyond ASCII
_SPREAD = 0.6  # how much worse than the best one a guess may be
_LETTERS = re.compile(r"[^\W\d_]+")
_RARE = frozenset("ðþÐÞÝýÿŸ")  # Icelandic for the most part
# letters of Western Europe where their languages do not have them
_NEVER_SO = re.compile(r"ñ(?![aeiouáéíóúAEIOU])|[ìò][a-z]|ø[íáýéúì]|\w[¹³]")
_COMMON_SIGNS = frozenset("¿¡§°–—‘’“”„«»…•©®™½¼¾²³µ№、。・")


@dataclass(frozen=True)
class Guess:
    """An encoding that a text may have.

    Attributes
    ----------
    name : str
        Python's name.
    samples : tuple of str
        Some of the words as it reads them.
    """

    name: str
    samples: tuple[str, ...]


def rank_encodings(words: list[bytes]) -> tuple[Guess, ...]:
    """Rank the encodings that a text may have, those that read it alike as one.

    The measure is charset-normalizer's, of how unlike a text the reading is and how much its
    letters are those of a language, with the share of words that no language writes: signs
    between letters, capitals behind small letters, letters of two scripts.

    Parameters
    ----------
    words : list of bytes
        The different words with bytes beyond ASCII.
    """
    from charset_normalizer import from_bytes  # takes a tenth of a second

    if not words:
        return ()
    text = b"\n".join(words)
    matches = from_bytes(
        # it judges no language by a few letters
        (text + b"\n") * max(1, _LEAST_BYTES // len(text)),
        cp_isolation=list(ENCODINGS),
        threshold=1.0,
        preemptive_behaviour=False,
        enable_fallback=False,
    )
    measured = {match.encoding: (match.chaos, match.coherence) for match in matches}
    for match in matches:
        for twin in match.submatch:
            measured[twin.encoding] = (match.chaos, match.coherence)
    ranked: list[tuple[float, int, str, list[str]]] = []
    n_beyond = sum(byte >= 0x80 for word in words for byte in word)
    doubt = _DOUBT / (2 * n_beyond) if n_beyond > 2 else _DOUBT
    for place, name in enumerate(ENCODINGS):
        try:
            texts = [word.decode(name) for word in words]
        except UnicodeDecodeError:
            continue
        chaos, coherence = measured.get(name, (1.0, 0.0))
        odd = sum(map(_oddness, texts)) / len(texts)
        score = odd + min(chaos, 1.0) - 0.3 * coherence + doubt * (place and min(place, 3) + 3)
        if name in _FREQUENT and _frequent_share(name, texts) >= _FREQUENT_SHARE:
            score -= _BONUS
        ranked.append((round(score, 2), place, name, texts))
    ranked.sort(key=lambda entry: entry[:2])
    if n_beyond <= _TOO_FEW_TO_TELL:  # the usual one, unless its reading is odd
        ranked.sort(key=lambda entry: entry[2] != ENCODINGS[0] or _is_odd(entry[3]))
    best: list[tuple[str, list[str]]] = []
    for score, _, name, texts in ranked:
        is_close = score <= ranked[0][0] + _SPREAD and len(best) < _MOST_GUESSES
        if is_close and all(texts != other for _, other in best):
            best.append((name, texts))
    differing = [i for i in range(len(words)) if len({texts[i] for _, texts in best}) > 1]
    shown = (differing or list(range(len(words))))[:_MOST_SAMPLES]
    return tuple(Guess(name, tuple(texts[i].strip()[:40] for i in shown)) for name, texts in best)


def _is_odd(texts: list[str]) -> bool:
    return any(_oddness(text) >= 0.5 for text in texts)


def _oddness(text: str) -> float:
    """Return how unlike a word a text is, 0 to 1."""
    if any(unicodedata.category(c) in ("Cc", "Co", "Cn") for c in text if c not in "\t\r\n"):
        return 1.0
    if _RARE & set(text):
        return 0.6
    for before, after in pairwise(text):
        pair = {before, after}
        strange = [c for c in pair if not c.isascii() and not c.isalnum() and not c.isspace()]
        if any(c not in _COMMON_SIGNS and unicodedata.category(c)[0] in "SPNM" for c in strange):
            if unicodedata.category(strange[0])[0] != "M" and any(c.isalpha() for c in pair):
                return 0.7
        if any(unicodedata.category(c) == "No" for c in pair) and any(c.isalpha() for c in pair):
            return 0.7
    if _NEVER_SO.search(text):
        return 0.6
    for word in _LETTERS.findall(text):
        if word.isupper() and not word.isascii() and len(word) > 2:
            return 0.15
        if _has_late_capital(word):
            return 0.5
        scripts = {unicodedata.name(c, "?").split()[0] for c in word}
        if len(scripts & {"LATIN", "CYRILLIC", "GREEK", "HEBREW", "ARABIC", "THAI"}) > 1:
            return 0.6
    return 0.0


def _frequent_share(name: str, texts: list[str]) -> float:
    """Return the share of the characters beyond ASCII that are frequent ones."""
    leads, least = _FREQUENT[name]
    characters = [c.encode(name) for text in texts for c in text if not c.isascii()]
    frequent = sum(len(c) == 2 and c[0] in leads and c[1] >= least for c in characters)
    return frequent / max(1, len(characters))


def _has_late_capital(word: str) -> bool:
    """Whether an accented capital follows a lower-case letter, or is inside a lower-case word."""
    for place in range(1, len(word)):
        if word[place].isupper() and not word[place].isascii():
            if word[place - 1].islower() or word[place + 1 : place + 2].islower():
                return True
    return False
