from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from churn_pipeline.campaigns.actions import Action
from churn_pipeline.campaigns.planning import NO_ACTION, Limits, Plan, plan
from churn_pipeline.errors import ParameterError
from churn_pipeline.scorer.decisions import Economics


def action(name: str, contact: float, incentive: float, alpha: float, **more: object) -> Action:
    return Action(name, Economics(0.0, incentive, contact, alpha, 20 - alpha), **more)  # type: ignore[arg-type]


CALL = action("call", 5.0, 20.0, 8.0)
MAIL = action("mail", 0.5, 10.0, 2.0)


def planned(
    n: int, actions: list[Action], limits: Limits, seed: int = 0, share: float = 0.0
) -> tuple[Plan, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p, value = rng.beta(1.5, 3, n), rng.lognormal(5, 0.5, n)
    held = rng.random(n) < share
    tier = np.where(p > 0.5, "high", "low")
    return plan(p, value, tier, actions, limits, held_out=held), p, value


def test_without_limits_everyone_gets_the_action_that_earns_most() -> None:
    found, p, value = planned(300, [CALL, MAIL], Limits())
    profits = np.stack([a.expected_profit(p, value) for a in (CALL, MAIL)], axis=1)
    best = np.where(profits.max(axis=1) > 0, profits.argmax(axis=1), NO_ACTION)
    assert found.action.tolist() == best.tolist()
    assert found.expected_profit.sum() == pytest.approx(np.maximum(profits.max(axis=1), 0).sum())
    assert not any(constraint.binds for constraint in found.constraints)


@pytest.mark.parametrize("seed", range(6))
def test_a_small_plan_is_the_best_of_all_that_there_are(seed: int) -> None:
    limits = Limits(budget=60.0, contacts=3)
    actions = [CALL, action("mail", 0.5, 10.0, 2.0, capacity=2)]
    found, p, value = planned(6, actions, limits, seed)
    profits = np.stack([a.expected_profit(p, value) for a in actions], axis=1)
    costs = np.stack([a.expected_cost(p) for a in actions], axis=1)
    best = 0.0
    for choice in product((NO_ACTION, 0, 1), repeat=6):
        chosen = [(i, a) for i, a in enumerate(choice) if a != NO_ACTION]
        mails = sum(a == 1 for _, a in chosen)
        spent = sum(costs[i, a] for i, a in chosen)
        if len(chosen) <= 3 and mails <= 2 and spent <= 60:
            best = max(best, sum(profits[i, a] for i, a in chosen))
    own = found.expected_profit.sum()
    assert own <= best + 1e-9
    assert best - own <= max(profits.max(), 0.0)  # less than a customer


def test_limits_hold_and_the_binding_one_has_a_price() -> None:
    limits = Limits(budget=800.0, contacts=500)
    found, *_ = planned(2000, [CALL, MAIL], limits)
    by_name = {constraint.name: constraint for constraint in found.constraints}
    assert found.expected_cost.sum() <= 800.0
    assert by_name["budget"].binds
    assert not by_name["contacts"].binds
    more, *_ = planned(2000, [CALL, MAIL], Limits(budget=900.0, contacts=500))
    gained = more.expected_profit.sum() - found.expected_profit.sum()
    assert gained == pytest.approx(100 * by_name["budget"].shadow_price, rel=0.1)


def test_capacities_and_tiers_are_kept() -> None:
    few = action("call", 5.0, 20.0, 8.0, capacity=20, tiers=("high",))
    found, p, _ = planned(1000, [few, MAIL], Limits())
    called = found.action == 0
    assert called.sum() == 20
    assert (p[called] > 0.5).all()
    assert {c.name: c.used for c in found.constraints} == {"capacity of call": 20.0}


def test_who_is_held_out_is_not_selected_differently() -> None:
    n, share = 20_000, 0.25
    found, *_ = planned(n, [CALL, MAIL], Limits(contacts=3000), seed=3, share=share)
    held = np.random.default_rng(3)
    held.beta(1.5, 3, n), held.lognormal(5, 0.5, n)
    is_held = held.random(n) < share
    selected = found.action != NO_ACTION
    assert 2990 <= found.is_treated.sum() <= 3000
    among_held, among_others = selected[is_held].mean(), selected[~is_held].mean()
    error = np.sqrt(selected.mean() * (1 - selected.mean()) * (1 / is_held.sum() + 1 / n))
    assert abs(among_held - among_others) < 4 * error


@pytest.mark.parametrize("seed", range(40))
def test_any_limits_are_used_up_with_customers_held_out(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(200, 1500))
    limits = Limits(
        budget=float(rng.uniform(100, 2500)),
        contacts=None if seed % 2 else int(rng.integers(20, 300)),
    )
    actions = [CALL, MAIL] if seed % 3 else [action("contact", 1.0, 10.0, 6.0)]
    found, *_ = planned(n, actions, limits, seed, share=0.2)
    whole, *_ = planned(n, actions, limits, seed)
    used = {constraint.name: constraint for constraint in found.constraints}
    assert all(c.used <= c.limit * (1 + 1e-9) for c in found.constraints)
    earned = found.expected_profit[found.is_treated].sum()
    assert earned > 0.7 * whole.expected_profit.sum()  # a fifth of the customers is held out
    binding = [c for c in used.values() if c.binds]
    left = [c.limit - c.used for c in binding]
    assert not left or min(left) < 26  # less than a customer costs


def test_suppressed_customers_get_nothing() -> None:
    p, value = np.full(10, 0.6), np.full(10, 300.0)
    may = np.arange(10) % 2 == 0
    none = np.zeros(10, dtype=bool)
    found = plan(p, value, np.full(10, "low"), [CALL], Limits(), held_out=none, may_contact=may)
    assert (found.action != NO_ACTION).tolist() == may.tolist()


@pytest.mark.parametrize("limits", [Limits(contacts=0), Limits(budget=0.0)])
def test_a_limit_of_nothing_selects_nobody(limits: Limits) -> None:
    found, *_ = planned(50, [CALL], limits)
    assert not found.is_treated.any()


def test_nobody_worth_a_contact_is_a_plan_for_nobody() -> None:
    dear = action("call", 1000.0, 20.0, 8.0)
    found, *_ = planned(50, [dear], Limits(contacts=5))
    assert not found.is_treated.any()


def test_customers_who_are_alike_are_planned_the_same_way_each_time() -> None:
    p, value = np.full(100, 0.6), np.full(100, 300.0)
    none = np.zeros(100, dtype=bool)
    plans = [
        plan(p, value, np.full(100, "low"), [CALL, MAIL], Limits(contacts=7), held_out=none)
        for _ in range(2)
    ]
    assert plans[0].action.tolist() == plans[1].action.tolist()
    assert plans[0].is_treated.sum() == 7


def test_no_action_and_negative_limits_are_refused() -> None:
    with pytest.raises(ParameterError, match=r"campaign\.actions is empty"):
        planned(5, [], Limits())
    with pytest.raises(ParameterError, match="budget of a campaign is -1"):
        planned(5, [CALL], Limits(budget=-1.0))


def test_an_action_takes_what_it_does_not_set_from_the_economics() -> None:
    economics = {
        "customer_lifetime_value": 200,
        "incentive_cost": 10,
        "contact_cost": 1,
        "acceptance_alpha": 6,
        "acceptance_beta": 14,
    }
    made = Action.of("call", {"contact_cost": 7, "capacity": 3, "tiers": ["high"]}, economics)
    assert made.economics == Economics(200, 10, 7, 6, 14)
    assert (made.capacity, made.tiers) == (3, ("high",))
    # a churner takes the incentive if they accept, the others always
    assert made.expected_cost(np.array([0.0, 1.0])).tolist() == [17.0, 7 + 10 * 0.3]
