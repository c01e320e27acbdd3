"""What a database refused, as one sentence with the remedy and without passwords."""

from collections.abc import Mapping

from churn_pipeline.errors import DataError
from churn_pipeline.io.addresses import Address

_LONGEST_REASON = 300

_LOCKED = "55P03"
_NO_PRIVILEGE = "42501"
_NO_SCHEMA = "3F000"
_CANCELLED = "57014"
_IDLE_TOO_LONG = "25P03"
_OF_SQLITE = {
    "SQLITE_FULL": "free some disk space",
    "SQLITE_READONLY": "make the file and its folder writable",
    "SQLITE_CANTOPEN": "make the file and its folder writable",
    "SQLITE_IOERR": "check the disk",
    "SQLITE_CORRUPT": "restore it from a backup, or move it",
    "SQLITE_NOTADB": "set {setting} to a database of SQLite",
}


def explained(
    error: Exception, address: Address, secrets: Mapping[str, str], *, write: bool
) -> DataError:
    """Return the error of a driver or of SQLAlchemy as one that names address and remedy.

    Parameters
    ----------
    error : Exception
        As it was raised.
    address : Address
        What was read or written.
    secrets : mapping
        Texts that the sentence must not hold.
    write : bool
        Whether it was written to.
    """
    original = getattr(error, "orig", None) or error
    reason = _reason(original, secrets)
    server = Address(address.kind, address.place, None, address.setting).name
    state = getattr(original, "sqlstate", None)
    if "lock on file" in reason or "database is locked" in reason or state == _LOCKED:
        return DataError(
            f"{server} is in use by another program, which locks it; close that program and run "
            "again"
        )
    if "password" in reason:
        return DataError(
            f"{server} refused user and password ({reason}); put them into "
            "conf/local/credentials.yml (docs/sources.md) or PGUSER and PGPASSWORD"
        )
    if address.kind == "postgresql" and state is None:
        # the server's own words: it is running
        remedy = (
            f"check the database, the user and the options in {address.setting} and its credentials"
            if "FATAL" in reason
            else f"is the server running, and is {address.setting} its address?"
        )
        verb = "refused the connection" if "FATAL" in reason else "cannot be reached"
        return DataError(f"{server} {verb} ({reason}); {remedy}")
    remedies = {
        _NO_PRIVILEGE: "a sink needs SELECT, INSERT and DELETE on the table"
        if write
        else "a source needs SELECT on the table and USAGE on its schema",
        _NO_SCHEMA: f"create the schema, or set {address.setting} to one that exists",
        _CANCELLED: "raise statement_timeout for this user",
        _IDLE_TOO_LONG: "raise idle_in_transaction_session_timeout for this user",
    }
    remedy = remedies.get(str(state), "") or _remedy_of_sqlite(original, address, write=write)
    return DataError(f"{address.name} cannot be used: {reason}{'; ' if remedy else ''}{remedy}")


def _remedy_of_sqlite(original: BaseException, address: Address, *, write: bool) -> str:
    # names are those of SQLite's extended codes: SQLITE_READONLY_DIRECTORY
    name = "_".join(getattr(original, "sqlite_errorname", "").split("_")[:2])
    remedy = _OF_SQLITE.get(name, "").format(setting=address.setting)
    # READONLY while reading: beside a file with a write-ahead log, readers write a small one
    is_unreadable = name == "SQLITE_CANTOPEN" and not write
    return remedy.replace("writable", "readable") if is_unreadable else remedy


def _reason(original: BaseException, secrets: Mapping[str, str]) -> str:
    lines = [line.strip() for line in str(original).splitlines() if line.strip()]
    reason = (lines[0] if lines else type(original).__name__)[:_LONGEST_REASON].rstrip(".")
    for secret in filter(None, [secrets.get("password"), secrets.get("url")]):
        reason = reason.replace(secret, "***")
    return reason
