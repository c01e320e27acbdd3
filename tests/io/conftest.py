from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers import PostgreSQL, postgresql_server, s3_server


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgreSQL]:
    with postgresql_server() as server:
        yield server


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with s3_server() as address:
        yield address
