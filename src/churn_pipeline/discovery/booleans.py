"""Columns that say yes or no, however they spell it."""

import re
from dataclasses import dataclass

from churn_pipeline.discovery.levels import Levels

_PAIRS = (("0", "1"), ("no", "yes"), ("false", "true"), ("n", "y"), ("f", "t"), ("off", "on"))
_FALSE = {false for false, _ in _PAIRS}
_TRUE = {true for _, true in _PAIRS}
_POSITIVE = re.compile(
    r"(yes|y|true|t|1|on|churn(ed|er)?|exit(ed)?|attrit(ed|ion)( customer)?|left|leav(e|er|ing)|"
    r"cancell?ed|lapsed|lost|gone|inactive|closed|terminated|departed|positive|defected|"
    r"unsubscribed|deactivated|disconnected|quit|resigned|discontinued|"
    r"no[tn][ -]?(retained|renewed))"
)
_NEGATIVE = re.compile(
    r"(no|n|false|f|0|off|stay(ed)?|retain(ed)?|existing( customer)?|active|current|loyal|kept|"
    r"open|no[tn]?[ -]?churn(ed|er)?|negative|remain(ed)?|renewed|-1)"
)
_MOST_SPELLINGS = 24


@dataclass(frozen=True)
class Flag:
    """A column of yes and no: its two values and their other spellings."""

    values: tuple[str, str]
    spellings: dict[str, tuple[str, ...]]


def normal(text: str) -> str:
    """Return a spelling without case, final dots and ``.0``, to compare it."""
    text = text.casefold().strip().rstrip(".")
    return re.sub(r"\.0+$", "", text)


def read_flag(known: Levels) -> Flag | None:
    """Read a column of yes and no, or return None where it is none.

    Parameters
    ----------
    known : Levels
        Of the cells that are not missing.

    Returns
    -------
    Flag or None
        Two values as the file spells them where each has one spelling; else a usual pair in the
        case of the most frequent spelling, the others under ``spellings``.
    """
    if not 2 <= len(known) <= _MOST_SPELLINGS:
        return None
    texts = known.by_frequency().texts.tolist()
    false = [text for text in texts if normal(text) in _FALSE]
    true = [text for text in texts if normal(text) in _TRUE]
    if len(false) + len(true) < len(texts) or not (false and true):
        return None
    if len(texts) == 2 and not re.search(r"\.0+$", "".join(texts[:1])):
        return Flag((false[0], true[0]), {})
    first = texts[0]
    pair = next(pair for pair in _PAIRS if normal(first) in pair)
    cased = [first.isupper() and str.upper, first[0].isupper() and str.capitalize, str.lower]
    case = next(method for method in cased if method)
    values = (case(pair[0]), case(pair[1]))
    spellings = {
        value: tuple(sorted(set(side) - {value}))
        for value, side in zip(values, (false, true), strict=True)
    }
    return Flag(values, {value: others for value, others in spellings.items() if others})


def positive_value(values: tuple[str, str], means_staying: bool = False) -> str | None:
    """Return which of a target's two values means that the customer left; None if unclear.

    Parameters
    ----------
    values : tuple of str
    means_staying : bool
        Whether "yes" says that the customer stayed, as the name of the target may have it.
    """
    if means_staying:
        spelled = tuple(normal(value) for value in values)
        if spelled in _PAIRS or spelled[::-1] in _PAIRS:
            return values[0] if spelled in _PAIRS else values[1]
        if {*spelled} & (_FALSE | _TRUE | {"-1"}):
            return None
    says_yes = [value for value in values if _POSITIVE.fullmatch(normal(value))]
    says_no = [value for value in values if _NEGATIVE.fullmatch(normal(value))]
    if len(says_yes) == 1 and (says_no or normal(says_yes[0]) != "1"):
        return says_yes[0]
    if len(says_no) == 1 and not says_yes:
        other = next(value for value in values if value not in says_no)
        # "no" beside something else: only words of leaving tell which side it is
        return other if re.search(r"churn|attrit|left|exit|cancel|leav", normal(other)) else None
    return None
