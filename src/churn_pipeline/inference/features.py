"""Decide about each column that is neither id, snapshot nor target."""

from typing import Any

import numpy as np

from churn_pipeline.inference import names
from churn_pipeline.inference.categories import Category, list_values, why_no_category
from churn_pipeline.inference.dates import epoch_unit
from churn_pipeline.inference.evidence import Evidence
from churn_pipeline.inference.missing import sentinels
from churn_pipeline.inference.numeric import number_keys, read_labels, why_no_amount
from churn_pipeline.inference.plan import Notes, Plan, percent
from churn_pipeline.inference.reading import Reading

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
        return ignored(reading, found, "all rows hold the same value")
    if not keep:
        if reading.known.n_rows < _FEW_FILLED and reading.missing_share > 0.9:
            return ignored(reading, found, f"only {reading.known.n_rows} cells are filled")
        why = _leak(reading, evidence, notes)
        if why:
            return ignored(reading, found, why)
    if reading.is_broken:
        notes.ask(
            f"{reading.name} mixes numbers with texts such as {_listed(reading.stray[:3])}: what "
            "do these mean?",
            "mend the file, or list those that mean missing under `missing_values` of the column",
        )
        return ignored(reading, found, "it mixes numbers with many different texts")
    plan = _typed(reading, found, notes, keep)
    if plan.roles == ["ignored"]:
        return plan
    if reading.missing_share > nullable_from:
        plan.keys["nullable"] = True
    _mark_sensitive(plan, sensitive, notes)
    if evidence is not None and not keep:
        _suspect(reading, evidence, notes)
    if reading.missing_share > _MOSTLY_MISSING:
        plan.why = _and(plan.why, "kept, since whether a cell is filled may tell as well")
    plan.keys["meaning"] = names.sentence(reading.name)
    return plan


_FEW_OF_ALL = 0.2  # share of different texts; above, a report would show customers


def describe(reading: Reading) -> str:
    """Say what a column holds."""
    known = reading.known
    n = len(known)
    if reading.kind == "empty":
        return "nothing but missing cells"
    if reading.flag is not None:
        text = f"flag: {_listed(list(known.by_frequency().texts[:8]))}"
    elif reading.dates is not None:
        days = reading.dates.values[~np.isnat(reading.dates.values)].astype("datetime64[D]")
        text = f"dates from {days.min()} to {days.max()}"
    elif reading.numbers is not None:
        values = reading.numbers.values[~np.isnan(reading.numbers.values)]
        text = f"{n:,} different numbers from {_number(values.min())} to {_number(values.max())}"
    elif names.is_personal(reading.name) or n > _FEW_OF_ALL * known.n_rows:
        text = f"{n:,} different texts"  # none is shown: they may name persons
    else:
        few = _listed(list(known.by_frequency(6).texts))
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
                f"Does {reading.name} write the day first or the month? The cells do not say; "
                f"{first} is taken.",
                f"`formats: ['{second}']` under columns.{reading.name}",
            )
        if reading.dates.is_mixed:
            notes.warn(
                f"{reading.name} mixes dates that write the day first with others that write the "
                f"month first; where both fit, {reading.dates.formats[0]} is taken."
            )
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
            f"a coarser column in the file, or --keep {_quoted(reading.name)}",
        )
        return ignored(reading, found, "too few rows share a value for a model to learn from it")
    return Plan(reading.name, _category_keys(category), found, _why_category(category))


def _numeric(reading: Reading, found: str, notes: Notes, keep: bool) -> Plan:
    assert reading.numbers is not None
    why = None if keep else why_no_amount(reading)
    if why:
        return ignored(reading, found, why)
    labels = read_labels(reading, reading.n_rows)
    if labels is not None:
        why = _and(labels.why, _why_category(labels.category))
        return Plan(reading.name, _category_keys(labels.category), found, why)
    plan = Plan(reading.name, number_keys(reading), found)
    if epoch_unit(reading.numbers.values, reading.name):
        plan.keys["unit"] = "seconds since 1970" if _is_seconds(reading) else "ms since 1970"
        plan.why = "moments, counted from 1970"
    if reading.numbers.style.is_ambiguous:
        style = reading.numbers.style
        notes.ask(
            f"Is {style.thousands!r} in {reading.name} a thousands separator, as taken, or does it "
            "stand before the fraction? Both readings fit.",
            f"`decimal` and `thousands` under columns.{reading.name}",
        )
    if reading.stray:
        notes.warn(
            f"{reading.name} holds {_listed(reading.stray[:5])} among its numbers; "
            + ("they are read as missing." if set(reading.stray) <= set(reading.missing)
               else "these rows will be rejected.")
        )  # fmt: skip
    for value in sentinels(reading.numbers.values, reading.known.counts):
        notes.ask(
            f"Does {value:g} in {reading.name} mean that the value is missing? It is read as a "
            "number.",
            f'`missing_values: ["{value:g}"]` and `nullable: true` under columns.{reading.name}, '
            "or clear these cells in the file",
        )
    return plan


def _leak(reading: Reading, evidence: Evidence | None, notes: Notes) -> str | None:
    name = reading.name
    why = None
    if names.is_after_event(name):
        why = "its name speaks of what is known only after a customer left"
    elif evidence is None:
        return None
    elif _auc(evidence) >= _LEAK:
        why = (
            f"it alone tells who left (held-out ROC-AUC {evidence.roc_auc:.3f}): the target in "
            "other words, or known only afterwards"
        )
    elif evidence.filled_churn is not None:
        why = (
            f"it is filled only for customers who left ({evidence.filled_churn:.1%} of the filled)"
        )
    elif evidence.missing_churn is not None:
        why = f"it is missing only for customers who left ({evidence.missing_churn:.1%} of these)"
    elif names.may_be_after_event(name) and _auc(evidence) >= _SUSPECT:
        why = (
            "its name may speak of what is known only after a customer left, and its held-out "
            f"ROC-AUC of {_auc(evidence):.3f} agrees"
        )
    if why:
        notes.ask(
            f"Is {name} known before a customer leaves? It is left out: {why}.",
            f"--keep {_quoted(name)}",
        )
    return why


def _auc(evidence: Evidence) -> float:
    """Return the held-out ROC-AUC in whichever direction; 0.5 where it is not known."""
    auc = 0.5 if evidence.roc_auc is None else evidence.roc_auc
    return max(auc, 1 - auc)


def _suspect(reading: Reading, evidence: Evidence, notes: Notes) -> None:
    name = reading.name
    if _auc(evidence) >= (0.9 if names.speaks_of_leaving(name) else _SUSPECT):
        notes.ask(
            f"Is {name} surely known before a customer leaves? It alone reaches a held-out ROC-AUC "
            f"of {_auc(evidence):.3f}.",
            f"--drop {_quoted(name)} if it is not",
        )
    elif names.may_be_after_event(name):
        notes.ask(
            f"Is {name} known before a customer leaves? Its name may mean either, and nothing else "
            "speaks against it, so it is kept.",
            f"--drop {_quoted(name)} if it is not",
        )
    elif evidence.sure_level is not None:
        level, rows, rate = evidence.sure_level
        shown = f"{level:g}" if reading.kind == "number" else repr(reading.known.texts[int(level)])
        notes.ask(
            f"Of the {rows:,} customers whose {name} is {shown}, {rate:.1%} left: is that "
            "known before?",
            f"--drop {_quoted(name)} if it is not",
        )


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


def _listed(texts: object) -> str:
    shown = (text if len(text) <= 30 else f"{text[:29]}…" for text in texts)  # type: ignore[attr-defined]
    return ", ".join(repr(text) for text in shown)


def _quoted(name: str) -> str:
    return name if name.replace("_", "").isalnum() else f'"{name}"'
