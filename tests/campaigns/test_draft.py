from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from churn_pipeline.campaigns.actions import Action
from churn_pipeline.campaigns.draft import CONTACT, HELD_OUT, Terms, draft_campaign
from churn_pipeline.campaigns.planning import Limits
from churn_pipeline.campaigns.summary import summarise
from churn_pipeline.errors import DataError
from churn_pipeline.scorer.decisions import Economics

CALL = Action("call", Economics(0.0, 20.0, 5.0, 8, 12), tiers=("high",))
MAIL = Action("mail", Economics(0.0, 10.0, 0.5, 2, 18))
TERMS = Terms("spring", "keep those who leave", [CALL, MAIL], Limits(contacts=100), 0.2, 7, 30)


@pytest.fixture
def scores() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    n = 1000
    p = rng.beta(1.5, 3, n)
    return pd.DataFrame(
        {
            "customer": [f"c{i:04}" for i in range(n)],
            "score_id": [f"s{i:04}" for i in range(n)],
            "as_of": "2026-10-31",
            "model_version": "abc",
            "churn_probability": p,
            "lifetime_value": rng.lognormal(5, 0.5, n),
            "tier": np.where(p > 0.5, "high", "low"),
            "reason_1": "tenure is 2 months",
            "reason_2": None,
            "reason_3": None,
        }
    )


def test_the_list_is_ranked_and_adds_up_to_the_document(scores: pd.DataFrame) -> None:
    draft = draft_campaign(scores, TERMS)
    contacts, who = draft.contacts, draft.document["customers"]
    treated = contacts[contacts["arm"] == CONTACT]
    assert contacts["expected_profit"].is_monotonic_decreasing
    assert contacts["rank"].tolist() == list(range(1, len(contacts) + 1))
    assert who["contacted"] == len(treated) == 100
    assert who["held_out"] == (contacts["arm"] == HELD_OUT).sum() > 0
    assert draft.document["expected"]["profit"] == pytest.approx(
        treated["expected_profit"].sum(), abs=0.01
    )
    merged = contacts.merge(scores, on="customer")
    value = merged["churn_probability_y"] * merged["lifetime_value"]
    assert np.allclose(merged["value_at_risk"], value)
    assert set(contacts["contact_by"]) == {"2026-11-07"}


def test_the_same_scores_in_another_order_make_the_same_draft(scores: pd.DataFrame) -> None:
    one, other = draft_campaign(scores, TERMS), draft_campaign(scores[::-1], TERMS)
    assert one.document == other.document
    pd.testing.assert_frame_equal(one.contacts, other.contacts)


def test_the_hash_of_the_inputs_tells_other_scores_and_suppressions(scores: pd.DataFrame) -> None:
    digests = {
        draft_campaign(table, TERMS, suppressed).document["inputs_sha256"]
        for table, suppressed in (
            (scores, {}),
            (scores.assign(lifetime_value=scores["lifetime_value"] + 1), {}),
            (scores, {"c0001": "no consent"}),
        )
    }
    assert len(digests) == 3


def test_suppressed_customers_are_counted_by_reason(scores: pd.DataFrame) -> None:
    why = {f"c{i:04}": "no consent" if i < 300 else "contacted" for i in range(500)}
    draft = draft_campaign(scores, TERMS, {**why, "not scored": "no consent"})
    assert draft.document["customers"]["suppressed"] == {"contacted": 200, "no consent": 300}
    assert (draft.contacts["customer"] >= "c0500").all()


def test_the_summary_names_the_limit_and_what_can_be_shown(scores: pd.DataFrame) -> None:
    text = "\n".join(summarise(draft_campaign(scores, TERMS).document, "CHF"))
    assert "spring: 100 of 1,000 scored customers to contact" in text
    assert "the contacts of 100 binds: one more contact would bring" in text
    assert "too few customers. It can show a fall of" in text
    assert "selected customers would do" in text


def test_the_summary_of_an_unlimited_campaign_without_anyone_held_out(
    scores: pd.DataFrame,
) -> None:
    terms = replace(TERMS, limits=Limits(), held_out_share=0.0)
    text = "\n".join(summarise(draft_campaign(scores, terms).document, "CHF"))
    assert "no limit binds" in text
    assert "nobody is held out, so the effect of this campaign cannot be measured" in text


def test_a_large_campaign_can_show_its_effect(scores: pd.DataFrame) -> None:
    many = pd.concat([scores.assign(customer=scores["customer"] + f"-{i}") for i in range(8)])
    terms = replace(TERMS, limits=Limits(), actions=[replace(CALL, tiers=None)])
    document = draft_campaign(many, terms).document
    assert document["test"]["power"] > 0.8
    assert "too few" not in "\n".join(summarise(document, "CHF"))


def test_nobody_to_contact_is_no_error(scores: pd.DataFrame) -> None:
    document = draft_campaign(scores.assign(churn_probability=0.001), TERMS).document
    assert document["customers"]["selected"] == 0
    assert document["test"]["detectable_effect"] is None
    assert "0 of 1,000 scored customers to contact" in "\n".join(summarise(document, "CHF"))


def test_no_scores_and_several_of_a_customer_are_refused(scores: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="no scores to plan"):
        draft_campaign(scores[:0], TERMS)
    with pytest.raises(DataError, match="c0003 has several scores"):
        draft_campaign(pd.concat([scores, scores[3:4]]), TERMS)
