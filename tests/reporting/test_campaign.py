from __future__ import annotations

from typing import Any

import pytest

from churn_pipeline.reporting.campaign import plan_campaign
from churn_pipeline.scorer.decisions import Economics
from tests.reporting.conftest import split_record

COSTS = {"incentive_cost": 10, "contact_cost": 1, "acceptance_alpha": 6, "acceptance_beta": 14}


def weighed(found: int, wrong: int, of: int, **costs: Any) -> tuple[dict[str, Any], float]:
    """What is weighed of a list of so many churners and others, by the decisions' own formula."""
    assumed = {"customer_lifetime_value": 200, **COSTS, **costs}
    campaign = Economics.of(assumed)
    profit = found * campaign.profit_of_contact(1, 200) + wrong * campaign.profit_of_contact(0, 200)
    value = profit / of
    policy = {
        "contacted_share": (found + wrong) / of,
        "profit_per_customer": {"value": value, "low": value - 1, "high": value + 1},
    }
    return {"assumptions": assumed, "policies": {"model": policy}}, found / (found + wrong)


def test_the_whole_is_what_a_customer_earns_times_the_customers() -> None:
    economics, precision = weighed(found=300, wrong=400, of=1437)
    planned = plan_campaign(economics, precision, split_record())
    each = economics["policies"]["model"]["profit_per_customer"]
    assert planned.customers == 7043
    assert planned.contacted == round(7043 * 700 / 1437)
    assert planned.profit == {key: pytest.approx(7043 * each[key]) for key in each}
    assert planned.contact_cost == planned.contacted
    # three in ten of the churners take the offer, and all of the others
    assert planned.offer_cost == pytest.approx(10 * planned.contacted * (300 * 0.3 + 400) / 700)


def test_at_the_break_even_acceptance_the_same_list_earns_nothing() -> None:
    economics, precision = weighed(found=300, wrong=400, of=1437)
    share = plan_campaign(economics, precision, split_record()).break_even_acceptance
    assert share is not None
    at_it = {"acceptance_alpha": share, "acceptance_beta": 1 - share}
    again, _ = weighed(found=300, wrong=400, of=1437, **at_it)
    profit = again["policies"]["model"]["profit_per_customer"]["value"]
    assert profit == pytest.approx(0, abs=1e-9)


def test_a_list_of_loyal_customers_never_breaks_even() -> None:
    economics, precision = weighed(found=1, wrong=400, of=1437)
    assert plan_campaign(economics, precision, split_record()).break_even_acceptance is None


def test_customers_of_several_rows_count_once() -> None:
    economics, precision = weighed(found=3, wrong=4, of=14)
    record = split_record()
    record["sides"]["training"]["customers"] = 500
    record["sides"]["test"]["customers"] = 120
    record["customers_on_both_sides"] = 20
    assert plan_campaign(economics, precision, record).customers == 600


def test_of_a_split_by_time_the_base_is_the_latest_period() -> None:
    economics, precision = weighed(found=3, wrong=4, of=14)
    periods = [
        {"period": "2025-04", "side": "training", "rows": 9},
        {"period": "2025-06", "side": "test", "rows": 812},
        {"period": "2025-05", "side": "test", "rows": 790},
    ]
    record = split_record() | {"method": "time", "period": "month", "periods": periods}
    planned = plan_campaign(economics, precision, record)
    assert (planned.customers, planned.base) == (
        812,
        "the customers of 2025-06, the latest month",
    )


def test_where_others_accept_the_same_list_earns_what_the_decisions_say() -> None:
    economics, precision = weighed(found=300, wrong=400, of=1437)
    planned = plan_campaign(economics, precision, split_record())
    assert list(planned.profit_by_acceptance) == pytest.approx([0.1, 0.2, 0.4])
    for alpha, profit in zip((2, 4, 8), planned.profit_by_acceptance.values(), strict=True):
        other, _ = weighed(300, 400, 1437, acceptance_alpha=alpha, acceptance_beta=20 - alpha)
        each = other["policies"]["model"]["profit_per_customer"]["value"]
        assert profit == pytest.approx(7043 * each)


def test_no_more_than_everybody_can_accept() -> None:
    economics, precision = weighed(300, 400, 1437, acceptance_alpha=18, acceptance_beta=2)
    planned = plan_campaign(economics, precision, split_record())
    assert list(planned.profit_by_acceptance) == pytest.approx([0.3, 0.6])
