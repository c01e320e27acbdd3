"""The error rates and coverages that the documents promise, at a small number of draws."""

from __future__ import annotations

import pytest

from benchmarks.claims import CLAIMS, Claim, Measurement, measure
from tests.sizes import size

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.text)
def test_what_is_promised_is_what_is_measured(claim: Claim) -> None:
    found = measure(claim, size(40, 400), seed=3)
    assert found.is_within(claim), found


def test_a_broken_promise_is_seen() -> None:
    claim = Claim("a coin falls on its edge", 0.0, 0.05, lambda generator: generator.random() < 0.5)
    assert not measure(claim, 40, seed=1).is_within(claim)
    assert Measurement(0.02, 0.01).is_within(claim)
