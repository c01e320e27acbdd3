"""What the commands of campaigns show, and what they look up of drafts."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from churn_pipeline.cli.ledger_places import echo_table
from churn_pipeline.errors import DataError


def drafts_in(folder: Path, confirmed: set[str]) -> dict[str, dict[str, Any]]:
    """Return the drafts that can be read."""
    from churn_pipeline.campaigns.files import DOCUMENT, read_document

    found = {}
    for path in sorted(folder.glob(f"[!.]*/{DOCUMENT}")):
        name = path.parent.name
        with suppress(DataError):
            if name not in confirmed:
                found[name] = read_document(path.parent)
    return found


def echo_campaigns(found: list[dict[str, Any]], drafts: Mapping[str, Mapping[str, Any]]) -> None:
    """Print all campaigns of the ledger, then the drafts."""
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


def contact_by(document: Mapping[str, Any]) -> date:
    """Return the last day to contact."""
    return date.fromisoformat(document["as_of"]) + timedelta(days=document["contact_days"])


def late(document: Mapping[str, Any]) -> str | None:
    """Say that it is too late for a campaign, None if it is not."""
    day = contact_by(document)
    if datetime.now(UTC).date() <= day:
        return None
    return (
        f"customers of {document['campaign']} were to be contacted by {day}, since the scores are "
        f"of {document['as_of']}; score present customers, or allow more campaign.contact_days"
    )
