from __future__ import annotations

import struct
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_pipeline.scorer.decisions import (
    NO_ACTION,
    Decider,
    Economics,
    Score,
    Tier,
    assign_tier,
    decide_table,
    recommend,
    tiers,
)

MONEY = st.floats(0, 1e9) | st.integers(0, 10_000)
SHAPE = st.floats(0.01, 100)
ECONOMICS = st.builds(Economics, st.just(200), MONEY, MONEY, SHAPE, SHAPE)
PROBABILITIES = st.floats(1e-6, 1 - 1e-6)


@st.composite
def tier_lists(draw: st.DrawFn) -> tuple[Tier, ...]:
    more = draw(st.sets(st.floats(0, 1, exclude_min=True, exclude_max=True), max_size=5))
    return tuple(Tier(f"t{i}", m, f"do {i}") for i, m in enumerate([0.0, *sorted(more)]))


@settings(deadline=None)
@given(ECONOMICS, tier_lists(), st.lists(st.tuples(PROBABILITIES, MONEY), min_size=1, max_size=20))
def test_one_customer_is_decided_as_a_table_is(
    economics: Economics, levels: tuple[Tier, ...], customers: list[tuple[float, float]]
) -> None:
    # minimums themselves are where an off-by-one shows
    customers += [(level.minimum, 100.0) for level in levels]
    probabilities, values = (
        np.array(column, dtype=np.float64) for column in zip(*customers, strict=True)
    )
    decider = Decider(economics, levels)
    found = [decider.decide(p, v) for p, v in customers]
    profits = economics.expected_profit(probabilities, values)
    for score, probability, profit in zip(found, probabilities, profits, strict=True):
        assert struct.pack("d", score.churn_probability) == struct.pack("d", probability)
        assert struct.pack("d", score.expected_profit) == struct.pack("d", profit)
    assert [score.tier for score in found] == assign_tier(probabilities, levels).tolist()
    assert [score.contact for score in found] == (profits > 0).tolist()
    actions = {level.name: level.action for level in levels}
    for score in found:
        assert score.recommended_action == (actions[score.tier] if score.contact else NO_ACTION)
    recommended = [score.recommended_action for score in found]
    assert recommended == recommend(probabilities, profits > 0, levels)
    table = decide_table(probabilities, values, economics, levels)
    assert [field.name for field in fields(table)] == [field.name for field in fields(Score)]
    for field in fields(table):
        column = getattr(table, field.name)
        if isinstance(column, tuple):
            column = np.array(column[0], dtype=object)[column[1]]
        assert column.tolist() == [getattr(score, field.name) for score in found]


@pytest.mark.parametrize("value", [200, 200.0, 10, 1e-9, 0])
def test_contact_pays_above_the_break_even_probability(value: float) -> None:
    economics = Economics(value, 10, 1, 6, 14)
    decider = Decider(economics, [Tier("all", 0.0, "call")])
    limit = economics.break_even_probability(value)
    for probability in np.linspace(0.001, 0.999, 50).tolist():
        assert decider.decide(probability, value).contact == (probability > limit)


def test_a_score_holds_plain_values_that_json_knows() -> None:
    levels = tiers({"low": {"minimum": 0, "action": "write"}})
    score: Any = Decider(Economics(200, 10, 1, 6, 14), levels).decide(0.5, 200)
    kinds = (float, str, str, bool, float)
    for name, kind in zip(type(score).__slots__, kinds, strict=True):
        assert type(getattr(score, name)) is kind
