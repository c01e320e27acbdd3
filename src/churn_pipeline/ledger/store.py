"""The ledger as a database: opened for reading or for writing, created and brought up to date."""

import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from churn_pipeline.errors import LedgerError
from churn_pipeline.io.addresses import Address
from churn_pipeline.io.database_errors import explained
from churn_pipeline.io.databases import SECONDS_TO_WAIT, connection, run
from churn_pipeline.io.storage import writing as writing_file
from churn_pipeline.ledger.migration import (
    require_known,
    require_present,
    upgrade,
    version_of,
)
from churn_pipeline.ledger.schema import VERSION
from churn_pipeline.staging import exclusive

_CACHE_KB = 65_536
_LOG_BYTES = 67_108_864  # of SQLite's write-ahead log between two transactions
_NO_PRIVILEGE = "42501"  # the SQLSTATE
_RIGHTS = (
    "reading a ledger needs USAGE on its schema and SELECT on its tables, writing also INSERT and "
    "DELETE, UPDATE on campaigns and contacts, and TEMPORARY on the database"
)


@dataclass(frozen=True)
class Ledger:
    """A ledger at its address.

    A file of SQLite is created where there is none, and brought up to date by whoever writes to it
    first: all that write are of one checkout. In PostgreSQL an empty schema is filled, but an older
    one is left alone until somebody runs ``kedro ledger upgrade``: a batch of the new version must
    not shut out workers of the old one, which refuse a schema that they do not know.

    Attributes
    ----------
    address : Address
        See :func:`churn_pipeline.ledger.address.parse_ledger`; its path absolute.
    credentials : mapping
        ``url``, ``user`` and ``password`` of a server; see docs/sources.md.
    """

    address: Address
    credentials: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """A name for messages, without user and password."""
        return self.address.name

    @property
    def path(self) -> Path | None:
        """The file of SQLite; None of a server."""
        return self.address.local_path

    @contextmanager
    def writing(self, *, turn: str | None = None) -> Iterator[sa.Connection]:
        """Open a transaction that writes; it is committed at the end if all went well.

        Parameters
        ----------
        turn : str, optional
            Name of what is written: of several transactions of one name, which may write the same
            rows in any order, one waits for the other. SQLite has one writer at a time anyway.

        Raises
        ------
        LedgerError
            If the schema is not of this version, or there is none and this user may not create it,
            or this user lacks another right.
        DataError, StorageError
            Whatever the database or the disk refuses.
        """
        with self._opened_to_write() as opened:
            found = version_of(opened)
            if found is None or self.path is not None:
                self._bring_up_to_date(opened)
            else:
                require_present(found, self.name)
            if turn is not None and self.address.part is not None:
                _wait_for_turn(opened, f"{self.address.part} {turn}")
            yield opened

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Open a transaction that reads a ledger of this version.

        Raises
        ------
        LedgerError
            If there is no ledger, or its schema is not of this version.
        DataError
            Whatever the database refuses.
        """
        with self.looking() as opened:
            require_present(version_of(opened), self.name)
            yield opened

    @contextmanager
    def looking(self) -> Iterator[sa.Connection]:
        """Open a transaction that reads a ledger of any version that is known.

        Raises
        ------
        LedgerError
            If there is no ledger, or its schema is of a later version.
        DataError
            Whatever the database refuses.
        """
        if self.path is not None and not self.path.is_file():
            raise self._absent()
        with connection(self.address, self.credentials) as opened, self._with_rights(opened):
            self._enter(opened)
            found = version_of(opened)
            if found is None:
                raise self._absent()
            require_known(found, self.name)
            yield opened

    def upgrade(self) -> tuple[str | None, str]:
        """Create the ledger or bring it up to date; return its version before and after.

        Raises
        ------
        LedgerError, DataError, StorageError
            See :meth:`writing`.
        """
        with self._opened_to_write() as opened:
            before = self._bring_up_to_date(opened)
        return before, VERSION

    @contextmanager
    def _opened_to_write(self) -> Iterator[sa.Connection]:
        if self.path is not None:
            self._prepare(self.path)
        with (
            connection(self.address, self.credentials, write=True) as opened,
            self._with_rights(opened),
        ):
            if self.path is not None:
                run(opened, f"pragma cache_size = -{_CACHE_KB}")
                run(opened, f"pragma journal_size_limit = {_LOG_BYTES}")
            self._enter(opened)
            yield opened

    @contextmanager
    def _with_rights(self, opened: sa.Connection) -> Iterator[None]:
        """Say which rights a ledger needs, where the database refuses for want of one."""
        try:
            yield
        except (sa.exc.SQLAlchemyError, opened.dialect.loaded_dbapi.Error) as error:
            if not _is_for_want_of_rights(error):
                raise
            reason = str(getattr(error, "orig", None) or error).splitlines()[0]
            raise LedgerError(f"{self.name} cannot be used: {reason}; {_RIGHTS}") from None

    def _bring_up_to_date(self, opened: sa.Connection) -> str | None:
        """Return the version that was there."""
        try:
            if self.address.part is not None:
                _wait_for_turn(opened, self.address.part)
                if not sa.inspect(opened).has_schema(self.address.part):
                    run(opened, f"create schema {_identifier(self.address.part)}")
            found = version_of(opened)
            upgrade(opened, self.name)
        except sa.exc.ProgrammingError as error:
            if not _is_for_want_of_rights(error):
                raise
            raise LedgerError(
                f"the tables of {self.name} are not there or not up to date, and this user may not "
                f"change that; let an owner of the database run `kedro ledger upgrade`; {_RIGHTS}"
            ) from None
        return found

    def _prepare(self, path: Path) -> None:
        """Create the file, and let readers go on while somebody writes."""
        with writing_file(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with closing(sqlite3.connect(path, timeout=SECONDS_TO_WAIT)) as database:
                (mode,) = database.execute("pragma journal_mode").fetchone()
                if mode != "wal":  # a disk of the network cannot; then readers wait
                    self._switch_to_log(path, database)
        except sqlite3.Error as error:
            raise explained(error, self.address, {}, write=True) from None

    @staticmethod
    def _switch_to_log(path: Path, database: sqlite3.Connection) -> None:
        # SQLite does not wait for others here, who may be at the same point of a new ledger
        with writing_file(path), exclusive(path):
            end = time.monotonic() + SECONDS_TO_WAIT
            while True:
                try:
                    database.execute("pragma journal_mode = wal")
                    return
                except sqlite3.OperationalError:
                    if time.monotonic() > end:
                        raise
                    time.sleep(0.02)

    def _enter(self, opened: sa.Connection) -> None:
        if self.address.part is not None:
            run(opened, f"set local search_path to {_identifier(self.address.part)}")

    def _absent(self) -> LedgerError:
        return LedgerError(
            f"there is no ledger at {self.name} yet; `kedro run --pipelines scoring` writes one, "
            "or set ledger.address to one that exists"
        )


def _is_for_want_of_rights(error: Exception) -> bool:
    return getattr(getattr(error, "orig", None) or error, "sqlstate", None) == _NO_PRIVILEGE


def _wait_for_turn(opened: sa.Connection, turn: str) -> None:
    # what does not exist yet cannot be locked, hence a lock by name
    run(opened, "set local lock_timeout = '10min'")
    opened.execute(
        sa.text("select pg_advisory_xact_lock(hashtextextended(:name, 0))"),
        {"name": f"churn_pipeline ledger {turn}"},
    )


def _identifier(schema: str) -> str:
    return '"' + schema.replace('"', '""') + '"'
