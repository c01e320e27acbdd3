"""Dates and the day of the snapshot, after which nothing was known."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from churn_pipeline.discovery import names
from churn_pipeline.discovery.dates import epoch_unit
from churn_pipeline.discovery.doubts import ask_zones
from churn_pipeline.discovery.features import ignored
from churn_pipeline.discovery.keys import Keys
from churn_pipeline.discovery.plan import Cost, Notes, Plan
from churn_pipeline.discovery.reading import Reading

_LATER = 0.002  # share of rows that may have a date after the snapshot: they will be rejected
_YEAR = np.timedelta64(366, "D")
_LONGEST = 60 * _YEAR  # span beyond which years of two digits hold two centuries


def settle_dates(
    plans: list[Plan],
    days: dict[str, NDArray[np.float64]],
    limit: NDArray[np.float64],
    readings: dict[str, Reading],
    keys: Keys,
    notes: Notes,
) -> tuple[Keys, list[Plan]]:
    """Leave out dates later than the snapshot; make a snapshot where there are dates but none.

    Years of two digits that cannot all be of the century in which they are read are left out too.

    Parameters
    ----------
    plans : list of Plan
    days : dict of str to ndarray of float
        Days since 1970 of the columns of dates, on the rows of the sample.
    limit : ndarray of float
        Days since 1970 of the snapshot on these rows, where the file has one.
    readings : dict of str to Reading
    keys : Keys
    notes : Notes
        Gains warnings and questions.

    Returns
    -------
    keys : Keys
        With the snapshot that was made, if any.
    plans : list of Plan
    """
    for plan in plans:
        if plan.name in readings and plan.keys["type"] == "date":
            ask_zones(readings[plan.name], notes)
    epochs = epochs_of(plans, readings)
    plans = _of_one_century(plans, epochs, readings, notes)
    dates = [plan for plan in plans if plan.keys["type"] == "date" and "feature" in plan.roles]
    if not dates and not epochs:
        return keys, plans
    if keys.snapshot is None:
        births = [plan for plan in dates if names.is_age_or_birth(plan.name)]
        if len(births) == len(dates) and not epochs:
            return keys, [_of_no_day(plan, readings, notes) if plan in births else plan
                          for plan in plans]  # fmt: skip
        dates = [plan for plan in dates if plan not in births]
        plausible = [plan for plan in dates if not names.is_end(plan.name)] or dates
        latest = [_latest(readings[plan.name]) for plan in plausible]
        latest += [_latest_epoch(readings[name], units) for name, units in epochs.items()]
        default = max(latest)
        name = "snapshot_date"
        while name in readings:
            name += "_"
        snapshot = {
            "type": "date",
            "role": "snapshot",
            "default": str(default),
            "meaning": "Day on which the row describes the customer.",
        }
        why = "the latest date in the file, because it does not say when it was taken"
        plans = [Plan(name, snapshot, "not in the file", why), *plans]
        notes.ask(
            f"On which day was the table taken? {default}, its latest date, is assumed.",
            f"`default` under columns.{name}, or `--snapshot COL` for a column of the file",
            Cost.KEY,
        )
        keys = replace(keys, snapshot=name, why_snapshot=why)
        limit = np.full(len(limit), float(default.astype(np.int64)))
    return keys, [_not_later(plan, days, limit, readings, notes) for plan in plans]


def _of_one_century(
    plans: list[Plan], epochs: dict[str, float], readings: dict[str, Reading], notes: Notes
) -> list[Plan]:
    """Leave out dates whose two digits of the year are read as of a wrong century.

    That shows where they lie more than a year after all dates of certain years, or span more than
    60 years; births show it by nothing else, so without such dates they are left out as well.
    """
    sure = [_latest_epoch(readings[name], units) for name, units in epochs.items()]
    sure += [
        _latest(readings[plan.name])
        for plan in plans
        if plan.name in readings and plan.keys["type"] == "date"
        and not (_has_two_digits(plan) or names.is_end(plan.name))
    ]  # fmt: skip
    return [
        _wrong_century(plan, max(sure, default=None), readings, notes)
        if "feature" in plan.roles and _has_two_digits(plan)
        else plan
        for plan in plans
    ]


def _has_two_digits(plan: Plan) -> bool:
    return any("%y" in form for form in plan.keys.get("formats", ()))


def _wrong_century(
    plan: Plan, sure: np.datetime64 | None, readings: dict[str, Reading], notes: Notes
) -> Plan:
    dates = readings[plan.name].dates
    assert dates is not None
    days = dates.values.astype("datetime64[D]")
    first, last = np.nanmin(days), np.nanmax(days)
    if last - first > _LONGEST:
        why = f"its two-digit years would reach from {first} to {last}"
    elif sure is None and names.is_age_or_birth(plan.name):
        why = f"its two-digit years, up to {last}, may be of another century"
    elif sure is not None and last > sure + _YEAR and not names.is_end(plan.name):
        why = f"its two-digit years would reach to {last}, while other dates end on {sure}"
    else:
        return plan
    notes.warn(f"{plan.name} is left out: {why}.")
    notes.ask(
        f"Which century are the two-digit years of {plan.name} in?",
        "four-digit years in the file",
        Cost.LOST,
    )
    return ignored(readings[plan.name], plan.found, why)


def _of_no_day(plan: Plan, readings: dict[str, Reading], notes: Notes) -> Plan:
    """Leave out a date of birth where no day says how old that is."""
    why = "without the day on which the table was taken, a date of birth gives no age"
    notes.ask(
        f"On which day was the table taken? {plan.name} is left out, because that is not known.",
        "a column with that day in the file, or one with ages",
        Cost.LOST,
    )
    return ignored(readings[plan.name], plan.found, why)


def _not_later(
    plan: Plan,
    days: dict[str, NDArray[np.float64]],
    limit: NDArray[np.float64],
    readings: dict[str, Reading],
    notes: Notes,
) -> Plan:
    if plan.name not in days or "feature" not in plan.roles:
        return plan
    later = float(np.mean(days[plan.name] > limit))
    if later > _LATER:
        why = f"{later:.1%} of its dates are later than the snapshot, so it may be known only later"
        if np.nanmax(days[plan.name] - limit) <= 1:
            why += " (by one day at most: it may be in another time zone)"
        notes.ask(
            f"{plan.name} is left out: {why}. Is it known on the day that a row describes?",
            "a column with the number of days in the file, which can be used",
            Cost.LOST,
        )
        return ignored(readings[plan.name], plan.found, why)
    if later:
        notes.warn(f"{later:.2%} of the rows have a {plan.name} after the snapshot; they will be "
                   "rejected.")  # fmt: skip
    return plan


def _latest(reading: Reading) -> np.datetime64:
    assert reading.dates is not None
    days = reading.dates.values.astype("datetime64[D]")
    latest: np.datetime64 = days[~np.isnat(days)].max()
    return latest


def _latest_epoch(reading: Reading, units: float) -> np.datetime64:
    assert reading.numbers is not None
    return np.datetime64(int(np.nanmax(reading.numbers.values) // units) + 1, "D")


def epochs_of(plans: list[Plan], readings: dict[str, Reading]) -> dict[str, float]:
    """Return the features that count from 1970, with how many of their units make a day."""
    found = {}
    for plan in plans:
        reading = readings.get(plan.name)
        if reading is None or reading.numbers is None or plan.roles[0] != "feature":
            continue
        unit = epoch_unit(reading.numbers.values, plan.name)
        if unit:
            found[plan.name] = {"s": 86_400.0, "ms": 86_400_000.0}[unit]
    return found
