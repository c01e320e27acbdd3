"""The ledger of a data set, for the commands that use it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
import yaml
from kedro.framework.startup import ProjectMetadata

from churn_pipeline.cli.commands import project_root
from churn_pipeline.environments import params_file, read_dataset
from churn_pipeline.errors import LedgerError, ParameterError
from churn_pipeline.io.credentials import project_credentials
from churn_pipeline.ledger.address import SETTING, parse_ledger

if TYPE_CHECKING:
    from churn_pipeline.ledger.store import Ledger


def open_ledger(metadata: ProjectMetadata | None, env: str | None) -> tuple["Ledger", str]:
    """Return the ledger of a data set, and the data set's name there."""
    from churn_pipeline.ledger.store import Ledger  # SQLAlchemy takes half a second

    project = project_root(metadata)
    file = params_file(project, env)
    name = read_dataset(file).name
    section = yaml.safe_load(file.read_text(encoding="utf-8")).get("ledger")
    if not isinstance(section, dict) or "address" not in section:
        raise ParameterError(
            f"{file} has no {SETTING}; copy the section ledger of another data set"
        )
    if section["address"] is None:
        raise LedgerError(f"{SETTING} is null in {file}, so there is no ledger")
    address = parse_ledger(str(section["address"])).within(project)
    return Ledger(address, project_credentials(project, env)["ledger"]), name


def echo_table(table: Sequence[Sequence[str]]) -> None:
    """Print rows, the first of which are the titles, in columns."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(cells).rstrip())
