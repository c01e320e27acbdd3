from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import mlflow
import pytest

from churn_pipeline.errors import TrackingError
from churn_pipeline.tracking.sqlite_store import prepare_sqlite_store


def prepare(path: Path, *, create: bool = True, write: bool = True) -> None:
    prepare_sqlite_store(path, create=create, write=write)


def experiments(store: Path) -> list[str]:
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{store}")
    return [experiment.name for experiment in client.search_experiments()]


@pytest.fixture
def path(migrated_store: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(migrated_store, tmp_path / "mlflow.db"))


def test_store_is_created_ready_for_use(tmp_path: Path) -> None:
    store = tmp_path / "mlflow.db"
    prepare(store, create=False)
    assert list(tmp_path.iterdir()) == []
    prepare(store)
    assert [path.name for path in tmp_path.iterdir()] == ["mlflow.db"]
    assert experiments(store) == ["Default"]


def test_kill_while_the_store_is_created_leaves_none(tmp_path: Path) -> None:
    store = tmp_path / "mlflow.db"
    code = (
        "from pathlib import Path; from churn_pipeline.tracking import sqlite_store as s; "
        f"s.prepare_sqlite_store(Path({str(store)!r}), create=True, write=True)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    while not any(tmp_path.iterdir()):  # its first table is being written
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert not store.exists()


def refusal(path: Path) -> str:
    before = path.read_bytes() if path.is_file() else None
    started = time.monotonic()
    with pytest.raises(TrackingError) as error:
        prepare(path)
    assert time.monotonic() - started < 10
    assert before is None or path.read_bytes() == before
    message = str(error.value)
    assert message.startswith(f"{path}, the store of MLflow, cannot be used (")
    assert message.endswith(", or set MLFLOW_TRACKING_URI to another store")
    assert "\n" not in message
    return message


def test_a_store_that_is_whole_is_left_alone(path: Path) -> None:
    before = path.read_bytes()
    prepare(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"something else", b"<html>" * 100])
def test_no_database(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    path.write_bytes(content)
    assert "it is not an SQLite database); move it" in refusal(path)


@pytest.mark.parametrize("kept", [9, 60, 5000, 100_000])
def test_a_file_that_was_cut_short(kept: int, path: Path) -> None:
    path.write_bytes(path.read_bytes()[:kept])
    assert "it is truncated); restore it from a backup" in refusal(path)


def test_pages_that_are_damaged(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[100:4000] = b"x" * 3900
    path.write_bytes(content)
    assert "restore it from a backup, or move it" in refusal(path)


def test_a_folder_of_that_name(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").mkdir()
    assert "Is a directory" in refusal(tmp_path / "mlflow.db")


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert "No such file or directory" in refusal(tmp_path / "gone" / "mlflow.db")


def test_a_database_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE customers (id)")
    assert "it is a database of another program); move it" in refusal(path)


def test_a_store_of_a_newer_mlflow(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = 'f00'")
    assert "(a newer MLflow created it: its schema is f00); install that MLflow" in refusal(path)


def test_a_store_that_another_program_holds(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("BEGIN EXCLUSIVE")
        assert "(database is locked); close the program that has it locked" in refusal(path)
