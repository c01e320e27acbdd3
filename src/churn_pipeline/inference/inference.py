"""From a table that nobody has described to a contract, a report and questions."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_pipeline.errors import DataError
from churn_pipeline.inference import names
from churn_pipeline.inference.dates import epoch_unit
from churn_pipeline.inference.derived import derive_from_dates
from churn_pipeline.inference.document import contract_text
from churn_pipeline.inference.evidence import Evidence, weigh
from churn_pipeline.inference.features import describe, ignored, plan_feature
from churn_pipeline.inference.keys import Keys, find_keys
from churn_pipeline.inference.plan import Notes, Plan, percent
from churn_pipeline.inference.reading import Reading, read_columns, row_values
from churn_pipeline.inference.report import render_report
from churn_pipeline.inference.target import Target, closest, find_target, levels_of, target_rows
from churn_pipeline.io.raw_table import RawTable

_SAMPLE_ROWS = 200_000
_SEED = 42
_RARE = 0.01
_FEW_ROWS = 300
_FEW_CHURNERS = 100
_LATER = 0.002  # share of rows that may have a date after the snapshot: they will be rejected


@dataclass(frozen=True)
class Hints:
    """What the user says of the table; anything left out is inferred.

    Attributes
    ----------
    target, positive : str or None
        The target's column, and its value that means churn.
    id, snapshot : str or None
        The columns of the customer and of the day that a row describes.
    horizon_days : int or None
        How many days after the snapshot the target is known.
    drop, keep, sensitive : tuple of str
        Columns to ignore, to keep whatever speaks against them, to audit for fairness.
    nullable_from : float
        Share of missing cells above which a column may have them; rows with one are rejected
        where the share is below.
    """

    target: str | None = None
    positive: str | None = None
    id: str | None = None
    snapshot: str | None = None
    horizon_days: int | None = None
    drop: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ()
    nullable_from: float = 0.0


@dataclass(frozen=True)
class Inference:
    """What was inferred.

    Attributes
    ----------
    document : dict
        The contract, for :func:`churn_pipeline.contract.parse_contract`.
    contract_text : str
        The contract as YAML, with comments on what was decided.
    report : str
        Markdown: every column, what was decided and why, warnings and questions.
    plans : list of Plan
        The decision about each column.
    notes : Notes
        Warnings and questions.
    target : Target
    keys : Keys
    churn_rate : float
    """

    document: dict[str, Any]
    contract_text: str
    report: str
    plans: list[Plan]
    notes: Notes
    target: Target
    keys: Keys
    churn_rate: float


def infer_contract(
    raw: RawTable,
    name: str,
    hints: Hints | None = None,
    progress: Callable[[str], None] = lambda _text: None,
) -> Inference:
    """Look at a table and write the contract that describes it.

    Parameters
    ----------
    raw : RawTable
        The table, every cell as text.
    name : str
        Of the data set.
    hints : Hints, optional
        What the user says.
    progress : callable
        Told now and then what is looked at.

    Raises
    ------
    DataError
        If the table lacks a column of the hints, or the target cannot be told.
    """
    hints = hints or Hints()
    cells = raw.cells
    _check_hints(hints, list(cells.columns), raw.name)
    notes = Notes()
    readings, missing_values = read_columns(
        cells, lambda done, of: progress(f"read column {done} of {of}")
    )
    candidates = {name: r for name, r in readings.items() if name not in hints.drop}
    target = find_target(candidates, cells, raw.name, hints.target, hints.positive)
    taken = {target.name, *hints.drop}
    keys = find_keys(readings, cells, raw.name, taken, hints.id, hints.snapshot)
    rows = _sample(len(cells))
    churned = target_rows(cells[target.name].iloc[rows], target)
    days: dict[str, NDArray[np.float64]] = {}
    limit = np.full(len(rows), np.inf)
    plans = []
    for number, (column, reading) in enumerate(readings.items()):
        progress(f"weighed column {number + 1} of {len(readings)}")
        if column == target.name:
            plans.append(_plan_target(reading, target, keys, hints, notes))
        elif column in hints.drop:
            plans.append(ignored(reading, describe(reading), "--drop names it"))
        elif column == keys.id:
            plan = {"type": "text", "role": "id", "meaning": "Identifier of the customer."}
            plans.append(Plan(column, plan, describe(reading), keys.why_id))
        elif column == keys.snapshot:
            plans.append(_plan_snapshot(reading, keys))
            limit = row_values(cells[column].iloc[rows], reading)
        else:
            values = _values(cells[column], rows, reading)
            if reading.kind == "date" and values is not None:
                days[column] = values
            plans.append(_plan(reading, values, churned, hints, notes))
    keys, plans = _settle_dates(plans, days, limit, readings, keys, notes)
    if keys.id is None:
        plans.insert(0, _generated_id(list(cells.columns), notes))
    churn_rate = _report_target(readings[target.name], target, notes)
    _report_keys(keys, hints, readings, notes)
    if hints.horizon_days is not None and keys.snapshot is None:
        raise DataError(
            f"--horizon-days counts from a snapshot, of which {raw.name} has none; name a column "
            "of dates by --snapshot"
        )
    features = [plan.name for plan in plans if "feature" in plan.roles]
    if not features:
        raise DataError(
            f"{raw.name} has no column that a model could learn from: "
            + "; ".join(f"{p.name} ({p.why})" for p in plans if p.roles == ["ignored"])[:1000]
            + "; --keep COL takes one nevertheless"
        )
    document = {
        "name": name,
        "description": f"Customers of {raw.name}, as inferred from {len(cells):,} rows.",
        "missing_values": missing_values,
        "columns": {plan.name: plan.keys for plan in plans},
        "row_rules": {},
        "derived_columns": derive_from_dates(
            {plan.name: days[plan.name] for plan in plans
             if plan.name in days and "feature" in plan.roles},
            _epochs(plans, readings),
            keys.snapshot,
            [plan.name for plan in plans],
        ),
    }  # fmt: skip
    comments = {plan.name: plan.why for plan in plans if plan.why}
    report = render_report(raw, document, plans, notes, target.positive, churn_rate)
    text = contract_text(document, comments)
    return Inference(document, text, report, plans, notes, target, keys, churn_rate)


def _check_hints(hints: Hints, columns: list[str], source: str) -> None:
    named = {
        "--target": (hints.target,),
        "--id": (hints.id,),
        "--snapshot": (hints.snapshot,),
        "--drop": hints.drop,
        "--keep": hints.keep,
        "--sensitive": hints.sensitive,
    }
    for flag, asked in named.items():
        for column in asked:
            if column is not None and column not in columns:
                raise DataError(
                    f"{flag} {column!r}: {source} has no such column; {closest(column, columns)}"
                )
    single = [column for column in (hints.target, hints.id, hints.snapshot) if column is not None]
    for column in single:
        if single.count(column) > 1 or column in hints.drop:
            raise DataError(f"the column {column!r} is asked to be two things at once")
    both = sorted(set(hints.drop) & {*hints.keep, *hints.sensitive})
    if both:
        raise DataError(f"--drop {both[0]!r} contradicts --keep or --sensitive of the same column")


def _sample(n_rows: int) -> NDArray[np.int64]:
    if n_rows <= _SAMPLE_ROWS:
        return np.arange(n_rows)
    chosen = np.random.default_rng(_SEED).choice(n_rows, _SAMPLE_ROWS, replace=False)
    return np.sort(chosen)


def _values(
    cells: pd.Series, rows: NDArray[np.int64], reading: Reading
) -> NDArray[np.float64] | None:
    if reading.kind == "empty" or reading.is_constant:
        return None
    return row_values(cells.iloc[rows], reading)


def _plan(
    reading: Reading,
    values: NDArray[np.float64] | None,
    churned: NDArray[np.float64],
    hints: Hints,
    notes: Notes,
) -> Plan:
    evidence: Evidence | None = None
    if values is not None:
        is_known = ~np.isnan(churned)
        is_number = reading.kind in ("number", "date")
        evidence = weigh(values[is_known], churned[is_known], is_number)
    return plan_feature(
        reading,
        evidence,
        notes,
        True if reading.name in hints.sensitive else None,
        reading.name in hints.keep,
        hints.nullable_from,
    )


def _plan_target(reading: Reading, target: Target, keys: Keys, hints: Hints, notes: Notes) -> Plan:
    plan: dict[str, Any] = {
        "type": "category",
        "role": "target",
        "values": list(target.flag.values),
        "positive": target.positive,
    }
    if target.flag.spellings:
        plan["spellings"] = {value: list(o) for value, o in target.flag.spellings.items()}
    if hints.horizon_days is not None:
        plan["horizon_days"] = hints.horizon_days
    plan["meaning"] = "Whether the customer left."
    why = {
        0: "--target names it",
        1: "its name speaks of churn and it has two values",
        2: "its name speaks of leaving and it has two values",
        3: "its name is usual for a target and it has two values",
    }[target.tier]
    if target.tier == 3:
        notes.ask(
            f"Does {target.name} say whether a customer left, with {target.positive!r} for those "
            "who did? Its name is all that speaks for it.",
            "--target COL, --positive VALUE",
        )
    return Plan(target.name, plan, describe(reading), why)


def _plan_snapshot(reading: Reading, keys: Keys) -> Plan:
    assert reading.dates is not None
    plan: dict[str, Any] = {"type": "date", "role": "snapshot"}
    if reading.dates.formats:
        plan["formats"] = list(reading.dates.formats)
    plan["meaning"] = "Day on which the row describes the customer."
    return Plan(reading.name, plan, describe(reading), keys.why_snapshot)


def _generated_id(columns: list[str], notes: Notes) -> Plan:
    name = "generated_id"
    while name in columns:
        name += "_"
    plan = {
        "type": "text",
        "role": "id",
        "generated": True,
        "meaning": "Identifier, made of the row's cells since the file has none.",
    }
    notes.ask(
        "Which column identifies a customer? None does, so ids are made of the rows' cells.",
        "--id COL",
    )
    return Plan(name, plan, "not in the file", "the file has no column of identifiers")


def _settle_dates(
    plans: list[Plan],
    days: dict[str, NDArray[np.float64]],
    limit: NDArray[np.float64],
    readings: dict[str, Reading],
    keys: Keys,
    notes: Notes,
) -> tuple[Keys, list[Plan]]:
    """Leave out dates later than the snapshot; make a snapshot where there are dates but none."""
    dates = [plan for plan in plans if plan.keys["type"] == "date" and "feature" in plan.roles]
    epochs = _epochs(plans, readings)
    if not dates and not epochs:
        return keys, plans
    if keys.snapshot is None:
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
        why = "the latest date of the file, since it does not say when it was taken"
        plans = [Plan(name, snapshot, "not in the file", why), *plans]
        notes.ask(
            f"On which day was the table taken? {default}, its latest date, is assumed.",
            f"`default` under columns.{name}, or --snapshot COL for a column of the file",
        )
        keys = Keys(keys.id, name, keys.why_id, why, keys.repeated)
        limit = np.full(len(limit), float(default.astype(np.int64)))
    return keys, [_not_later(plan, days, limit, readings, notes) for plan in plans]


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
        notes.ask(
            f"{plan.name} is left out: {why}. Is it known on the day that a row describes?",
            "a column of days left in the file, which may be used",
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


def _epochs(plans: list[Plan], readings: dict[str, Reading]) -> dict[str, float]:
    found = {}
    for plan in plans:
        reading = readings.get(plan.name)
        if reading is None or reading.numbers is None or plan.roles[0] != "feature":
            continue
        unit = epoch_unit(reading.numbers.values, plan.name)
        if unit:
            found[plan.name] = {"s": 86_400.0, "ms": 86_400_000.0}[unit]
    return found


def _report_target(reading: Reading, target: Target, notes: Notes) -> float:
    positives = levels_of(target, reading.known)
    rate = positives / reading.known.n_rows
    if reading.n_missing:
        notes.warn(
            f"{percent(reading.missing_share)} of the rows have no {target.name}; they will be "
            "rejected, unless `horizon_days` says that their outcome is not known yet."
        )
    if min(rate, 1 - rate) < _RARE:
        notes.warn(
            f"{rate:.2%} of the customers left: with {positives:,} churners, measures will have "
            "wide intervals; look at average precision rather than accuracy."
        )
    elif positives < _FEW_CHURNERS or reading.n_rows < _FEW_ROWS:
        notes.warn(
            f"{reading.n_rows:,} rows with {positives:,} churners are few: measures will have wide "
            "intervals."
        )
    if rate > 0.5:
        notes.ask(
            f"{rate:.1%} of the customers left, which is much: does {target.positive!r} mean that?",
            "--positive VALUE",
        )
    return rate


def _report_keys(keys: Keys, hints: Hints, readings: dict[str, Reading], notes: Notes) -> None:
    if keys.repeated and keys.id is not None:
        alike = f"{keys.id} and {keys.snapshot}" if keys.snapshot in readings else keys.id
        rows = "row repeats" if keys.repeated == 1 else "rows repeat"
        notes.warn(
            f"{keys.repeated:,} {rows} the {alike} of an earlier one; of such rows the first "
            "stays, later ones will be rejected."
        )
    if keys.snapshot in readings and hints.horizon_days is None:
        notes.ask(
            "How many days after the snapshot is it known who left?",
            "--horizon-days N (key `horizon_days` of the target)",
        )
