"""Reasons in words that somebody can read out to a customer."""

import re
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache

import numpy as np

from churn_pipeline.contract import Column, Contract
from churn_pipeline.contract.model import DerivedColumn

Values = Callable[[str], object]

_DIGITS = 7  # of a number in a file
_DECIMALS = 2  # of a number that is said
_SMALL_DIGITS = 3  # of one between -1 and 1
_SEPARATED_FROM = 10_000  # a year has no thousands separator
_YES_NO: tuple[Mapping[str, str], ...] = (
    {"1": "yes", "0": "no"},
    {"true": "yes", "false": "no"},
    {"t": "yes", "f": "no"},
    {"y": "yes", "n": "no"},
    {"yes": "yes", "no": "no"},
)
_ONE = {"people": "person", "children": "child", "series": "series", "species": "species"}
_TIMES = ("second", "minute", "hour", "day", "week", "month", "quarter", "year")


def reason_text(name: str, value: Values, contract: Contract, unseen: Collection[str] = ()) -> str:
    """Say what an input of a customer is.

    Parameters
    ----------
    name : str
        The input.
    value : callable
        Returns the customer's value of an input, None or NaN where it is missing.
    contract : Contract
        Of the model, with its combinations of columns.
    unseen : collection of str
        Inputs that have a value which the contract does not list.

    Returns
    -------
    str
        Such as ``age is 81 years``, ``plan is missing``, ``city is one that the model has not
        seen`` or, of a combination of columns, ``months is 3 and calls is 7, taken together``.
    """
    parts = combined_columns(name, contract)
    if parts:
        texts = [reason_text(part, value, contract, unseen) for part in parts]
        return f"{', '.join(texts[:-1])} and {texts[-1]}, taken together"
    if name in unseen:
        return f"{name} is one that the model has not seen"
    found, column = value(name), contract.columns.get(name)
    if found is None or found != found:
        is_open = column is not None and column.is_open
        return f"{name} is missing" + (" or one that the model has not seen" if is_open else "")
    if not isinstance(found, int | float | np.integer | np.floating):
        return f"{name} is {_yes_no(str(found), column)}"
    number = float(found)
    if column is not None and column.unit is None and (column.minimum, column.maximum) == (0, 1):
        if column.type == "integer" and number in (0, 1):
            return f"{name} is {'yes' if number else 'no'}"
    unit = _unit_of_derived(name, contract) if column is None else column.unit
    text = said(number)
    return f"{name} is {text} {unit_of(text, unit)}" if unit else f"{name} is {text}"


def _unit_of_derived(name: str, contract: Contract) -> str | None:
    return next((column.unit for column in contract.derived_columns if column.name == name), None)


def combined_columns(name: str, contract: Contract) -> tuple[str, ...]:
    """Return the columns of a combination that the search made, which has a made-up name."""
    column = next((c for c in contract.derived_columns if c.name == name), None)
    return () if column is None else _combined(column.name, tuple(_parts(column)))


def _parts(column: DerivedColumn) -> list[str]:
    text = column.expression.text
    return sorted(column.expression.columns, key=lambda part: (text.find(part), part))


@lru_cache(maxsize=1024)
def _combined(name: str, parts: tuple[str, ...]) -> tuple[str, ...]:
    if len(parts) < 2:
        return ()
    plain = [re.sub(r"[\W_]+", "_", part).strip("_") for part in parts]
    either_way = [plain, plain[::-1]]
    joined = {
        between.join(order) for order in either_way for between in _BETWEEN
    } if len(parts) == 2 else {
        f"{kind}_of_{first}_and_{len(parts) - 1}_more"
        for kind in ("sum", "balance") for first in plain
    }  # fmt: skip
    same = any(re.fullmatch(re.escape(made) + r"(_\d+)?", name) for made in joined)
    return parts if same else ()


_BETWEEN = ("_plus_", "_minus_", "_per_", "_times_")


def _yes_no(value: str, column: Column | None) -> str:
    """Return ``yes`` or ``no`` for the values of a column that says no more."""
    if column is None or len(column.values) != 2:
        return value
    values = {allowed.casefold() for allowed in column.values}
    for meanings in _YES_NO:
        if values == meanings.keys():
            return meanings[value.casefold()]
    return value


def said(number: float) -> str:
    """Return a number as people say it: no exponent, few decimals, large ones in groups."""
    if number == int(number):
        rounded = number
    elif abs(number) < 1:
        return np.format_float_positional(
            number, precision=_SMALL_DIGITS, fractional=False, trim="-"
        )
    else:
        rounded = round(number, _DECIMALS)
    rounded += 0.0  # no -0
    text = f"{rounded:,.2f}" if abs(rounded) >= _SEPARATED_FROM else f"{rounded:.2f}"
    return text.rstrip("0").rstrip(".")


def unit_of(number: str, unit: str) -> str:
    """Return the unit in the singular or plural that the number takes."""
    head, between, rest = unit, "", ""
    for word in (" per ", " of "):
        if word in head:
            head, between, tail = head.partition(word)
            rest = between + tail + rest
    start, blank, noun = head.rpartition(" ")
    if number == "1":
        noun = _singular(noun)
    elif noun in _TIMES:
        noun += "s"
    return f"{start}{blank}{noun}{rest}"


def _singular(noun: str) -> str:
    if noun.casefold() in _ONE:
        return _ONE[noun.casefold()]
    if not noun.endswith("s") or noun.isupper() or len(noun) < 3:
        return noun
    if noun.endswith(("ss", "us", "is")):
        return noun
    if noun.endswith("ies") and len(noun) > 4:
        return noun[:-3] + "y"
    if noun.endswith(("sses", "shes", "ches", "xes", "zzes")):
        return noun[:-2]
    return noun[:-1]


def spelled(value: object) -> str:
    """Return a value as text with all its digits, empty where it is missing."""
    if value is None or value != value:
        return ""
    if isinstance(value, int | float | np.integer | np.floating):
        number = float(value)
        digits = max(_DIGITS, len(str(int(abs(number)))))  # of a large number, the whole part
        return np.format_float_positional(number, precision=digits, fractional=False, trim="-")
    return str(value)
