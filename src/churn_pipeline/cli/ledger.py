"""``kedro ledger``: what the ledger holds, copies of it, and customers taken out of it."""

import getpass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
from kedro.framework.startup import ProjectMetadata

from churn_pipeline.cli.commands import ProjectGroup, environment_option, project_root
from churn_pipeline.cli.ledger_outcomes import outcomes, states
from churn_pipeline.cli.ledger_places import echo_table, open_ledger
from churn_pipeline.environments import params_file

if TYPE_CHECKING:
    from churn_pipeline.ledger.store import Ledger

_DAY = click.DateTime(["%Y-%m-%d"])
_ENDINGS = (".csv", ".parquet")
_TABLES = ("scores", "outcomes", "campaigns", "contacts", "erasures")


@click.group(cls=ProjectGroup)
def ledger() -> None:
    """Look at the ledger of scores, export it, erase customers, upgrade it.

    ledger.address in the parameters says where it is; see docs/ledger.md.
    """


ledger.add_command(outcomes)
ledger.add_command(states)


@ledger.command()
@environment_option
@click.pass_obj
def status(metadata: ProjectMetadata | None, env: str | None) -> None:
    """Show what the ledger holds, by data set, source and model; the latest last."""
    book, _ = open_ledger(metadata, env)
    from churn_pipeline.ledger.contents import erasures_of, scores_of
    from churn_pipeline.ledger.migration import version_of
    from churn_pipeline.ledger.schema import VERSION

    with book.looking() as opened:
        version = version_of(opened)
        is_present = version == VERSION
        found = scores_of(opened) if is_present else []
        erased = erasures_of(opened) if is_present else {}
    click.echo(f"Ledger {_place(metadata, book)}")
    if not is_present:
        click.echo(f"Schema version {version}; this code needs {VERSION}: `kedro ledger upgrade`")
        return
    click.echo(f"Schema version {version}, the present one")
    table = [["DATA SET", "SOURCE", "MODEL", "SCORES", "FROM", "TO"]]
    for part in found:
        days = (str(part.first), str(part.last))
        table.append([part.data_set, part.source, part.model_version, f"{part.rows:,}", *days])
    if len(table) > 1:
        echo_table(table)
    else:
        click.echo("No scores yet; `kedro run --pipelines scoring` records them")
    for data_set, n in erased.items():
        click.echo(f"Erased customers of {data_set}: {n:,}")


@ledger.command()
@environment_option
@click.option(
    "--to",
    "path",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write, .csv or .parquet.",
)
@click.option("--table", type=click.Choice(_TABLES), default="scores", show_default=True)
@click.option("--since", type=_DAY, help="First day (as_of), 2026-01-31.")
@click.option("--until", type=_DAY, help="Last day (as_of).")
@click.option(
    "--source", type=click.Choice(["batch", "online"]), help="Only scores of this source."
)
@click.option("--model-version", metavar="VERSION", help="Only scores of this model.")
@click.option("--customer", metavar="ID", help="Only those of this customer.")
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
@click.pass_obj
def export(
    metadata: ProjectMetadata | None,
    env: str | None,
    path: Path,
    table: str,
    since: datetime | None,
    until: datetime | None,
    source: str | None,
    model_version: str | None,
    customer: str | None,
    force: bool,
) -> None:
    """Write the data set's rows of a table into a file."""
    if path.suffix not in _ENDINGS:
        raise click.ClickException(f"--to must end in {' or '.join(_ENDINGS)}, not {path.name!r}")
    if path.exists() and not force:
        raise click.ClickException(f"{path} exists; choose another --to or add --force")
    book, data_set = open_ledger(metadata, env)
    from churn_pipeline.ledger.export import export as write

    with book.reading() as opened:
        n = write(
            opened,
            table,
            path,
            data_set,
            since=since and since.date(),
            until=until and until.date(),
            equal={"source": source, "model_version": model_version, "customer": customer},
        )
    click.echo(f"{path}: {n:,} rows of {table}")


@ledger.command()
@click.argument("customer")
@environment_option
@click.option("--yes", "-y", is_flag=True, help="Do not ask for confirmation.")
@click.pass_obj
def forget(metadata: ProjectMetadata | None, customer: str, env: str | None, yes: bool) -> None:
    """Erase CUSTOMER, by the id in the table, from all tables of the ledger; there is no way back.

    The erasure is recorded without the id: with the keyed hash that the audit log uses, where
    there is a file of API keys. Files of results and campaigns, the source, sinks and backups are
    not touched.
    """
    book, data_set = open_ledger(metadata, env)
    from churn_pipeline.ledger.erasure import forget as erase
    from churn_pipeline.ledger.erasure import rows_of, scrub

    with book.reading() as opened:
        found = rows_of(opened, data_set, customer)
    if any(found.values()):
        counts = ", ".join(f"{n:,} of {table}" for table, n in found.items() if n)
        click.echo(f"Rows of this customer in {book.name}, data set {data_set}: {counts}")
        if not yes:
            click.confirm("Erase them?", abort=True)
        named = _customer_hash(metadata, env, customer)
        with book.writing() as opened:
            removed = erase(opened, data_set, customer, customer_hash=named, by=_user())
    if book.path is not None:  # also of one whose rows were removed before
        scrub(book.address, customer)
    if not any(found.values()):
        click.echo(f"{book.name} has no rows of this customer in the data set {data_set}")
        return
    counts = ", ".join(f"{n:,} of {table}" for table, n in removed.items() if n)
    how = f"under the hash {named}" if named else "without a hash, as there is no file of API keys"
    click.echo(f"Erased {counts}; recorded in the table erasures {how}.")
    click.echo(
        "Not touched: the source table, sinks, files under 01_raw to 07_model_output and "
        "11_campaigns (actions.csv, actions.xlsx, suppressed.json), feedback, backups."
    )


@ledger.command()
@environment_option
@click.pass_obj
def upgrade(metadata: ProjectMetadata | None, env: str | None) -> None:
    """Create the ledger, or bring its tables to the version of this code.

    Do it once everything that writes to the ledger has this code: what is older refuses a newer
    ledger. A file of SQLite is upgraded by the first run that writes to it.
    """
    book, _ = open_ledger(metadata, env)
    before, after = book.upgrade()
    if before == after:
        click.echo(f"{book.name} has schema version {after} already")
    elif before is None:
        click.echo(f"{book.name} was created with schema version {after}")
    else:
        click.echo(f"{book.name} was upgraded from schema version {before} to {after}")


def _place(metadata: ProjectMetadata | None, book: "Ledger") -> str:
    """Return where the ledger is: no user, no password."""
    if book.path is None:
        return book.name
    project = project_root(metadata)
    path = book.path.relative_to(project) if book.path.is_relative_to(project) else book.path
    return f"{path}, {book.path.stat().st_size / 1e6:,.1f} MB"


def _customer_hash(metadata: ProjectMetadata | None, env: str | None, customer: str) -> str | None:
    """Return the name that the audit log has for the customer; None without a file of keys."""
    from churn_pipeline.serving.audit.key_changes import audit_key
    from churn_pipeline.serving.audit.records import CustomerHash
    from churn_pipeline.serving.settings import load_settings

    key = audit_key(load_settings(params_file(project_root(metadata), env)).api_keys)
    return None if key is None else CustomerHash(key)(customer)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "unknown"
