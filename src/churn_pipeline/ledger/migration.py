"""Versions of the ledger's schema: which one is there, and the way to the present one."""

import sqlalchemy as sa

from churn_pipeline.errors import LedgerError
from churn_pipeline.ledger.schema import VERSION, VERSION_TABLE, metadata

_MIGRATIONS = "churn_pipeline.ledger:migrations"


def version_of(opened: sa.Connection) -> str | None:
    """Return the version of the schema that is there; None where there is none."""
    if not sa.inspect(opened).has_table(VERSION_TABLE):
        return None
    found: str | None = opened.exec_driver_sql(
        f"select version_num from {VERSION_TABLE}"
    ).scalar_one_or_none()
    return found


def require_known(found: str | None, name: str) -> None:
    """Refuse a ledger that a later version of this code wrote.

    Parameters
    ----------
    found : str or None
        See :func:`version_of`.
    name : str
        Of the ledger, for the message.

    Raises
    ------
    LedgerError
        If its version is above the code's: its columns may mean something else.
    """
    if found is not None and found > VERSION:
        raise LedgerError(
            f"the ledger {name} has schema version {found}, but this code knows up to {VERSION}; "
            "update churn_pipeline, or set ledger.address to another ledger"
        )


def require_present(found: str | None, name: str) -> None:
    """Refuse a ledger of another version than the code's.

    Raises
    ------
    LedgerError
        Naming the command that brings it up to date.
    """
    require_known(found, name)
    if found != VERSION:
        raise LedgerError(
            f"the ledger {name} has schema version {found or 'none'}, but this code needs "
            f"{VERSION}; once everything that writes to it has this version of churn_pipeline, run "
            "`kedro ledger upgrade`"
        )


def upgrade(opened: sa.Connection, name: str) -> None:
    """Bring the schema to the present version, in the connection's transaction.

    Parameters
    ----------
    opened : Connection
        For writing.
    name : str
        Of the ledger, for the message.

    Raises
    ------
    LedgerError
        If tables of another program have the names of the ledger's.
    """
    found = version_of(opened)
    require_known(found, name)
    if found == VERSION:
        return
    if found is None:
        foreign = [table for table in metadata.tables if sa.inspect(opened).has_table(table)]
        if foreign:
            raise LedgerError(
                f"{name} has a table {foreign[0]} that is not of a ledger; set ledger.address to a "
                "file or schema of its own"
            )
    from alembic import command
    from alembic.config import Config  # a third of a second, hardly ever needed

    config = Config()
    config.set_main_option("script_location", _MIGRATIONS)
    config.attributes["connection"] = opened
    command.upgrade(config, "head")
