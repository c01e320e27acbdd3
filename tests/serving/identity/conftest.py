from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.serving.identity.provider import IdentityProvider, identity_provider


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    with identity_provider() as provider:
        yield provider
