from __future__ import annotations

import pytest

from tests.discovery.tables import churn, infer, plan, questions

N = 400
TRUTH = churn(N)
FLAGS = ["yes" if i % 3 else "no" for i in range(N)]


@pytest.mark.parametrize("name", ["contacted", "is_treated", "RetentionCallMade", "offer_sent"])
def test_whom_the_company_contacted_is_no_input(name: str) -> None:
    inference = infer({name: FLAGS, "churn": TRUTH})
    assert inference.document["columns"][name]["role"] == "ignored"
    assert "to keep the customer" in plan(inference, name).why
    assert questions(inference, f"Does {name} say whom you contacted")
    kept = infer({name: FLAGS, "churn": TRUTH}, keep=(name,))
    assert kept.document["columns"][name]["role"] == "feature"


@pytest.mark.parametrize(
    "name", ["contact_method", "discount_flag", "has_phone", "contacted_support", "limit_reached"]
)
def test_other_flags_are_inputs(name: str) -> None:
    inference = infer({name: FLAGS, "churn": TRUTH})
    assert inference.document["columns"][name]["role"] == "feature"


def test_amounts_and_kinds_of_contact_are_inputs() -> None:
    inference = infer({"offers_made": [i % 17 for i in range(N)], "churn": TRUTH})
    assert inference.document["columns"]["offers_made"]["role"] == "feature"
