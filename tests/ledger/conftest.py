from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ledger.books import Book
from tests.servers import PostgreSQL, postgresql_server


@pytest.fixture(scope="session")
def ledger_server() -> Iterator[PostgreSQL]:
    with postgresql_server() as server:
        yield server


@pytest.fixture
def server(ledger_server: PostgreSQL) -> PostgreSQL:
    """The server without any ledger."""
    ledger_server.run("drop schema if exists ledger cascade")
    return ledger_server


@pytest.fixture(params=["sqlite", "postgresql"])
def book(request: pytest.FixtureRequest, tmp_path: Path) -> Book:
    """An empty ledger of either kind, which nobody has opened."""
    is_server = request.param == "postgresql"
    return Book(tmp_path, request.getfixturevalue("server") if is_server else None)


@pytest.fixture
def file_book(tmp_path: Path) -> Book:
    return Book(tmp_path, None)
