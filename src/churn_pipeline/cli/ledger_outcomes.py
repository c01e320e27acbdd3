"""``kedro ledger outcomes`` and ``states``: what became of customers, and of their scores."""

import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
from kedro.framework.startup import ProjectMetadata

from churn_pipeline.cli.commands import ProjectCommand, environment_option, project_root
from churn_pipeline.cli.ledger_places import echo_table, open_ledger
from churn_pipeline.environments import params_file, read_dataset
from churn_pipeline.errors import DataError, LedgerError

if TYPE_CHECKING:
    from churn_pipeline.io.raw_table import RawTable
    from churn_pipeline.ledger.outcomes import Told

_DAY = click.DateTime(["%Y-%m-%d"])
_TIME = re.compile(r"(?<=^.{10})[ T]\d{2}:\d{2}.*$")
_NEEDED = ("customer", "outcome", "happened_on")


@click.command(cls=ProjectCommand)
@click.argument("source", metavar="FILE")
@environment_option
@click.option("--known-at", type=_DAY, help="Day on which those became known of which the file "
              "does not say it (default: today, UTC).")  # fmt: skip
@click.pass_obj
def outcomes(
    metadata: ProjectMetadata | None, source: str, env: str | None, known_at: datetime | None
) -> None:
    """Record what became of customers: FILE, or any other source of docs/sources.md.

    It has the columns customer, outcome (churned, stayed, withdrawn), happened_on and, if it has
    been known for longer, known_at; days as 2026-01-31. Other columns are ignored. All rows are
    recorded or none. Repeating it adds nothing, on a later day neither. Of one customer and day,
    what became known last holds, so corrections are added in the same way.
    """
    from churn_pipeline.io.addresses import from_project, refuse_password
    from churn_pipeline.io.credentials import project_credentials
    from churn_pipeline.io.raw_table import read_raw_table
    from churn_pipeline.ledger.outcomes import append_outcomes, count_without_score

    project = project_root(metadata)
    refuse_password(source, "FILE")
    credentials = project_credentials(project, env)["source"]
    raw = read_raw_table(from_project(source, project), "FILE", credentials, project)
    today = datetime.now(UTC).date()
    if known_at and known_at.date() > today:
        raise DataError(f"--known-at is {known_at:%Y-%m-%d}, which is yet to come")
    told = _told(raw, known_at.date() if known_at else None, today)
    book, data_set = open_ledger(metadata, env)
    with book.writing() as opened:
        added = append_outcomes(opened, told, data_set=data_set, source="file")
        strangers = count_without_score(opened, [one.customer for one in told], data_set)
    known = f", {len(told) - added:,} were there" if added < len(told) else ""
    click.echo(f"Recorded {added:,} outcomes of {raw.name} in {book.name}{known}")
    if strangers:
        click.echo(f"{strangers:,} of these customers have no score in the ledger")


@click.command(cls=ProjectCommand)
@environment_option
@click.option(
    "--horizon",
    "horizon_days",
    type=click.IntRange(min=1),
    help="Days after a score within which churning counts (default: horizon_days of the target).",
)
@click.option("--at", "at", type=_DAY, help="As it was known on this day (default: today, UTC).")
@click.pass_obj
def states(
    metadata: ProjectMetadata | None,
    env: str | None,
    horizon_days: int | None,
    at: datetime | None,
) -> None:
    """Count the scores by what became of them: churned, stayed, pending or unknown."""
    from churn_pipeline.ledger.outcomes import STATES, count_states

    days = horizon_days or _horizon(metadata, env)
    today = at.date() if at else datetime.now(UTC).date()
    book, data_set = open_ledger(metadata, env)
    with book.reading() as opened:
        found = count_states(opened, data_set, days, today)
    if not found:
        raise LedgerError(f"{book.name} has no scores of the data set {data_set}")
    table = [["AS OF", "MODEL", *(state.upper() for state in STATES)]]
    for as_of, model, counts in found:
        table.append([str(as_of), model, *(f"{counts[state]:,}" for state in STATES)])
    click.echo(f"Within {days} days, as known on {today}:")
    echo_table(table)


def _told(raw: "RawTable", known_at: date | None, today: date) -> "list[Told]":
    """Read the rows; a DataError names the first that cannot be used."""
    from churn_pipeline.ledger.outcomes import OUTCOMES, Told

    missing = [name for name in _NEEDED if name not in raw.cells]
    if missing:
        raise DataError(
            f"{raw.name} has no column {missing[0]}; it needs {', '.join(_NEEDED)} and may have "
            "known_at"
        )
    if len(raw.malformed):
        first = raw.malformed.iloc[0]
        raise DataError(f"{raw.name}, line {first['line']}: {first['reason']}; correct the row")
    has_known = "known_at" in raw.cells
    names = [*_NEEDED, *(["known_at"] if has_known else [])]
    cells = raw.cells[names].apply(lambda column: column.str.strip())
    told = []
    for line, row in zip(raw.lines.tolist(), cells.itertuples(index=False), strict=True):
        where = f"{raw.name}, line {line}"
        customer, outcome = row[0], row[1].lower()
        if not customer:
            raise DataError(f"{where}: customer is empty; every row needs one")
        if outcome not in OUTCOMES:
            raise DataError(f"{where}: outcome is {row[1]!r}; use {', '.join(OUTCOMES)}")
        happened = _day(row[2], f"{where}: happened_on", today)
        known = _day(row[3], f"{where}: known_at", today) if has_known and row[3] else known_at
        if known and known < happened:
            raise DataError(
                f"{where}: known_at is {known}, before happened_on, {happened}; correct either, or "
                "give that row a known_at of its own"
            )
        told.append(Told(customer, outcome, happened, known))
    return told


def _day(text: str, where: str, today: date) -> date:
    try:
        # a workbook or database may have the time as well
        day = date.fromisoformat(_TIME.sub("", text))
    except ValueError:
        raise DataError(f"{where} is {text!r}; write a day as 2026-01-31") from None
    if day > today:
        raise DataError(f"{where} is {text}, which is yet to come; leave the row out until then")
    return day


def _horizon(metadata: ProjectMetadata | None, env: str | None) -> int:
    from churn_pipeline.io.contract_dataset import ContractDataset

    project: Path = project_root(metadata)
    path = project / read_dataset(params_file(project, env)).contract
    days = ContractDataset(filepath=str(path)).load().target.horizon_days
    if days is None:
        raise LedgerError(
            f"the target in {path} has no horizon_days, so nobody knows when a score has come "
            "true; add it there, or give --horizon"
        )
    return int(days)
