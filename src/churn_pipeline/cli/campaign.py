"""``kedro campaign``: plan, confirm, close and show campaigns."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import click
from kedro.framework.startup import ProjectMetadata

from churn_pipeline.cli.campaign_project import (
    CampaignProject,
    campaign_project,
    customer_table,
    draft_by,
    recorded_outcomes,
    suppressed_by,
    terms_by,
)
from churn_pipeline.cli.commands import ProjectGroup, environment_option, project_root
from churn_pipeline.cli.ledger_places import echo_table
from churn_pipeline.errors import DataError, LedgerError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,30}")
_DAY = click.DateTime(["%Y-%m-%d"])


@click.group(cls=ProjectGroup)
def campaign() -> None:
    """Plan whom to contact, hold some out, and see whether it paid.

    From the scores in the ledger, which `kedro run --pipelines scoring` writes, by the section
    campaign of the parameters; see docs/campaigns.md.
    """


@campaign.command()
@click.argument("name")
@environment_option
@click.option("--as-of", type=_DAY, help="Day of the scores (default: the latest).")
@click.option("--purpose", default="", help="What it is for, for those who read it later.")
@click.option("--budget", type=click.FloatRange(min=0), help="Instead of campaign.budget.")
@click.option("--contacts", type=click.IntRange(min=0), help="Instead of campaign.contacts.")
@click.option(
    "--held-out", type=click.FloatRange(0, 1, max_open=True), help="Instead of campaign.held_out."
)
@click.option(
    "--suppress",
    metavar="TABLE",
    help="Customers not to contact: a table with their column of ids and, if you like, `reason`.",
)
@click.pass_obj
def plan(
    metadata: ProjectMetadata | None,
    name: str,
    env: str | None,
    as_of: datetime | None,
    purpose: str,
    budget: float | None,
    contacts: int | None,
    held_out: float | None,
    suppress: str | None,
) -> None:
    """Draft the campaign NAME: whom to contact how, within the budget, and what that can show.

    Writes data/11_campaigns/NAME (of another data set: its data folder): actions.csv and
    actions.xlsx to look at, campaign.json with all figures. Nothing is fixed before
    `kedro campaign confirm`; planning again replaces the draft.
    """
    project = campaign_project(metadata, env)
    if not _NAME.fullmatch(name):
        raise click.ClickException(
            f"{name!r} cannot be the name of a campaign; use up to 31 letters, digits, - and _"
        )
    given = {"budget": budget, "contacts": contacts, "held_out": held_out}
    settings = {**project.parameters["campaign"], **_given(given)}
    from churn_pipeline.campaigns.files import write_draft

    excluded = {} if suppress is None else suppressed_by(suppress, project, metadata, env)
    terms = terms_by(name, purpose, settings, project)
    draft = draft_by(terms, project, excluded, as_of and as_of.date(), settings["days_between"])
    draft.document["days_between"] = settings["days_between"]
    folder = project.folder / name
    write_draft(folder, draft, excluded)
    _summarise(draft.document, project)
    click.echo(
        f"{_shown(folder, metadata)}: actions.csv, actions.xlsx and campaign.json; "
        f"`kedro campaign confirm {name}{project.flag}` fixes it"
    )


@campaign.command()
@click.argument("name")
@environment_option
@click.pass_obj
def confirm(metadata: ProjectMetadata | None, name: str, env: str | None) -> None:
    """Fix the campaign NAME as it was drafted: from now on it never changes.

    Its contacts and held-out customers go into the ledger; contact those of actions.csv. Refused if
    scores or other campaigns have changed since the draft.
    """
    project = campaign_project(metadata, env)
    folder = project.folder / name
    from churn_pipeline.campaigns.files import read_document, read_suppressed, terms_of
    from churn_pipeline.ledger.campaigns import record_campaign

    document = read_document(folder)
    day = date.fromisoformat(document["as_of"])
    between = document["days_between"]
    with project.ledger.reading() as opened:
        known = _confirmed(opened, project.data_set, name)
    if known is None or json.loads(known["document"]) != document:
        draft = draft_by(terms_of(document), project, read_suppressed(folder), day, between)
        if {**draft.document, "days_between": between} != document:
            raise DataError(
                f"scores or campaigns have changed since {name} was drafted; look at the new list "
                f"of `kedro campaign plan {name}{project.flag}`, then confirm that"
            )
        with project.ledger.writing() as opened:
            rows = draft.contacts.to_dict("records")
            is_new = record_campaign(opened, project.data_set, document, rows, datetime.now(UTC))
    else:
        is_new = False
    _summarise(document, project)
    said = "confirmed" if is_new else "had been confirmed already, nothing changed"
    click.echo(
        f"{name} {said}: contact the {document['customers']['contacted']:,} customers of "
        f"{_shown(folder, metadata)}/actions.csv by "
        f"{day + timedelta(days=document['contact_days'])}"
    )


@campaign.command()
@click.argument("name")
@environment_option
@click.option(
    "--outcomes",
    metavar="TABLE",
    help="A later table like ingestion's, with customers and target (default: the outcomes of the "
    "ledger).",
)
@click.option(
    "--horizon",
    type=click.IntRange(min=1),
    help="Days after the scores within which churning counts (default: the target's horizon_days).",
)
@click.option("--cost", type=click.FloatRange(min=0), help="What it really cost, all in all.")
@click.option("--early", is_flag=True, help="Before all outcomes can be known.")
@click.pass_obj
def close(
    metadata: ProjectMetadata | None,
    name: str,
    env: str | None,
    outcomes: str | None,
    horizon: int | None,
    cost: float | None,
    early: bool,
) -> None:
    """Compare the contacted customers of NAME with the held-out ones, once outcomes are known.

    Says how many customers were kept, what that earned, and which acceptance to assume next time.
    `kedro ledger outcomes` records outcomes. Can be repeated when more is known.
    """
    project = campaign_project(metadata, env)
    import pandas as pd

    from churn_pipeline.campaigns.files import write_result
    from churn_pipeline.campaigns.outcomes import read_outcomes
    from churn_pipeline.campaigns.result import measure_campaign
    from churn_pipeline.campaigns.summary import summarise_result
    from churn_pipeline.ledger.campaigns import close_campaign, contacts_of

    with project.ledger.reading() as opened:
        known = _confirmed(opened, project.data_set, name)
        if known is None:
            raise LedgerError(f"there is no confirmed campaign {name}; {_list_of(project)}")
        rows = contacts_of(opened, project.data_set, name)
    days = horizon or project.contract.target.horizon_days
    due = None if days is None else known["as_of"] + timedelta(days=days)
    today = datetime.now(UTC).date()
    if due is not None and today < due and not early:
        raise DataError(
            f"the outcomes of {name} are known from {due} on; what is known before are mostly "
            "customers who left, which flatters nobody. --early compares them all the same"
        )
    if outcomes is None:
        found = recorded_outcomes(project, name, days, today)
    else:
        table = customer_table(outcomes, project, metadata, env, "--outcomes")
        found = read_outcomes(table, project.contract)
    document = json.loads(known["document"])
    result = measure_campaign(document, pd.DataFrame(rows), found, cost)
    of_campaign = {row["customer"] for row in rows}
    with project.ledger.writing() as opened:
        own = {who: left for who, left in found.items() if who in of_campaign}
        close_campaign(opened, project.data_set, name, own, result, datetime.now(UTC))
    path = write_result(project.folder / name, result)
    for line in summarise_result(document, result, project.currency):
        click.echo(line)
    click.echo(f"{_shown(path, metadata)} has all figures")


@campaign.command()
@click.argument("name", required=False)
@environment_option
@click.pass_obj
def show(metadata: ProjectMetadata | None, name: str | None, env: str | None) -> None:
    """List the campaigns, or say what NAME is and what came of it."""
    project = campaign_project(metadata, env)
    from churn_pipeline.campaigns.summary import summarise_result
    from churn_pipeline.ledger.campaigns import campaigns_of

    with project.ledger.reading() as opened:
        found = campaigns_of(opened, project.data_set)
    drafts = _drafts(project.folder, {row["campaign"] for row in found})
    if name is None:
        _list(found, drafts)
        return
    row = next((row for row in found if row["campaign"] == name), None)
    if row is None and name not in drafts:
        raise DataError(f"there is no campaign {name}; {_list_of(project)}")
    document = drafts[name] if row is None else json.loads(row["document"])
    click.echo(f"status: {'draft' if row is None else row['status']}")
    _summarise(document, project)
    if row is not None and row["result"]:
        result = json.loads(row["result"])
        for line in summarise_result(document, result, project.currency):
            click.echo(line)


def _confirmed(opened: Any, data_set: str, name: str) -> dict[str, Any] | None:
    from churn_pipeline.ledger.campaigns import find_campaign

    return find_campaign(opened, data_set, name)


def _drafts(folder: Path, confirmed: set[str]) -> dict[str, dict[str, Any]]:
    from churn_pipeline.campaigns.files import DOCUMENT, read_document

    names = sorted(path.parent.name for path in folder.glob(f"*/{DOCUMENT}"))
    return {
        name: read_document(folder / name)
        for name in names
        if name not in confirmed and not name.startswith(".")
    }


def _list(found: list[dict[str, Any]], drafts: Mapping[str, Mapping[str, Any]]) -> None:
    if not found and not drafts:
        click.echo("No campaigns yet; `kedro campaign plan NAME` drafts one")
        return
    head = ("CAMPAIGN", "STATUS", "AS OF", "CONTACTED", "HELD OUT", "EXPECTED PROFIT", "PROFIT")
    lines = [head]
    for row in found:
        profit = "" if row["profit"] is None else f"{row['profit']:,.2f}"
        expected = f"{row['expected_profit']:,.2f}"
        counts = (f"{row['contacted']:,}", f"{row['held_out']:,}")
        lines.append((row["campaign"], row["status"], str(row["as_of"]), *counts, expected, profit))
    for name, document in drafts.items():
        who, expected = document["customers"], f"{document['expected']['profit']:,.2f}"
        counts = (f"{who['contacted']:,}", f"{who['held_out']:,}")
        lines.append((name, "draft", document["as_of"], *counts, expected, ""))
    echo_table(lines)


def _summarise(document: Mapping[str, Any], project: CampaignProject) -> None:
    from churn_pipeline.campaigns.summary import summarise

    for line in summarise(document, project.currency):
        click.echo(line)


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if value is not None}


def _shown(path: Path, metadata: ProjectMetadata | None) -> str:
    root = project_root(metadata)
    return str(path.relative_to(root) if path.is_relative_to(root) else path)


def _list_of(project: CampaignProject) -> str:
    return f"`kedro campaign show{project.flag}` lists them"
