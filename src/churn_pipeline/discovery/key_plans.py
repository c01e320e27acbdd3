"""The plans of the target and of the keys, and what is to be said of them."""

from collections.abc import Mapping
from typing import Any

from churn_pipeline.discovery.descriptions import describe
from churn_pipeline.discovery.hints import Hints
from churn_pipeline.discovery.keys import Keys
from churn_pipeline.discovery.plan import Cost, Notes, Plan, percent
from churn_pipeline.discovery.reading import Reading
from churn_pipeline.discovery.target import Target, levels_of

_RARE = 0.01
_FEW_ROWS = 300
_FEW_CHURNERS = 100


def plan_target(reading: Reading, target: Target, hints: Hints, notes: Notes) -> Plan:
    """Return the plan of the target; a weak name is a question."""
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
        1: "its name refers to churn and it has two values",
        2: "its name refers to leaving and it has two values",
        3: "its name refers to staying and it has two values",
        4: "its name is usual for a target and it has two values",
        5: "it is the only column with two values whose name refers to churn",
    }[target.tier]
    if target.is_inverted:
        notes.ask(
            f"Does {target.positive!r} in {target.name} mean that a customer left? This is "
            "assumed, because the name refers to customers who stayed.",
            "--positive VALUE",
            Cost.TARGET,
        )
    if target.tier >= 4:
        notes.ask(
            f"Does {target.name} say whether a customer left, with {target.positive!r} for those "
            "who did? Only its name suggests so.",
            "--target COL, --positive VALUE",
            Cost.TARGET,
        )
    return Plan(target.name, plan, describe(reading), why)


def plan_snapshot(reading: Reading, keys: Keys) -> Plan:
    """Return the plan of the snapshot that the file has."""
    assert reading.dates is not None
    plan: dict[str, Any] = {"type": "date", "role": "snapshot"}
    if reading.dates.formats:
        plan["formats"] = list(reading.dates.formats)
    plan["meaning"] = "Day on which the row describes the customer."
    return Plan(reading.name, plan, describe(reading), keys.why_snapshot)


def plan_generated_id(columns: list[str], notes: Notes) -> Plan:
    """Return the plan of an id that the file has not."""
    name = "generated_id"
    while name in columns:
        name += "_"
    plan = {
        "type": "text",
        "role": "id",
        "generated": True,
        "meaning": "Identifier, generated from the row's cells because the file has none.",
    }
    notes.ask(
        "Which column identifies a customer? None does, so ids are generated from the rows' cells.",
        "--id COL",
        Cost.KEY,
    )
    return Plan(name, plan, "not in the file", "the file has no column of identifiers")


def report_target(reading: Reading, target: Target, notes: Notes) -> float:
    """Note what is unusual about the target; return the churn rate."""
    positives = levels_of(target, reading.known)
    rate = positives / reading.known.n_rows
    if reading.n_missing:
        notes.warn(
            f"{percent(reading.missing_share)} of the rows have no {target.name}; they will be "
            "rejected, unless `horizon_days` says that their outcome is not known yet."
        )
    if min(rate, 1 - rate) < _RARE:
        notes.warn(
            f"{rate:.2%} of the customers left: with {positives:,} churners, metrics will have "
            "wide intervals; use average precision rather than accuracy."
        )
    elif positives < _FEW_CHURNERS or reading.n_rows < _FEW_ROWS:
        notes.warn(
            f"{reading.n_rows:,} rows with {positives:,} churners are few: metrics will have wide "
            "intervals."
        )
    if rate > 0.5:
        notes.ask(
            f"{rate:.1%} of the customers left, which is a lot: does {target.positive!r} mean "
            "that?",
            "--positive VALUE",
            Cost.TARGET,
        )
    return rate


def report_keys(keys: Keys, hints: Hints, readings: Mapping[str, Reading], notes: Notes) -> None:
    """Note repeated rows and what the snapshot leaves open."""
    if keys.repeated and keys.id is not None:
        alike = f"{keys.id} and {keys.snapshot}" if keys.snapshot in readings else keys.id
        rows = "row repeats" if keys.repeated == 1 else "rows repeat"
        notes.warn(
            f"{keys.repeated:,} {rows} the {alike} of an earlier one; the first of such rows is "
            "kept, later ones will be rejected."
        )
    if keys.question:
        answer = "--snapshot COL  or, for a date column that is not a snapshot, `--drop COL`"
        notes.ask(keys.question, answer, Cost.KEY)
    if keys.snapshot in readings and hints.horizon_days is None:
        notes.ask(
            "How many days after the snapshot is it known who left?",
            "--horizon-days N  (key `horizon_days` of the target)",
            Cost.KEY,
        )
