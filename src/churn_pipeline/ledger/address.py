"""Where the ledger is: ``ledger.address`` of ``params.yaml``."""

from dataclasses import replace

from churn_pipeline.errors import DataError
from churn_pipeline.io.addresses import Address, parse_address, refuse_password

SETTING = "ledger.address"
SCHEMA = "ledger"
"""Schema of PostgreSQL where the address names none: sinks may have a table of the same name."""


def parse_ledger(address: str) -> Address:
    """Read the address of a ledger.

    Parameters
    ----------
    address : str
        ``sqlite:///FILE``, ``postgresql://HOST/DATABASE`` or, with the schema of the tables,
        ``postgresql://HOST/DATABASE::SCHEMA``.

    Returns
    -------
    Address
        Its part is the schema, None of SQLite.

    Raises
    ------
    DataError
        If it is none of these, or contains a password.
    """
    refuse_password(address, SETTING)
    scheme = address.partition("://")[0].lower() if "://" in address else ""
    if scheme == "duckdb":
        raise DataError(
            f"{SETTING} is {address}, but DuckDB lets one process write at a time, and the workers "
            "of the service write while a batch does; take sqlite:///FILE or "
            "postgresql://HOST/DATABASE"
        )
    if scheme != "sqlite" and not scheme.startswith("postgres"):
        raise DataError(
            f"{SETTING} is {address}, but takes sqlite:///FILE or postgresql://HOST/DATABASE, or "
            "null for no ledger"
        )
    place, separator, part = address.rpartition("::") if _has_part(address) else (address, "", "")
    if scheme == "sqlite":
        if separator:
            raise DataError(
                f"{SETTING} is {address}, but a file of SQLite has no schemas; remove ::{part}"
            )
        return replace(parse_address(f"{place}::{SCHEMA}", SETTING), part=None)
    parsed = parse_address(f"{place}::{part or SCHEMA}", SETTING)
    if parsed.is_query:
        raise DataError(f"{SETTING} ends in a query, but takes a schema behind the ::")
    return parsed


def _has_part(address: str) -> bool:
    # colons of an IPv6 host are in brackets
    return "::" in address.rpartition("]")[2]
