"""A customer's rows removed from the ledger, for good."""

import mmap
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from churn_pipeline.errors import LedgerError
from churn_pipeline.io.addresses import Address
from churn_pipeline.io.database_errors import explained
from churn_pipeline.io.databases import SECONDS_TO_CONNECT, run
from churn_pipeline.ledger.schema import OF_A_CUSTOMER, erasures


def rows_of(opened: sa.Connection, data_set: str, customer: str) -> dict[str, int]:
    """Return how many rows of a customer each table has.

    Parameters
    ----------
    opened : Connection
        Of :meth:`churn_pipeline.ledger.store.Ledger.reading` or ``writing``.
    data_set : str
    customer : str
        The id.
    """
    return {
        table.name: opened.execute(
            sa.select(sa.func.count()).select_from(table).where(*_of(table, data_set, customer))
        ).scalar_one()
        for table in OF_A_CUSTOMER
    }


def forget(
    opened: sa.Connection, data_set: str, customer: str, *, customer_hash: str | None, by: str
) -> dict[str, int]:
    """Remove a customer's rows from all tables and record that, all in one transaction.

    Where there are none, nothing is recorded. :func:`scrub` has to follow for a file.

    Parameters
    ----------
    opened : Connection
        Of :meth:`churn_pipeline.ledger.store.Ledger.writing`.
    data_set : str
    customer : str
        The id.
    customer_hash : str or None
        What the record names the customer by.
    by : str
        Who asked.

    Returns
    -------
    dict of str to int
        Rows removed by table.
    """
    if opened.dialect.name == "sqlite":
        run(opened, "pragma secure_delete = on")  # zeros instead of what was there
    removed = {
        table.name: opened.execute(table.delete().where(*_of(table, data_set, customer))).rowcount
        for table in OF_A_CUSTOMER
    }
    if any(removed.values()):
        record = erasures.insert().values(
            data_set=data_set,
            erased_at=datetime.now(UTC),
            customer_hash=customer_hash,
            erased_by=by,
            rows_erased=sum(removed.values()),
        )
        opened.execute(record)
    return removed


def scrub(address: Address, customer: str) -> None:
    """Remove what is left of a customer's id in the file: old pages, and its write-ahead log.

    Splitting pages leaves copies of rows in space that is not in use, which deleting them does not
    reach. So the file is searched for the id and, if it is anywhere, also as part of another id,
    written anew without such space.

    Parameters
    ----------
    address : Address
        Of a file of SQLite.
    customer : str

    Raises
    ------
    LedgerError
        If another program has the ledger open and so keeps old pages.
    DataError
        Whatever the database refuses.
    """
    path = address.local_path
    assert path is not None
    with _opened(path, address) as database:
        _empty_log(database, address)
        if _holds(path, customer.encode()):
            database.execute("vacuum")
            _empty_log(database, address)


@contextmanager
def _opened(path: Path, address: Address) -> Iterator[sqlite3.Connection]:
    try:
        connecting = sqlite3.connect(path, timeout=SECONDS_TO_CONNECT, isolation_level=None)
        with closing(connecting) as database:
            yield database
    except sqlite3.Error as error:
        raise explained(error, address, {}, write=True) from None


def _empty_log(database: sqlite3.Connection, address: Address) -> None:
    is_busy, _, _ = database.execute("pragma wal_checkpoint(truncate)").fetchone()
    if is_busy:
        raise LedgerError(
            f"the rows are removed, but another program has {address.name} open and keeps a copy "
            "of them on the disk; close it and run the same command again"
        )


def _holds(path: Path, content: bytes) -> bool:
    if not content or not path.stat().st_size:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as pages:
        return pages.find(content) >= 0


def _of(table: sa.Table, data_set: str, customer: str) -> tuple[sa.ColumnElement[bool], ...]:
    return table.c.data_set == data_set, table.c.customer == customer
