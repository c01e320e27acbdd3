"""From a table that nobody has described to a contract, a report and questions."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_pipeline.contract.file_format import UNKNOWN, FileFormat
from churn_pipeline.discovery.answers import answered_cells, note_answers
from churn_pipeline.discovery.copies import Copies, ask_copies
from churn_pipeline.discovery.customer import find_customer, plan_customer
from churn_pipeline.discovery.derived import derive_from_dates
from churn_pipeline.discovery.descriptions import describe
from churn_pipeline.discovery.document import contract_text
from churn_pipeline.discovery.economics import hint_lifetime_value
from churn_pipeline.discovery.evidence import Evidence, weigh
from churn_pipeline.discovery.features import ignored, plan_feature
from churn_pipeline.discovery.hints import Hints, checked_hints
from churn_pipeline.discovery.identifiers import ask_ids, refuse_reserved
from churn_pipeline.discovery.key_plans import (
    plan_generated_id,
    plan_snapshot,
    plan_target,
    report_keys,
    report_target,
)
from churn_pipeline.discovery.keys import Keys, find_keys
from churn_pipeline.discovery.plan import Cost, Notes, Plan
from churn_pipeline.discovery.reading import Reading, read_columns, row_values
from churn_pipeline.discovery.report import render_report
from churn_pipeline.discovery.snapshots import epochs_of, settle_dates
from churn_pipeline.discovery.target import Target, find_target, target_rows
from churn_pipeline.errors import DataError
from churn_pipeline.io.raw_table import RawTable

_SAMPLE_ROWS = 200_000
_SEED = 42


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
    file: FileFormat = UNKNOWN,
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
    file : FileFormat
        How the files are laid out, for the contract.

    Raises
    ------
    DataError
        If the table lacks a column of the hints, or the target cannot be determined.
    """
    hints = hints or Hints()
    hints = checked_hints(hints, list(raw.cells.columns), raw.name)
    cells = answered_cells(raw.cells, hints, raw.name)
    notes = Notes()
    for remark in raw.remarks:
        if remark.answer is None:
            notes.warn(remark.text)
        else:
            notes.ask(remark.text, remark.answer, Cost.FILE)
    readings, missing_values = read_columns(
        cells, lambda done, of: progress(f"read column {done} of {of}")
    )
    candidates = {name: r for name, r in readings.items() if name not in hints.drop}
    target = find_target(candidates, cells, raw.name, hints.target, hints.positive)
    taken = {target.name, *hints.drop}
    keys = find_keys(readings, cells, raw.name, taken, hints.id, hints.snapshot)
    refuse_reserved(list(cells.columns), keys, raw.name)
    customer = find_customer(readings, keys, taken)
    rows = _sample(len(cells))
    churned = target_rows(cells[target.name].iloc[rows], target)
    days: dict[str, NDArray[np.float64]] = {}
    limit = np.full(len(rows), np.inf)
    copies = Copies(churned)
    plans = []
    for number, (column, reading) in enumerate(readings.items()):
        progress(f"examined column {number + 1} of {len(readings)}")
        if column == target.name:
            plans.append(plan_target(reading, target, hints, notes))
        elif column in hints.drop:
            plans.append(ignored(reading, describe(reading), "--drop names it"))
        elif column == keys.id:
            plan = {"type": "text", "role": "id", "meaning": "Identifier of the customer."}
            plans.append(Plan(column, plan, describe(reading), keys.why_id))
        elif column == customer:
            plans.append(plan_customer(reading, keys, notes))
        elif column == keys.snapshot:
            plans.append(plan_snapshot(reading, keys))
            limit = row_values(cells[column].iloc[rows], reading)
        else:
            values = _values(cells[column], rows, reading)
            if reading.kind == "date" and values is not None:
                days[column] = values
            plans.append(_plan(reading, values, churned, hints, notes))
            if values is not None and _describes_customer(plans[-1]):
                copies.add(values)
            if reading.own_missing and "feature" in plans[-1].roles:
                plans[-1].keys["missing_values"] = list(reading.own_missing)
    note_answers(plans, hints, raw.name)
    for key in dict.fromkeys((keys.id, customer)):
        if key is not None:
            ask_ids(readings[key], notes, required=key == keys.id)
    ask_copies(copies, keys, customer, notes)
    keys, plans = settle_dates(plans, days, limit, readings, keys, notes)
    if keys.id is None:
        plans.insert(0, plan_generated_id(list(cells.columns), notes))
    churn_rate = report_target(readings[target.name], target, notes)
    report_keys(keys, hints, readings, notes)
    if hints.horizon_days is not None and keys.snapshot is None:
        raise DataError(
            f"--horizon-days counts from a snapshot, but {raw.name} has none; choose a date column "
            "with --snapshot"
        )
    features = [plan.name for plan in plans if "feature" in plan.roles]
    if not features:
        raise DataError(
            f"{raw.name} has no column that a model can learn from: "
            + "; ".join(f"{p.name} ({p.why})" for p in plans if p.roles == ["ignored"])[:1000]
            + "; use --keep COL to use one anyway"
        )
    for made in plans:
        if made.name in raw.integers and made.keys["type"] == "text":
            made.keys["stored_as"] = "integer"
    document = {
        "name": name,
        "description": f"Customers of {raw.name}, as inferred from {len(cells):,} rows.",
        **({"file": file.document()} if file.document() else {}),
        "missing_values": missing_values,
        "columns": {plan.name: plan.keys for plan in plans},
        "row_rules": {},
        "derived_columns": derive_from_dates(
            {plan.name: days[plan.name] for plan in plans
             if plan.name in days and "feature" in plan.roles},
            epochs_of(plans, readings),
            keys.snapshot,
            [plan.name for plan in plans],
        ),
    }  # fmt: skip
    hint_lifetime_value(plans, readings, notes, name)
    comments = {plan.name: plan.why for plan in plans if plan.why}
    report = render_report(raw, document, plans, notes, target.positive, churn_rate)
    text = contract_text(document, comments)
    return Inference(document, text, report, plans, notes, target, keys, churn_rate)


def _describes_customer(plan: Plan) -> bool:
    """Whether copies of a row would have this cell alike: not so for what only numbers the rows."""
    return plan.roles != ["ignored"] or "identifier" not in plan.why


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
        values,
        notes,
        True if reading.name in hints.sensitive else None,
        reading.name in hints.keep,
        hints.nullable_from,
    )
