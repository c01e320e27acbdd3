"""``kedro contract``: infer the contract of a table, and check a table by a contract."""

import re
import sys
import time
from pathlib import Path
from typing import Any

import click
from kedro.framework.startup import ProjectMetadata

from churn_pipeline.cli.commands import ProjectGroup, project_root
from churn_pipeline.cli.file_options import file_format, file_options
from churn_pipeline.cli.wait import wait_option
from churn_pipeline.environments import environment_folder
from churn_pipeline.errors import DataError
from churn_pipeline.locking import hold, new_place

_LONGEST_NAME = 40
_SECONDS_BETWEEN_MESSAGES = 5.0


@click.group(cls=ProjectGroup)
def contract() -> None:
    """Infer the data contract of a customer table, or check a table against one."""


def _column(flag: str, text: str, many: bool = False) -> Any:
    return click.option(
        flag, metavar="COL", multiple=many, help=text + (" Can be repeated." if many else "")
    )


@wait_option
@contract.command()
@click.argument("source")
@click.option(
    "--env", "name", metavar="NAME", help="Name of the new data set (default: the file's name)."
)
@_column("--target", "The column that says which customers left.")
@click.option(
    "--positive", metavar="VALUE", help="The value of the target that means that a customer left."
)
@_column("--id", "The column that identifies a customer.")
@_column("--snapshot", "The column with the day that a row describes.")
@click.option(
    "--horizon-days",
    type=click.IntRange(min=1),
    metavar="N",
    help="Number of days after the snapshot until the outcome is known.",
)
@_column("--drop", "Ignore this column.", many=True)
@_column(
    "--keep",
    "Use this column although it would be ignored (for example as a suspected leak).",
    many=True,
)
@_column(
    "--sensitive",
    "Audit this column for fairness, in addition to those recognised by name.",
    many=True,
)
@click.option(
    "--missing",
    metavar="COL=TEXT",
    multiple=True,
    help="A text in a column that means that the value is missing. Can be repeated.",
)
@click.option(
    "--same",
    metavar="COL=TEXT=VALUE",
    multiple=True,
    help="A text in a column that stands for another of its values. Can be repeated.",
)
@click.option(
    "--nullable-from",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    metavar="SHARE",
    help="Reject rows with a missing cell in columns where at most this share is missing.",
)
@file_options
@click.option("--force", is_flag=True, help="Replace conf/NAME; its contents are lost.")
@click.pass_obj
def infer(
    metadata: ProjectMetadata | None,
    /,
    source: str,
    name: str | None,
    target: str | None,
    positive: str | None,
    id: str | None,
    snapshot: str | None,
    horizon_days: int | None,
    drop: tuple[str, ...],
    keep: tuple[str, ...],
    sensitive: tuple[str, ...],
    missing: tuple[str, ...],
    same: tuple[str, ...],
    nullable_from: float,
    force: bool,
    **file: Any,
) -> None:
    """Examine the table SOURCE and write conf/NAME: contract, parameters and a report.

    SOURCE has the form of `ingestion.source`: the path of a CSV, TSV, Parquet, JSON Lines or Excel
    file, or the address of a table, such as sqlite:///file.db::table.

    \b
    Examples:
      kedro contract infer data/01_raw/bank.csv
      kedro contract infer data/01_raw/bank.csv --env bank --target Exited --positive 1
      kedro contract infer sqlite:///crm.db::members --env gym --drop notes --keep score
      kedro contract infer data/01_raw/export.csv --encoding cp1251 --skip-rows 3 --footer Total
    """
    from churn_pipeline.datasets.scaffolding import create_dataset
    from churn_pipeline.discovery import Hints, infer_contract
    from churn_pipeline.io.addresses import from_project, refuse_password
    from churn_pipeline.io.credentials import project_credentials
    from churn_pipeline.io.raw_table import read_raw_table

    project = project_root(metadata)
    refuse_password(source, "SOURCE")  # before anything shows it
    source = from_project(source, project)
    name = name or _name_of(source)
    if environment_folder(project, name).exists():
        if not force:
            raise DataError(
                f"conf/{name} exists; choose another --env, or add --force to replace it (its "
                "contents are lost)"
            )
        click.get_current_context().with_resource(hold([new_place(project, name)]))
        click.echo(f"conf/{name} is replaced; its contents are lost", err=True)
    click.echo(f"reading {source}", err=True)
    credentials = project_credentials(project)["source"]
    layout = file_format(**file)
    raw = read_raw_table(source, "SOURCE", credentials, project, file=layout, look=True)
    click.echo(f"{len(raw.cells):,} rows of {raw.cells.shape[1]:,} columns", err=True)
    hints = Hints(
        target, positive, id, snapshot, horizon_days, drop, keep, sensitive, nullable_from,
        missing, same,
    )  # fmt: skip
    found = infer_contract(raw, name, hints, _Progress(), layout.over(raw.found))
    with hold([new_place(project, name)]):
        folder = create_dataset(project, name, found.contract_text, source, found.report, force)
    _summarise(name, _shown(folder, project), found)


@contract.command()
@click.option("--env", "name", metavar="NAME", default="base", show_default=True)
@click.option("--source", metavar="SOURCE", help="Check this table instead of the data set's own.")
@click.pass_obj
def check(metadata: ProjectMetadata | None, name: str, source: str | None) -> None:
    """Report how many rows of a table the contract of NAME would reject, and why; writes nothing.

    \b
    Examples:
      kedro contract check --env bank
      kedro contract check --env bank --source data/01_raw/bank_june.csv
    """
    import yaml

    from churn_pipeline.io.addresses import from_project, refuse_password
    from churn_pipeline.io.contract_dataset import ContractDataset
    from churn_pipeline.io.credentials import project_credentials
    from churn_pipeline.io.raw_table import read_raw_table
    from churn_pipeline.pipelines.ingestion.nodes import (
        check_customers,
        quarantine_customers,
        report_data_quality,
    )

    project = project_root(metadata)
    folder = project / "conf" / name
    known = ContractDataset(filepath=str(folder / "contract.yml")).load()
    setting = "--source"
    if source is None:
        setting = "ingestion.source"
        own = folder / "params.yaml"
        params = own if own.exists() else project / "params.yaml"
        source = yaml.safe_load(params.read_text(encoding="utf-8"))["ingestion"]["source"]
    else:
        refuse_password(source, "--source")
        source = from_project(source, project)
    credentials = project_credentials(project, name)["source"]
    raw = read_raw_table(source, setting, credentials, project, known.file)
    table, violations = check_customers(raw, known)
    _, rejected = quarantine_customers(raw, table, violations, known)
    quality = report_data_quality(raw, table, rejected, known)
    click.echo(
        f"{source}: {quality['rows_accepted']:,} of {quality['rows_read']:,} rows meet the "
        f"contract of {name}"
    )
    counts = quality["rejected_by_rule"]
    for rule in sorted(counts, key=lambda rule: (-counts[rule], rule)):
        click.echo(f"  {counts[rule]:>8,}  {rule}")
    if rejected.empty:
        return
    sys.exit(1)


class _Progress:
    """Prints what is done, at most every few seconds."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, text: str) -> None:
        if time.monotonic() - self._last >= _SECONDS_BETWEEN_MESSAGES:
            self._last = time.monotonic()
            click.echo(text, err=True)


def _name_of(source: str) -> str:
    stem = source.rpartition("::")[2] if "::" in source else Path(source).name.split(".")[0]
    name = re.sub(r"[^a-z0-9]+", "_", stem.lower()).strip("_")
    if not name or len(name) > _LONGEST_NAME:
        raise DataError(
            f"{source} does not give a usable name for the data set; choose one with --env NAME"
        )
    return name


def _shown(folder: Path, project: Path) -> str:
    return str(folder.relative_to(project)) if folder.is_relative_to(project) else str(folder)


def _summarise(name: str, folder: str, found: Any) -> None:
    from churn_pipeline.discovery.plan import shown_name

    roles = [role for plan in found.plans for role in plan.roles]
    target = found.target
    click.echo(f"{folder}: contract.yml, params.yaml and inference.md written")
    click.echo(
        f"  target {target.name}, {target.positive!r} means churn: {found.churn_rate:.1%} of the "
        "customers"
    )
    click.echo(f"  id {found.keys.id or 'generated'}, snapshot {found.keys.snapshot or 'none'}")
    click.echo(
        f"  {roles.count('feature')} features, {roles.count('sensitive')} of them sensitive; "
        f"{roles.count('ignored')} columns ignored"
    )
    for title, count in (
        ("warning", len(found.notes.warnings)),
        ("question", len(found.notes.questions)),
    ):
        if count:
            click.echo(f"  {count} {title}{'s' if count > 1 else ''} in {folder}/inference.md")
    if found.notes.questions:
        click.echo(f"  first: {shown_name(found.notes.ranked()[0].text)}")
    click.echo("Next:")
    click.echo(f"  kedro run --env {name}           # or: make repro ENV={name}")
    click.echo(f"  cat data/{name}/08_reporting/model_card.md")
    click.echo(f"  make serve ENV={name}")
