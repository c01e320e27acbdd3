"""``kedro campaign``: plan, confirm, close and show campaigns."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from math import isnan
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
from churn_pipeline.cli.campaign_views import contact_by, drafts_in, echo_campaigns, late
from churn_pipeline.cli.commands import ProjectGroup, environment_option, project_root
from churn_pipeline.errors import DataError, LedgerError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,30}")
_DAY = click.DateTime(["%Y-%m-%d"])


def _number(_: click.Context, option: click.Parameter, value: float | None) -> float | None:
    if value is not None and isnan(value):  # which no range excludes
        raise click.BadParameter("must be a number", param=option)
    return value


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
@click.option(
    "--budget",
    type=click.FloatRange(min=0, max=1e15),
    callback=_number,
    help="Instead of campaign.budget.",
)
@click.option("--contacts", type=click.IntRange(min=0), help="Instead of campaign.contacts.")
@click.option(
    "--held-out",
    type=click.FloatRange(0, 1, max_open=True),
    callback=_number,
    help="Instead of campaign.held_out.",
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
    from churn_pipeline.ledger.campaigns import find_campaign

    excluded = {} if suppress is None else suppressed_by(suppress, project, metadata, env)
    terms = terms_by(name, purpose, settings, project)
    with project.ledger.reading() as opened:
        if find_campaign(opened, project.data_set, name) is not None:
            raise DataError(
                f"the campaign {name} is confirmed and does not change; plan another one, of "
                "another name"
            )
        draft = draft_by(opened, terms, project, excluded, as_of and as_of.date())
    folder = project.folder / name
    write_draft(folder, draft, excluded)
    _summarise(draft.document, project)
    if warning := late(draft.document):
        click.echo(f"warning: {warning}")
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
    from churn_pipeline.ledger.campaigns import (
        find_campaign,
        record_campaign,
        wait_for_campaigns,
    )

    document = read_document(folder)
    if not document["customers"]["selected"]:
        raise DataError(f"the draft of {name} selects nobody, so there is nothing to confirm")
    with project.ledger.writing() as opened:  # nobody else plans or confirms meanwhile
        wait_for_campaigns(opened)
        known = find_campaign(opened, project.data_set, name)
        is_new = known is None or json.loads(known["document"]) != document
        if is_new:
            if problem := late(document):
                raise DataError(problem)
            day = date.fromisoformat(document["as_of"])
            draft = draft_by(opened, terms_of(document), project, read_suppressed(folder), day)
            if draft.document != document:
                raise DataError(
                    f"scores or campaigns have changed since {name} was drafted; look at the new "
                    f"list of `kedro campaign plan {name}{project.flag}`, then confirm that"
                )
            rows = draft.contacts.to_dict("records")
            record_campaign(opened, project.data_set, document, rows, datetime.now(UTC))
    _summarise(document, project)
    said = "confirmed" if is_new else "had been confirmed already, nothing changed"
    click.echo(
        f"{name} {said}: contact the {document['customers']['contacted']:,} customers of "
        f"{_shown(folder, metadata)}/actions.csv by "
        f"{contact_by(document)}"
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
@click.option(
    "--cost",
    type=click.FloatRange(min=0, max=1e15),
    callback=_number,
    help="What it really cost, all in all.",
)
@click.option(
    "--early",
    is_flag=True,
    help="Before all outcomes can be known: by the ledger, who has not churned so far counts as "
    "staying.",
)
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
    from churn_pipeline.ledger.campaigns import close_campaign, contacts_of, find_campaign

    with project.ledger.reading() as opened:
        known = find_campaign(opened, project.data_set, name)
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
        if early:  # so far
            found = {row["customer"]: found.get(row["customer"], False) for row in rows}
    else:
        table = customer_table(outcomes, project, metadata, env, "--outcomes")
        found = read_outcomes(table, project.contract, known["as_of"])
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
    drafts = drafts_in(project.folder, {row["campaign"] for row in found})
    if name is None:
        echo_campaigns(found, drafts)
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
