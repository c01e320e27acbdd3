"""Decide about each column that is neither id, snapshot nor target."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn_pipeline.discovery import names
from churn_pipeline.discovery.categories import Category, list_values, why_no_category
from churn_pipeline.discovery.dates import epoch_unit
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
from churn_pipeline.discovery.numbers import is_whole
from churn_pipeline.discovery.numeric import is_year, number_keys, read_labels, why_no_amount
from churn_pipeline.discovery.plan import Cost, Notes, Plan, listed, percent, quoted
from churn_pipeline.discovery.reading import MOST_LEVELS, Reading

_LEAK = 0.99
_SUSPECT = 0.95
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
        why = _row_number(reading, values, notes) or _leak(reading, evidence, notes)
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
        _suspect(reading, evidence, notes)
    if reading.missing_share > _MOSTLY_MISSING:
        plan.why = _and(plan.why, "kept, because whether a cell is filled may be informative")
    plan.keys["meaning"] = names.sentence(reading.name)
    return plan


_FEW_OF_ALL = 0.2  # share of different texts; above, a report would show customers


def describe(reading: Reading) -> str:
    """Say what a column holds."""
    known = reading.known
    n = len(known)
    if reading.kind == "empty":
        return "only missing cells"
    if reading.flag is not None:
        text = f"flag: {listed(list(known.by_frequency().texts[:8]))}"
    elif reading.dates is not None:
        days = reading.dates.values[~np.isnat(reading.dates.values)].astype("datetime64[D]")
        text = f"dates from {days.min()} to {days.max()}"
    elif reading.numbers is not None:
        values = reading.numbers.values[~np.isnan(reading.numbers.values)]
        text = f"{n:,} different numbers from {_number(values.min())} to {_number(values.max())}"
    elif names.is_personal(reading.name) or n > _FEW_OF_ALL * known.n_rows:
        text = f"{n:,} different texts"  # none is shown: they may name persons
    else:
        few = listed(list(known.by_frequency(6).texts))
        text = f"{n:,} different text{'s' if n > 1 else ''}: {few}{', …' if n > 6 else ''}"
    share = reading.missing_share
    if share:
        text += f"; {percent(share)} missing"
    return text


def _number(value: float) -> str:
    return f"{value:.0f}" if value == round(value) and abs(value) < 1e15 else f"{value:.6g}"


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
    ends = f"{_number(np.nanmin(numbers))} to {_number(np.nanmax(numbers))}"
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


def _leak(reading: Reading, evidence: Evidence | None, notes: Notes) -> str | None:
    name = reading.name
    why = None
    if names.is_after_event(name):
        why = "its name refers to something that is known only after a customer left"
    elif evidence is None:
        return None
    elif _auc(evidence) >= _LEAK:
        why = (
            f"it alone predicts who left (held-out ROC-AUC {evidence.roc_auc:.3f}): the target in "
            "another form, or known only afterwards"
        )
    elif evidence.filled_churn is not None:
        why = (
            f"it is filled only for customers who {_did(evidence.filled_churn)} "
            f"({percent(_side(evidence.filled_churn))} of the filled)"
        )
    elif evidence.missing_churn is not None:
        why = (
            f"it is missing only for customers who {_did(evidence.missing_churn)} "
            f"({percent(_side(evidence.missing_churn))} of these)"
        )
    elif names.may_be_after_event(name) and _auc(evidence) >= _SUSPECT:
        why = (
            "its name may refer to something that is known only after a customer left, and its "
            f"held-out ROC-AUC of {_auc(evidence):.3f} agrees"
        )
    if why:
        notes.ask(
            f"Is {name} known before a customer leaves? It is left out: {why} "
            f"({_samples(reading)}).",
            f"--keep {quoted(name)}",
            Cost.LOST if names.is_after_event(name) else Cost.LEAK,
        )
    return why


def _did(rate: float) -> str:
    return "left" if rate > 0.5 else "stayed"


def _side(rate: float) -> float:
    return max(rate, 1 - rate)


def _samples(reading: Reading) -> str:
    found = describe(reading)
    return found if len(found) <= 100 else found[:99] + "…"


def _auc(evidence: Evidence) -> float:
    """Return the held-out ROC-AUC in whichever direction; 0.5 where it is not known."""
    auc = 0.5 if evidence.roc_auc is None else evidence.roc_auc
    return max(auc, 1 - auc)


def _suspect(reading: Reading, evidence: Evidence, notes: Notes) -> None:
    name = reading.name
    answer = f"--drop {quoted(name)}  if it is not"
    if _auc(evidence) >= (0.9 if names.speaks_of_leaving(name) else _SUSPECT):
        notes.ask(
            f"Is {name} really known before a customer leaves? It alone reaches a held-out ROC-AUC "
            f"of {_auc(evidence):.3f} ({_samples(reading)}).",
            answer,
            Cost.LEAK,
        )
    elif names.may_be_after_event(name):
        notes.ask(
            f"Is {name} known before a customer leaves? Its name is ambiguous and nothing else "
            f"suggests otherwise, so it is kept ({_samples(reading)}).",
            answer,
            Cost.LEAK,
        )
    elif evidence.state is not None and _has_places(reading):
        state = evidence.state
        low, high = (_shown(reading, value) for value in (state.low, state.high))
        is_one = state.low == state.high
        shown = f"is {low}" if is_one else f"is from {low} to {high}"
        notes.ask(
            f"Of the {state.rows:,} customers whose {name} {shown}, {_side(state.churn_rate):.1%} "
            f"{_did(state.churn_rate)}: is that known before?",
            answer,
            Cost.LEAK,
        )


def _has_places(reading: Reading) -> bool:
    """Whether values of the evidence can be named: of very many texts they are mere numbers."""
    return reading.kind in ("number", "date") or len(reading.known) <= MOST_LEVELS


def _shown(reading: Reading, value: float) -> str:
    if reading.kind == "number":
        return f"{value:g}" if abs(value) < 1e6 else _number(value)
    if reading.kind == "date":
        return str(np.datetime64(int(value), "D"))
    return repr(reading.known.texts[int(value)])


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
