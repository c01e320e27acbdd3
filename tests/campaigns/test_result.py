from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from churn_pipeline.campaigns.actions import Action
from churn_pipeline.campaigns.draft import Draft, Terms, draft_campaign
from churn_pipeline.campaigns.planning import Limits
from churn_pipeline.campaigns.result import measure_campaign
from churn_pipeline.campaigns.summary import summarise_result
from churn_pipeline.errors import DataError
from churn_pipeline.scorer.decisions import Economics

ACCEPTS = {"call": 0.5, "mail": 0.1}
CALL = Action("call", Economics(0.0, 20.0, 5.0, 6, 14), tiers=("high",))
MAIL = Action("mail", Economics(0.0, 10.0, 0.5, 2, 18))
NAMES = np.array(["call", "mail"])


def drawn(
    n: int, seed: int, share: float = 0.3, name: str = "spring"
) -> tuple[Draft, dict[str, bool]]:
    """Return a campaign, and outcomes in which other shares accept than were assumed."""
    rng = np.random.default_rng(seed)
    p = rng.beta(1.5, 3, n)
    scores = pd.DataFrame(
        {
            "customer": [f"c{i:06}" for i in range(n)],
            "score_id": [f"s{i:06}" for i in range(n)],
            "as_of": "2026-10-31",
            "model_version": "abc",
            "churn_probability": p,
            "lifetime_value": rng.lognormal(5, 0.5, n),
            "tier": np.where(p > 0.4, "high", "low"),
            **{f"reason_{i}": None for i in (1, 2, 3)},
        }
    )
    terms = Terms(name, "", [CALL, MAIL], Limits(), share, 7, 30)
    draft = draft_campaign(scores, terms)
    table = draft.contacts
    accepted = (rng.random(len(table)) < table["action"].map(ACCEPTS)) & (table["arm"] == "contact")
    leaves = rng.random(len(table)) < table["churn_probability"]
    return draft, dict(zip(table["customer"], (leaves & ~accepted).tolist(), strict=True))


@pytest.fixture(scope="module")
def campaign() -> tuple[Draft, dict[str, bool]]:
    return drawn(30_000, 1)


def test_a_campaign_is_measured_in_churn_money_and_acceptance(
    campaign: tuple[Draft, dict[str, bool]],
) -> None:
    draft, outcomes = campaign
    result = measure_campaign(draft.document, draft.contacts, outcomes)
    actions = {line["name"]: line for line in result["actions"]}
    for name, accepts in ACCEPTS.items():
        found = actions[name]["found_acceptance"]
        assert found["low"] < accepts < found["high"]
    call = actions["call"]
    posterior = call["next_alpha"] / (call["next_alpha"] + call["next_beta"])
    assert call["assumed_acceptance"] == 0.3
    assert 0.4 < posterior < 0.55
    assert result["effect"]["low"] > 0
    assert result["cost_per_kept"] == pytest.approx(result["cost"] / result["kept"]["value"], 0.01)
    for end in ("value", "low", "high"):
        assert result["profit"][end] == pytest.approx(
            result["retained_value"][end] - result["cost"], abs=0.01
        )


def test_retained_value_covers_the_truth_in_nearly_all_campaigns() -> None:
    covered = 0
    for seed in range(40):
        draft, outcomes = drawn(3000, seed, name=f"c{seed}")
        result = measure_campaign(draft.document, draft.contacts, outcomes)
        treated = draft.contacts[draft.contacts["arm"] == "contact"]
        truth = (treated["value_at_risk"] * treated["action"].map(ACCEPTS)).sum()
        covered += result["retained_value"]["low"] <= truth <= result["retained_value"]["high"]
    assert covered >= 34


def test_costs_are_those_of_the_contacted_who_stayed_or_as_given(
    campaign: tuple[Draft, dict[str, bool]],
) -> None:
    draft, outcomes = campaign
    table = draft.contacts[draft.contacts["arm"] == "contact"]
    stayed = ~table["customer"].map(outcomes).to_numpy(dtype=bool)
    is_call = (table["action"] == "call").to_numpy()
    expected = np.where(is_call, 5 + 20 * stayed, 0.5 + 10 * stayed).sum()
    found = measure_campaign(draft.document, draft.contacts, outcomes)
    assert found["cost"] == pytest.approx(expected, abs=0.01)
    given = measure_campaign(draft.document, draft.contacts, outcomes, cost=123.0)
    assert given["cost"] == 123.0
    assert given["profit"]["value"] > found["profit"]["value"]


def test_unknown_outcomes_are_counted_and_not_guessed(
    campaign: tuple[Draft, dict[str, bool]],
) -> None:
    draft, outcomes = campaign
    some = {who: left for i, (who, left) in enumerate(outcomes.items()) if i % 6}
    result = measure_campaign(draft.document, draft.contacts, some)
    counts = result["customers"]
    assert counts["contacted"] + counts["held_out"] == len(some)
    assert sum(counts.values()) == len(draft.contacts)
    half = dict(list(outcomes.items())[::2])
    with pytest.raises(DataError, match="outcomes of 50% of the customers of spring are unknown"):
        measure_campaign(draft.document, draft.contacts, half)


def test_outcomes_of_churners_alone_are_refused(campaign: tuple[Draft, dict[str, bool]]) -> None:
    draft, outcomes = campaign
    with pytest.raises(
        DataError, match="all known outcomes of spring are of customers who churned"
    ):
        measure_campaign(draft.document, draft.contacts, dict.fromkeys(outcomes, True))


def test_outcomes_of_one_arm_only_are_refused(campaign: tuple[Draft, dict[str, bool]]) -> None:
    draft, outcomes = campaign
    held = set(draft.contacts.loc[draft.contacts["arm"] == "held_out", "customer"])
    most = {c: left for i, (c, left) in enumerate(outcomes.items()) if c not in held or i % 2}
    with pytest.raises(DataError, match="were moved between the arms, or outcomes of one arm"):
        measure_campaign(draft.document, draft.contacts, most)


def test_outcomes_of_other_customers_are_refused(campaign: tuple[Draft, dict[str, bool]]) -> None:
    draft = campaign[0]
    with pytest.raises(DataError, match=r"none of the .* customers of the campaign spring"):
        measure_campaign(draft.document, draft.contacts, {"somebody": True})


def test_an_action_of_few_customers_has_no_acceptance_found() -> None:
    draft, _ = drawn(60, 3, name="tiny")
    outcomes = {name: i % 2 == 0 for i, name in enumerate(draft.contacts["customer"])}
    result: dict[str, Any] = measure_campaign(draft.document, draft.contacts, outcomes)
    assert all("found_acceptance" not in line for line in result["actions"])
    assert result["cost_per_kept"] is None
    assert result["profit"] is None
    assert "too few customers in an arm to tell" in "\n".join(
        summarise_result(draft.document, result, "CHF")
    )
