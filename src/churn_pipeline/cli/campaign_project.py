"""What the commands of campaigns work on: parameters, contract, ledger, tables of customers."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import yaml
from kedro.framework.startup import ProjectMetadata

from churn_pipeline.cli.commands import project_root
from churn_pipeline.cli.ledger_places import open_ledger
from churn_pipeline.environments import params_file, read_dataset
from churn_pipeline.errors import DataError, ParameterError

if TYPE_CHECKING:
    from churn_pipeline.campaigns.draft import Draft, Terms
    from churn_pipeline.contract import Contract
    from churn_pipeline.io.raw_table import RawTable
    from churn_pipeline.ledger.store import Ledger

_FOLDER = "11_campaigns"


class CampaignProject(NamedTuple):
    """A data set as campaigns see it.

    Attributes
    ----------
    ledger : Ledger
    data_set : str
        Its name there.
    folder : Path
        Of its campaigns.
    parameters : dict
        All of its ``params.yaml``.
    contract : Contract
    currency : str
        Of all amounts.
    flag : str
        What a command needs to be about this data set.
    """

    ledger: "Ledger"
    data_set: str
    folder: Path
    parameters: dict[str, Any]
    contract: "Contract"
    currency: str
    flag: str


def campaign_project(metadata: ProjectMetadata | None, env: str | None) -> CampaignProject:
    """Return the data set, its parameters checked.

    Raises
    ------
    ParameterError
        If the parameters are wrong, or have no section ``campaign``.
    LedgerError
        If there is to be no ledger.
    """
    from churn_pipeline.io.contract_dataset import ContractDataset

    ledger, data_set = open_ledger(metadata, env)
    root = project_root(metadata)
    file = params_file(root, env)
    dataset = read_dataset(file)
    parameters = yaml.safe_load(file.read_text(encoding="utf-8"))
    if not isinstance(parameters.get("campaign"), dict):
        raise ParameterError(
            f"{file} has no section campaign; copy that of params.yaml in the project's root"
        )
    from churn_pipeline.parameters import check_parameters

    check_parameters(parameters, str(file))
    contract = ContractDataset(filepath=str(root / dataset.contract)).load()
    folder = root / dataset.folder / _FOLDER
    currency = str(parameters["economics"]["currency"])
    flag = f" --env {env}" if env else ""
    return CampaignProject(ledger, data_set, folder, parameters, contract, currency, flag)


def terms_by(
    name: str, purpose: str, settings: Mapping[str, Any], project: CampaignProject
) -> "Terms":
    """Return what a campaign is planned by, from the settings of the section ``campaign``."""
    from churn_pipeline.campaigns.actions import Action
    from churn_pipeline.campaigns.draft import Terms
    from churn_pipeline.campaigns.planning import Limits

    economics = project.parameters["economics"]
    return Terms(
        name=name,
        purpose=purpose,
        actions=[
            Action.of(action, given or {}, economics)
            for action, given in settings["actions"].items()
        ],
        limits=Limits(settings["budget"], settings["contacts"]),
        days_between=settings["days_between"],
        held_out_share=float(settings["held_out"]),
        contact_days=settings["contact_days"],
        horizon_days=project.contract.target.horizon_days,
    )


def draft_by(
    opened: Any,
    terms: "Terms",
    project: CampaignProject,
    excluded: Mapping[str, str],
    as_of: date | None,
) -> "Draft":
    """Draft a campaign from the scores in the ledger.

    Parameters
    ----------
    opened : Connection
        Of the ledger.
    terms : Terms
    project : CampaignProject
    excluded : mapping of str to str
        Customers not to contact, besides those of other campaigns → why.
    as_of : date or None
        Of the scores; None: the latest.

    Raises
    ------
    DataError
        If customers are excluded, but none of them is among the scored.
    """
    import pandas as pd

    from churn_pipeline.campaigns.draft import draft_campaign
    from churn_pipeline.ledger.campaigns import not_to_contact
    from churn_pipeline.ledger.latest import last_day, latest_scores

    day = as_of or last_day(opened, project.data_set)
    first = _first_day(day, project.parameters["split"]["period"])
    scores = latest_scores(opened, project.data_set, day, first)
    known = {row["customer"] for row in scores}
    if excluded and not known & excluded.keys():
        raise DataError(
            f"none of the {len(excluded):,} customers not to contact, such as "
            f"{next(iter(excluded))}, is among the {len(known):,} scored ones; are these their ids?"
        )
    others = not_to_contact(opened, project.data_set, terms.name, day, terms.days_between)
    return draft_campaign(pd.DataFrame(scores), terms, {**others, **excluded})


def _first_day(day: date, period: Any) -> date:
    """Return the first day of the period that a day is in: customers may have different days."""
    import numpy as np

    from churn_pipeline.splits.periods import period_starts

    return cast(date, period_starts(np.array([day], dtype="datetime64[D]"), period)[0].item())


def suppressed_by(
    table: str, project: CampaignProject, metadata: ProjectMetadata | None, env: str | None
) -> dict[str, str]:
    """Return the customers of a table → why they are not to be contacted.

    Raises
    ------
    DataError
        If it cannot be read to the last row: nobody who asked not to be contacted may be missed.
    """
    from churn_pipeline.checking.cells import trimmed, whole_texts

    raw = customer_table(table, project, metadata, env, "--suppress")
    name = (project.contract.customer or project.contract.id).name
    if name not in raw.cells:
        raise DataError(f"{raw.name} has no column {name}, which says who is not to contact")
    ids = whole_texts(trimmed(raw.cells[name], project.contract.missing_values))
    if ids.isna().any():
        line = raw.lines[int(ids.isna().to_numpy().argmax())]
        raise DataError(f"{raw.name}, line {line}: {name} is empty; every row needs one")
    if "reason" in raw.cells:
        reasons = trimmed(raw.cells["reason"], ()).fillna(raw.name)
    else:
        reasons = ids.map(lambda _: raw.name)
    return dict(zip(map(str, ids), map(str, reasons), strict=True))


def customer_table(
    source: str,
    project: CampaignProject,
    metadata: ProjectMetadata | None,
    env: str | None,
    flag: str,
) -> "RawTable":
    """Read a table from any source that docs/sources.md lists, all of whose rows can be read."""
    from churn_pipeline.io.credentials import project_credentials
    from churn_pipeline.io.raw_table import read_raw_table

    root = project_root(metadata)
    credentials = project_credentials(root, env)["source"]
    raw = read_raw_table(source, flag, credentials, file=project.contract.file)
    if len(raw.malformed):
        first = raw.malformed.iloc[0]
        raise DataError(f"{raw.name}, line {first['line']}: {first['reason']}; correct the row")
    return raw


def recorded_outcomes(
    project: CampaignProject, name: str, days: int | None, today: date
) -> dict[str, bool]:
    """Return what the ledger's outcomes say of the campaign's customers."""
    from churn_pipeline.ledger.campaigns import outcomes_of

    if days is None:
        raise DataError(
            "the target of the contract has no horizon_days, so the ledger's outcomes do not say "
            "who churned in time; give --horizon DAYS, or --outcomes TABLE"
        )
    with project.ledger.reading() as opened:
        found = outcomes_of(opened, project.data_set, name, days, today)
    if not found:
        raise DataError(
            f"the ledger knows no outcome of a customer of {name}; record them by `kedro ledger "
            f"outcomes FILE{project.flag}`, or give --outcomes TABLE"
        )
    return found
