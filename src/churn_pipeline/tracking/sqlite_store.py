"""The SQLite file of MLflow's store: created whole, checked before use, free of absolute paths."""

import os
import re
import sqlite3
import struct
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path

from churn_pipeline.errors import TrackingError
from churn_pipeline.staging import staged_path
from churn_pipeline.tracking.store import (
    ARTIFACT_SCHEME,
    ARTIFACTS,
    STORE,
    tracking_root,
)

_SQLITE = b"SQLite format 3\0"  # what each of its files begins with
_HEADER_BYTES = 100
_SECONDS_OF_A_COMMIT = 0.5
_SECONDS_FOR_A_LOCK = 3.0  # a write of MLflow's takes some milliseconds
_LOCATIONS = (  # table, column
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
# the folder in any root, of all experiments or, for MLflow's default one, of experiment 0
_RECORDED_ROOT = re.compile(rf"(?:file:)?/.*?/{ARTIFACTS}(?=/\d+$|/?$)")


def prepare_sqlite_store(path: Path, *, create: bool, write: bool) -> None:
    """Make the file ready for MLflow, which would take minutes to say that it is not.

    Parameters
    ----------
    path : Path
    create : bool
        Whether to create the store where there is none.
    write : bool
        Whether it is going to be written; reading needs no lock.

    Raises
    ------
    TrackingError
        If the file cannot be created or used; the message says why and what to do.
    """
    with _explained(path):
        if not path.exists():
            if not create:
                return
            _create(path)
        _check_header(path)
        for needed in (path, path.parent) if write else ():
            if not os.access(needed, os.W_OK):  # SQLite itself would find out when it commits
                raise _error(path, f"{needed} is not writable", "make it writable")
        with closing(_connect(path, write)) as database:
            _check_revision(path, database)
            if write:
                database.execute("BEGIN IMMEDIATE")
                database.execute("ROLLBACK")
            if path == tracking_root() / STORE and os.access(path, os.W_OK):
                _make_locations_relative(database)


def may_have_alias(path: Path, model: str, alias: str) -> bool:
    """Whether a registered model may have this alias, without MLflow, which takes seconds.

    True as well where the file is not one that is understood here: MLflow is to say what it is.
    """
    query = "SELECT count(*) FROM registered_model_aliases WHERE name = ? AND alias = ?"
    try:
        _check_header(path)
        with closing(_connect(path, write=False)) as database:
            _check_revision(path, database)
            (found,) = database.execute(query, (model, alias)).fetchone()
    except (OSError, sqlite3.Error, TrackingError):
        return True
    return bool(found)


def _create(path: Path) -> None:
    """Create the store whole or not at all.

    MLflow itself creates it table by table: a run killed meanwhile leaves a file on which every
    later one fails.
    """
    staged = staged_path(path)
    staged.touch()  # the cause of a failure is plainer than MLflow's
    try:
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        SqlAlchemyStore(f"sqlite:///{staged}", f"{ARTIFACT_SCHEME}:/").engine.dispose()
        os.link(staged, path)  # a rename would replace what another process created meanwhile
    except FileExistsError:
        pass
    finally:
        for file in path.parent.glob(f"{staged.name}*"):  # SQLite's journal, too
            file.unlink()


def _check_header(path: Path) -> None:
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    if not header:
        return  # SQLite takes an empty file for a new database
    if not header.startswith(_SQLITE[: len(header)]):
        raise _error(path, "it is not an SQLite database", _MOVE_AWAY)
    if len(header) == _HEADER_BYTES:
        (page_size,) = struct.unpack(">H", header[16:18])
        (pages,) = struct.unpack(">I", header[28:32])
        is_counted = header[24:28] == header[92:96]  # else an old SQLite wrote it
        size = pages * (65536 if page_size == 1 else page_size)
        is_whole = path.stat().st_size >= size
        if not is_whole:  # the header is written first: somebody may be adding pages just now
            time.sleep(_SECONDS_OF_A_COMMIT)
            is_whole = path.stat().st_size >= size
    if len(header) < _HEADER_BYTES or (is_counted and not is_whole):
        raise _error(path, "it is truncated", "restore it from a backup, or " + _MOVE_AWAY)


def _check_revision(path: Path, database: sqlite3.Connection) -> None:
    tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
    if not tables:
        return
    if "experiments" not in tables:
        raise _error(path, "it is a database of another program", _MOVE_AWAY)
    if "alembic_version" not in tables:
        return  # MLflow's first versions; it brings them up to date
    found = database.execute("SELECT version_num FROM alembic_version").fetchone()
    mlflow = find_spec("mlflow")
    folder = Path(mlflow.origin).parent if mlflow and mlflow.origin else Path()
    migrations = folder / "store" / "db_migrations" / "versions"
    known = {file.name.partition("_")[0] for file in migrations.glob("*.py")}
    if found and known and found[0] not in known:
        reason = f"a newer MLflow created it: its schema is {found[0]}"
        raise _error(path, reason, "install that MLflow, or " + _MOVE_AWAY)


def _make_locations_relative(database: sqlite3.Connection) -> None:
    """Replace the roots that were recorded; an earlier version recorded them absolute."""
    columns = {
        (table, column)
        for table in {table for table, _ in _LOCATIONS}
        for (_, column, *_) in database.execute(f"PRAGMA table_info({table})")
    }
    if ("experiments", "artifact_location") not in columns:
        return
    locations = [
        location
        for (location,) in database.execute("SELECT DISTINCT artifact_location FROM experiments")
        if location
    ]
    roots = {found[0] for found in map(_RECORDED_ROOT.match, locations) if found}
    if not roots:
        return
    database.execute("BEGIN IMMEDIATE")
    for root in sorted(roots):
        for table, column in _LOCATIONS:
            if (table, column) in columns:
                database.execute(
                    f"UPDATE {table} SET {column} = ? || ltrim(substr({column}, ?), '/') "
                    f"WHERE {column} = ? OR substr({column}, 1, ?) = ?",
                    (f"{ARTIFACT_SCHEME}:/", len(root) + 1, root, len(root) + 1, f"{root}/"),
                )
    database.execute("COMMIT")


def _connect(path: Path, write: bool) -> sqlite3.Connection:
    mode = "rw" if write or os.access(path, os.W_OK) else "ro"
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        timeout=_SECONDS_FOR_A_LOCK,
        isolation_level=None,
        uri=True,
    )


_MOVE_AWAY = "move it, and the next run creates a new one"


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        remedy = "free some space or make it accessible"
        raise _error(path, error.strerror or str(error), remedy) from error
    except sqlite3.Error as error:
        remedies = {
            "locked": "close the program that has it locked, such as a database browser",
            "malformed": "restore it from a backup, or " + _MOVE_AWAY,
            "not a database": "restore it from a backup, or " + _MOVE_AWAY,
        }
        fallback = "free some space or make it and its folder writable"
        remedy = next((r for word, r in remedies.items() if word in str(error)), fallback)
        raise _error(path, str(error), remedy) from error


def _error(path: Path, reason: str, remedy: str) -> TrackingError:
    return TrackingError(
        f"{path}, the store of MLflow, cannot be used ({reason}); {remedy}, or set "
        "MLFLOW_TRACKING_URI to another store"
    )
