"""Decide about each column that is neither id, snapshot nor target."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn_pipeline.discovery import names
from churn_pipeline.discovery.categories import Category, list_values, why_no_category
from churn_pipeline.discovery.dates import epoch_unit
from churn_pipeline.discovery.descriptions import describe, plain
from churn_pipeline.discovery.doubts import (
    ask_codes,
    ask_half_read,
    ask_infinite,
    ask_negative,
    ask_odd_days,
    ask_spellings,
    ask_strays,
    ask_zeros,
)
from churn_pipeline.discovery.evidence import Evidence
from churn_pipeline.discovery.keys import follows_rows, is_row_number
from churn_pipeline.discovery.leaks import find_leak, suspect
from churn_pipeline.discovery.numbers import is_whole
from churn_pipeline.discovery.numeric import is_year, number_keys, read_labels, why_no_amount
from churn_pipeline.discovery.plan import Cost, Notes, Plan, listed, quoted
from churn_pipeline.discovery.reading import Reading
from churn_pipeline.discovery.treatments import find_treatment

_MOSTLY_MISSING = 0.5
_FEW_FILLED = 20  # rows below which a column that is nearly empty tells nothing


def ignored(reading: Reading, found: str, why: str) -> Plan:
    """Return the plan of a column that is left alone."""
    keys = {
        "type": "text",
        "role": "ignored",
        "nullable": True,
        "meaning": names.sentence(reading.name),
    }
    return Plan(reading.name, keys, found, why)


def plan_feature(
    reading: Reading,
    evidence: Evidence | None,
    values: NDArray[np.float64] | None,
    notes: Notes,
    sensitive: bool | None = None,
    keep: bool = False,
    nullable_from: float = 0.0,
) -> Plan:
    """Decide what a column is and whether the model may see it.

    Parameters
    ----------
    reading : Reading
    evidence : Evidence or None
        What the column alone tells about the target.
    values : ndarray of float, (n_rows,), or None
        Its numbers in the order of the file, of a large table on a sample of the rows.
    notes : Notes
        Gains warnings and questions.
    sensitive : bool, optional
        What the user says; else the name tells.
    keep : bool
        Whether the user wants the column whatever speaks against it.
    nullable_from : float
        Share of missing cells above which a cell may be missing.
    """
    found = describe(reading)
    if reading.kind == "empty":
        return ignored(reading, found, "all of its cells are missing")
    if reading.is_constant:
        return ignored(reading, found, "all rows have the same value")
    if not keep:
        if reading.known.n_rows < _FEW_FILLED and reading.missing_share > 0.9:
            return ignored(reading, found, f"only {reading.known.n_rows} cells are filled")
        why = (
            _row_number(reading, values, notes)
            or find_leak(reading, evidence, notes)
            or find_treatment(reading, notes)
        )
        if why:
            return ignored(reading, found, why)
    ask_zeros(reading, notes)
    if reading.stray:
        ask_strays(reading, notes)
    if reading.is_broken:
        return ignored(reading, found, "it mixes numbers with many different texts")
    plan = _typed(reading, found, notes, keep)
    if reading.kind == "text":
        ask_half_read(reading, plan, notes)
    if plan.roles == ["ignored"]:
        return plan
    if plan.keys["type"] == "category":
        is_sensitive = names.is_sensitive(reading.name) if sensitive is None else sensitive
        ask_spellings(reading, is_sensitive, notes)
    if reading.missing_share > nullable_from:
        plan.keys["nullable"] = True
    _mark_sensitive(plan, sensitive, notes)
    if evidence is not None and not keep:
        suspect(reading, evidence, notes)
    if reading.missing_share > _MOSTLY_MISSING:
        plan.why = _and(plan.why, "kept, because whether a cell is filled may be informative")
    plan.keys["meaning"] = names.sentence(reading.name)
    return plan


def _typed(reading: Reading, found: str, notes: Notes, keep: bool) -> Plan:
    if reading.flag is not None:
        keys: dict[str, Any] = {
            "type": "category", "role": "feature", "values": list(reading.flag.values)
        }  # fmt: skip
        return Plan(reading.name, _spelled(keys, reading.flag.spellings), found)
    if reading.dates is not None:
        keys = {"type": "date", "role": "feature"}
        if reading.dates.formats:
            keys["formats"] = list(reading.dates.formats)
        if reading.dates.is_ambiguous:
            first, second = reading.dates.formats[0], _swapped(reading.dates.formats[0])
            notes.ask(
                f"Does {reading.name} write the day or the month first? The cells "
                f"({listed(reading.known.texts[:2])}) do not say; {first} is taken.",
                f"`formats: ['{second}']` under columns.{reading.name}",
                Cost.STYLE,
            )
        if reading.dates.is_mixed:
            notes.warn(
                f"{reading.name} mixes dates with the day first and dates with the month first; "
                f"where both are possible, {reading.dates.formats[0]} is taken."
            )
        ask_odd_days(reading, notes)
        return Plan(reading.name, keys, found)
    if reading.numbers is not None:
        return _numeric(reading, found, notes, keep)
    why = None if keep else why_no_category(reading)
    if why:
        return ignored(reading, found, why)
    category = list_values(reading.known, reading.name, reading.n_rows, must=keep)
    if category is None:
        notes.ask(
            f"{reading.name} has {len(reading.known):,} different texts, few of them in "
            "20 rows: can it be grouped into fewer?",
            f"--keep {quoted(reading.name)}  or a coarser column in the file",
            Cost.SMALL,
        )
        return ignored(reading, found, "too few rows share a value for a model to learn from it")
    return Plan(reading.name, _category_keys(category), found, _why_category(category))


def _numeric(reading: Reading, found: str, notes: Notes, keep: bool) -> Plan:
    assert reading.numbers is not None
    why = None if keep else why_no_amount(reading)
    if why:
        return ignored(reading, found, why)
    if not keep and names.is_coordinate(reading.name):
        notes.ask(
            f"May the model use {reading.name} ({found}), a geographic coordinate? It is left out: "
            "customers would be selected by where they live, and a reason could only state a "
            "number.",
            f"--keep {quoted(reading.name)}",
            Cost.SMALL,
        )
        return ignored(reading, found, "a geographic coordinate")
    labels = read_labels(reading, reading.n_rows)
    if labels is not None:
        why = _and(labels.why, _why_category(labels.category))
        return Plan(reading.name, _category_keys(labels.category), found, why)
    if not keep and names.is_code(reading.name) and is_whole(reading.numbers.values):
        notes.ask(
            f"{reading.name} has {len(reading.known):,} different codes, too few rows of each to "
            f"learn from ({listed(reading.known.by_frequency(3).texts)}): can they be grouped?",
            f"--keep {quoted(reading.name)}  for the numbers, or a coarser column in the file",
            Cost.SMALL,
        )
        return ignored(reading, found, "codes, each of which too few rows share")
    plan = Plan(reading.name, number_keys(reading), found)
    if epoch_unit(reading.numbers.values, reading.name):
        plan.keys["unit"] = "seconds since 1970" if _is_seconds(reading) else "ms since 1970"
        plan.why = "moments, counted from 1970"
    if reading.numbers.style.is_ambiguous:
        style = reading.numbers.style
        notes.ask(
            f"Is {style.thousands!r} in {reading.name} ({listed(_with(reading, style.thousands))}) "
            "a thousands separator, as assumed, or the decimal separator? Both are possible.",
            f"`decimal` and `thousands` under columns.{reading.name}",
            Cost.STYLE,
        )
    ask_infinite(reading, notes)
    ask_negative(reading, notes)
    ask_codes(reading, notes)
    return plan


def _with(reading: Reading, mark: str | None) -> list[str]:
    """Return cells that have the mark."""
    texts = reading.known.texts
    return texts[texts.str.contains(mark or "", regex=False)].tolist()[:2]


def _row_number(reading: Reading, values: NDArray[np.float64] | None, notes: Notes) -> str | None:
    if reading.numbers is None or not is_whole(reading.numbers.values):
        return None
    name, numbers = reading.name, reading.numbers.values
    if names.is_personal(name) or names.identifier_score(name) >= 2:
        return None  # for which there are other words
    if epoch_unit(numbers, name) or is_year(numbers):
        return None
    ends = f"{plain(np.nanmin(numbers))} to {plain(np.nanmax(numbers))}"
    if is_row_number(reading):
        why = "it counts the rows, or numbers the customers: an identifier"
        doubt = f"It is left out: {len(reading.known):,} numbers from {ends} that hardly repeat"
    elif values is not None and follows_rows(values) and not names.unit(name):
        why = "it rises or falls along the rows of the file: a row number, an identifier"
        doubt = f"It is left out: its numbers, {ends}, only rise or only fall down the file"
    else:
        return None
    if not names.is_index(name):
        notes.ask(
            f"Does {name} measure something about a customer, or does it number the rows? {doubt}.",
            f"--keep {quoted(name)}",
            Cost.LOST,
        )
    return why


def _mark_sensitive(plan: Plan, sensitive: bool | None, notes: Notes) -> None:
    if sensitive is None and not names.is_sensitive(plan.name):
        return
    if plan.keys["type"] == "date":
        notes.warn(
            f"{plan.name} tells the age of persons, which fairness cannot be audited by as a date; "
            "add a column of ages to the file for that."
        )
        return
    plan.keys["role"] = ["feature", "sensitive"]
    said = "--sensitive names it" if sensitive else "its name asks for checks of fairness"
    plan.why = _and(plan.why, said)


def _category_keys(category: Category) -> dict[str, Any]:
    keys: dict[str, Any] = {"type": "category", "role": "feature", "values": list(category.values)}
    if category.is_open:
        keys["open"] = True
    return _spelled(keys, category.spellings)


def _spelled(keys: dict[str, Any], spellings: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    if spellings:
        keys["spellings"] = {value: list(others) for value, others in spellings.items()}
    return keys


def _why_category(category: Category) -> str:
    if not category.is_open:
        return ""
    if len(category.values) == category.n_levels:
        return "other values may come and are read as missing"
    return (
        f"{len(category.values):,} of {category.n_levels:,} values are listed, which cover "
        f"{category.covered:.1%} of the rows; the others are read as missing"
    )


def _swapped(form: str) -> str:
    return form.replace("%d", "\0").replace("%m", "%d").replace("\0", "%m")


def _is_seconds(reading: Reading) -> bool:
    assert reading.numbers is not None
    return epoch_unit(reading.numbers.values, reading.name) == "s"


def _and(first: str, second: str) -> str:
    return f"{first}; {second}" if first and second else first or second
