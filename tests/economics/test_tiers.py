from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from churn_pipeline.economics.tiers import summarise_tiers
from churn_pipeline.errors import ParameterError
from churn_pipeline.scorer.decisions import Tier, assign_tier, tiers

PARAMETERS = {
    "low": {"minimum": 0, "action": "remind"},
    "medium": {"minimum": 0.3, "action": "write"},
    "high": {"minimum": 0.6, "action": "call"},
}
TIERS = tiers(PARAMETERS)


def test_tiers_are_read_from_the_parameters() -> None:
    low, medium, high = TIERS
    assert low == Tier("low", 0.0, "remind")
    assert medium == Tier("medium", 0.3, "write")
    assert high == Tier("high", 0.6, "call")


def test_a_minimum_belongs_to_its_tier() -> None:
    found = assign_tier([0.0, 0.29999, 0.3, 0.59, 0.6, 1.0], TIERS)
    assert found.tolist() == ["low", "low", "medium", "medium", "high", "high"]
    assert assign_tier([0.9], tiers({"all": {"minimum": 0, "action": "a"}})).tolist() == ["all"]


@pytest.mark.parametrize(
    ("minimums", "parts"),
    [
        ([0.1, 0.5], ["t0.minimum is 0.1", "starts at 0"]),
        ([0, 0.5, 0.5], ["economics.tiers.t2.minimum is 0.5", "above the 0.5 of t1"]),
        ([0, 0.5, 0.4], ["economics.tiers.t2.minimum is 0.4", "above the 0.5 of t1"]),
        ([0, 1.0], ["economics.tiers.t1.minimum is 1", "below 1"]),
        ([0, float("nan")], ["economics.tiers.t1.minimum is nan"]),
        ([], ["economics.tiers", "it has none"]),
    ],
)
def test_minimums_ascend_from_0(minimums: list[Any], parts: list[str]) -> None:
    parameters = {f"t{i}": {"minimum": m, "action": "a"} for i, m in enumerate(minimums)}
    with pytest.raises(ParameterError) as caught:
        tiers(parameters)
    for part in parts:
        assert part in str(caught.value)


def test_summary_by_hand_with_an_empty_tier() -> None:
    found = summarise_tiers([0, 1, 1, 0], [0.1, 0.2, 0.9, 0.7], [False, True, True, True], TIERS)
    assert found == [
        {"tier": "low", "minimum": 0.0, "maximum": 0.3, "customers": 2, "share": 0.5,
         "churn_rate": 0.5, "mean_churn_probability": 0.15, "contacted": 1,
         "action": "remind"},
        {"tier": "medium", "minimum": 0.3, "maximum": 0.6, "customers": 0, "share": 0.0,
         "churn_rate": None, "mean_churn_probability": None, "contacted": 0,
         "action": "write"},
        {"tier": "high", "minimum": 0.6, "maximum": 1.0, "customers": 2, "share": 0.5,
         "churn_rate": 0.5, "mean_churn_probability": 0.8, "contacted": 2,
         "action": "call"},
    ]  # fmt: skip


def test_summary_agrees_with_the_assignment() -> None:
    generator = np.random.default_rng(0)
    p = generator.random(500)
    y = generator.random(500) < p
    names = assign_tier(p, TIERS)
    for row in summarise_tiers(y, p, p > 0.2, TIERS):
        members = names == row["tier"]
        assert row["customers"] == members.sum()
        assert row["contacted"] == (members & (p > 0.2)).sum()
        assert row["churn_rate"] == pytest.approx(y[members].mean(), abs=1e-6)
        assert row["minimum"] <= row["mean_churn_probability"] <= row["maximum"]


@pytest.mark.parametrize(
    "action", ["", "  ", "No action.", "no action", "NONE", "N/A", "Do nothing!"]
)
def test_a_tier_names_how_to_contact_not_that_nobody_is(action: str) -> None:
    with pytest.raises(ParameterError, match=r"economics\.tiers\.low\.action"):
        tiers(PARAMETERS | {"low": {"minimum": 0, "action": action}})
