"""Columns of numbers: amounts, counts, labels and row numbers."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from churn_pipeline.discovery import names
from churn_pipeline.discovery.categories import Category, list_values
from churn_pipeline.discovery.dates import epoch_unit
from churn_pipeline.discovery.levels import Levels
from churn_pipeline.discovery.number_styles import NumberStyle
from churn_pipeline.discovery.numbers import is_integral, is_whole
from churn_pipeline.discovery.reading import Reading

_ROOM = 0.5  # share of the observed span that is allowed beyond either end
_FEW_GROUPS = 12  # distinct numbers up to which race or sex may be coded
_TELEPHONE = 1e6
_LABELS = 50  # distinct numbers from which a name of labels must have shared values


@dataclass(frozen=True)
class Labels:
    """Whole numbers that are labels: their category, and the spellings such as 1.0."""

    category: Category
    why: str


def why_no_amount(reading: Reading) -> str | None:
    """Return why a column of numbers is left alone, or None."""
    assert reading.numbers is not None
    values, known = reading.numbers.values, reading.known
    if not is_integral(values) or epoch_unit(values, reading.name):
        return None
    distinct = len(known) / known.n_rows
    score = names.identifier_score(reading.name)
    if len(known) > _LABELS and (score >= 4 or (score >= 2 and distinct > 0.2)):
        return "an identifier: its digits are not an amount"
    is_long = float(np.nanmedian(np.abs(values))) >= _TELEPHONE  # rather than calls by telephone
    if names.is_personal(reading.name) and (distinct > 0.5 or is_long):
        return "numbers of persons, such as telephone numbers: personal data, not an amount"
    if score >= 2 and not is_whole(values):
        return "an identifier: more digits than a number can represent"
    lengths = np.unique(np.floor(np.log10(np.maximum(np.abs(values), 1))))
    if distinct == 1 and known.n_rows >= _LABELS and len(lengths) == 1:
        if lengths[0] >= 7 and not names.unit(reading.name) and values.min() > 0:
            return "every row has a different number with the same number of digits: an identifier"
    return None


def is_year(values: np.ndarray) -> bool:
    """Whether the numbers may be years."""
    there = values[~np.isnan(values)]
    return bool(len(there) and there.min() >= 1850 and there.max() <= 2150)


def read_labels(reading: Reading, n_rows: int) -> Labels | None:
    """Return the category of whole numbers that are labels; None where they are amounts."""
    assert reading.numbers is not None
    values, style = reading.numbers.values, reading.numbers.style
    if not is_whole(values) or style.strip or reading.stray:
        return None
    numbers = np.unique(values[~np.isnan(values)])
    is_coded = False
    if len(numbers) == 2 and set(numbers) <= {-1.0, 0.0, 1.0, 2.0, 3.0}:
        why = "two small numbers, read as the two values of a category"
    elif len(numbers) == 1:
        why = "one value, or none"
    elif names.is_sensitive(reading.name) and len(numbers) > _FEW_GROUPS:
        return None
    elif (names.is_code(reading.name) or names.identifier_score(reading.name) >= 2) and numbers[
        0
    ] >= 0:
        is_coded, why = True, "its name suggests that the numbers are labels"
    else:
        return None
    spelled = _whole_texts(reading.known, values)
    category = list_values(spelled, reading.name, n_rows)
    if category is None or (len(numbers) > _LABELS and category.covered < 0.5):
        return None
    spellings = {
        value: tuple(sorted(reading.known.texts[values == float(value)].loc[lambda t: t != value]))  # noqa: B023
        for value in category.values
    }
    order = sorted(category.values, key=float) if not category.is_open else category.values
    category = Category(
        tuple(order),
        {value: others for value, others in spellings.items() if others},
        category.is_open or is_coded,  # tomorrow's branch has no number in this file
        category.n_levels,
        category.covered,
    )
    return Labels(category, why)


def number_keys(reading: Reading) -> dict[str, Any]:
    """Return type, unit and range of a column of amounts, and how its file spells them."""
    assert reading.numbers is not None
    values, style = reading.numbers.values, reading.numbers.style
    there = values[~np.isnan(values)]
    whole = is_whole(values)
    unit = style.unit or names.unit(reading.name)
    low, high = float(there.min()), float(there.max())
    is_percent = unit == "%" and low >= 0 and 1 < high <= 100
    least, most = (0.0, 100.0) if is_percent else _with_room(low, high)
    keys: dict[str, Any] = {"type": "integer" if whole else "number", "role": "feature"}
    if unit:
        keys["unit"] = unit
    keys |= {"minimum": _plain(least), "maximum": _plain(most)}
    return keys | spelling_keys(style)


def spelling_keys(style: NumberStyle) -> dict[str, Any]:
    """Return the keys of the contract for a way to spell numbers."""
    keys: dict[str, Any] = {}
    if style.decimal != ".":
        keys["decimal"] = style.decimal
    if style.thousands is not None:
        keys["thousands"] = style.thousands
    if style.strip:
        keys["strip"] = list(style.strip)
    if style.negative:
        keys["negative"] = list(style.negative)
    return keys


def _whole_texts(known: Levels, values: np.ndarray) -> Levels:
    """Return the levels of numbers, spelled as whole numbers are: 1.0 and 1 are one."""
    numbers, inverse = np.unique(values, return_inverse=True)
    counts = np.bincount(inverse, weights=known.counts).astype(np.int64)
    return Levels(pd.Series([str(int(number)) for number in numbers], dtype="str"), counts)


def _with_room(low: float, high: float) -> tuple[float, float]:
    span = high - low
    room = _ROOM * span if span > 0 else max(abs(high), 1.0)
    if not math.isfinite(room):
        return low, high
    step = 10.0 ** math.floor(math.log10(room))
    least = math.floor((low - room) / step) * step
    most = math.ceil((high + room) / step) * step
    if not (math.isfinite(least) and math.isfinite(most)):
        return low, high
    # products of powers of ten may fall short of the last digit
    least, most = min(_short(least), low), max(_short(most), high)
    return (max(0.0, least) if low >= 0 else least), (min(0.0, most) if high <= 0 else most)


def _short(value: float) -> float:
    return float(f"{value:.12g}")


def _plain(value: float) -> int | float:
    return int(value) if value == int(value) and abs(value) < 1e15 else value
